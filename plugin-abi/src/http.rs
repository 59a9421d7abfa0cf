//! Web applications as plugins: any tower service, an [axum](https://docs.rs/axum) `Router` for one. Needs the feature `http`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::extract::{Extension, State};
//! use axum::{Router, routing::get};
//! use lambda_plugin_abi::{Context, Error};
//!
//! struct Site {
//!     title: String,
//! }
//!
//! fn start() -> Result<Site, Error> {
//!     Ok(Site { title: "hello".to_owned() })
//! }
//!
//! async fn home(State(site): State<Arc<Site>>, cx: Extension<Context<Site>>) -> String {
//!     format!("{} for request {}", site.title, cx.request_id())
//! }
//!
//! fn web(site: Arc<Site>) -> Router {
//!     Router::new().route("/", get(home)).with_state(site)
//! }
//!
//! lambda_plugin_abi::export! { start, http: { web } }
//! # fn main() {}
//! ```
//!
//! `web` is called once, when the plugin starts; what it returns is cloned for each request. A route of the manifest leads to it as
//! to a handler: `"to": "site.web"`. It may stand beside `handlers`, and there may be more than one:
//!
//! ```
//! # use lambda_plugin_abi::Error;
//! # fn nightly(_event: bytes::Bytes) -> Result<(), Error> {
//! #     Ok(())
//! # }
//! # fn web() -> axum::Router {
//! #     axum::Router::new()
//! # }
//! # mod pages {
//! #     pub(crate) fn admin(_state: std::sync::Arc<()>) -> axum::Router {
//! #         axum::Router::new()
//! #     }
//! # }
//! # fn flush(_state: std::sync::Arc<()>) -> Result<(), Error> {
//! #     Ok(())
//! # }
//! lambda_plugin_abi::export! { handlers: { nightly }, http: { web, admin: pages::admin }, shutdown: flush }
//! # fn main() {}
//! ```
//!
//! - Requests of API Gateway (REST, and HTTP APIs with payload 1.0 and 2.0), function URLs, load balancers and VPC Lattice arrive as
//!   one and the same `http::Request`, with the path that the client asked for, less the API's stage.
//! - A request's extensions hold the [`Context`](crate::Context), the [`Event`] as it came, and the [`ClientIp`]. What the kit knows
//!   of an invocation is there alone: no header of a request is the kit's own, so there is none for a client to forge.
//! - Headers are as the client sent them, but for `Content-Length`, which is that of the body, `Transfer-Encoding`, which the body has
//!   no more, and `Cookie` of payload 2.0, which is what the service found in it. A `Host` need not parse: it is no part of the URI.
//! - The reply has the form that the source reads. A body that is not text, or that is compressed, goes in base64.
//! - A body that is still being made when the response is there, or has more than 1 MB, is streamed: it reaches the client as it is
//!   made where the route says `"reply": "stream"`, and is collected, up to 6 MB, where it does not. One that fails at once is the
//!   handler's error; one that fails later breaks the reply off, and the service is told so. Trailers are not passed on.
//! - A reply to `HEAD`, and one with a status that has no body, is sent without one.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use lambda_plugin_abi_v1 as v1;
use serde::de::DeserializeOwned;

use crate::decode::{read, read_borrowed};
use crate::export::{Site, State};
use crate::reply::stream;
use crate::{Error, runtime};

mod answer;
mod base_path;
mod client;
mod reply;
mod request;
mod text;
mod websocket;

pub use answer::{Application, Content};
pub use base_path::{BasePath, beneath};
pub use client::ClientIp;
use request::Incoming;
pub use websocket::{WebsocketContext, WebsocketEvent, WebsocketEventType};

/// The body of a request: it is there already.
///
/// ```
/// use http_body_util::BodyExt as _;
/// # use futures_util::FutureExt as _;
/// let body = lambda_plugin_abi::http::Body::from(bytes::Bytes::from("hello"));
/// let whole = body.collect().now_or_never().expect("nothing is waited for").unwrap();
/// assert_eq!(whole.to_bytes(), "hello");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Body(Full<Bytes>);

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body(Full::new(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// The event that a request came as: for what HTTP has no place for, such as an authorizer's claims.
///
/// ```
/// # use lambda_plugin_abi::{Error, http::Event};
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Caller {
///     request_context: RequestContext,
/// }
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct RequestContext {
///     account_id: String,
/// }
///
/// async fn account(event: axum::Extension<Event>) -> Result<String, String> {
///     let caller: Caller = event.read().map_err(|error| error.to_string())?;
///     Ok(caller.request_context.account_id)
/// }
/// ```
#[derive(Clone)]
pub struct Event(Bytes);

impl Event {
    /// The event's JSON.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, http::Event, testing};
    /// use axum::{Extension, Router, routing::get};
    ///
    /// async fn size(event: Extension<Event>) -> String {
    ///     event.bytes().len().to_string()
    /// }
    ///
    /// fn web() -> Router {
    ///     Router::new().route("/", get(size))
    /// }
    /// lambda_plugin_abi::export! { http: { web } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let event = r#"{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}}}"#;
    /// let reply: serde_json::Value = testing::start(())?.invoke("web", event)?.json()?;
    /// assert_eq!(reply["body"], event.len().to_string());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The event, or a part of it, as serde reads it. See [`Event`].
    ///
    /// # Errors
    /// It has not that form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read(&self.0)
    }
}

impl fmt::Debug for Event {
    // Headers hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("bytes", &self.0.len()).finish()
    }
}

/// A function that can stand under `http`: `fn(Arc<State>) -> Router`, or `fn() -> Router`.
///
/// ```
/// use axum::Router;
/// use lambda_plugin_abi::http::Web;
/// use std::sync::Arc;
///
/// fn plain() -> Router {
///     Router::new()
/// }
/// fn with_state(_title: Arc<String>) -> Router {
///     Router::new()
/// }
/// fn stands_beside_a_state_of_string<M>(_web: impl Web<String, M>) {}
///
/// stands_beside_a_state_of_string(plain);
/// stands_beside_a_state_of_string(with_state);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand under `http`",
    label = "not a function that makes a web application",
    note = "write `fn web(state: Arc<State>) -> axum::Router`; the state may be left out",
    note = "`State` is what `start` returns; without `start` it is `()`"
)]
pub trait Web<S, M> {
    /// What it makes.
    type Application;

    /// Calls it.
    fn make(&self, state: Arc<S>) -> Self::Application;
}

impl<S, F: Fn() -> A, A> Web<S, ()> for F {
    type Application = A;

    fn make(&self, _state: Arc<S>) -> A {
        self()
    }
}

impl<S, F: Fn(Arc<S>) -> A, A> Web<S, (Arc<S>,)> for F {
    type Application = A;

    fn make(&self, state: Arc<S>) -> A {
        self(state)
    }
}

/// One name under `http`, brought to life with the plugin's state.
///
/// # Errors
/// The runtime cannot be started.
#[doc(hidden)]
pub fn site<S, F, M>(_state: &State<S>, web: F, state: &Arc<dyn Any + Send + Sync>) -> Result<Site, Error>
where
    S: Any + Send + Sync,
    F: Web<S, M>,
    F::Application: Application,
{
    runtime::start().map_err(|error| Error::new("Runtime", format_args!("tokio runtime: {error}")))?;
    let state = Arc::downcast::<S>(Arc::clone(state)).map_err(|_| Error::new("Internal", "the state is of another type"))?;
    // A service need not be Sync: only one is ever cloned at a time.
    let application = Arc::new(Mutex::new(runtime::enter(|| web.make(state))));
    Ok(Box::new(move |call| {
        let application = Arc::clone(&application);
        call.run(|call| async move {
            let (event, _invocation, context) = call.open(&State::<S>::new())?;
            let event = Bytes::from_owner(event);
            let (mut request, form) = read_borrowed::<Incoming<'_>>(&event)?.into_request(&event)?;
            request.extensions_mut().insert(context);
            request.extensions_mut().insert(Event(event));
            let application = application.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (parts, content) = application.answer(request).await?.into_parts();
            match content {
                Content::Whole(body) => {
                    let json = reply::object(&parts, &body, form)?;
                    Ok(v1::Outcome::value(v1::Buffer::new(json), v1::Outcome::JSON))
                }
                Content::Stream(body) => Ok(stream(reply::prelude(&parts)?, body)),
            }
        })
    }))
}
