//! One request through a tower service, and what of its response's body is sent in one piece.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::{Method, Request, Response, StatusCode};
use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use tower_service::Service;

use super::Body;
use crate::Error;

/// The most bytes that a body has which is sent whole. In JSON a byte may become six, and Lambda takes six million of them.
const WHOLE: usize = 1_000_000;

/// The same of a body that does not tell its size, and so may have no end.
const WHOLE_UNTOLD: usize = 1 << 16;

/// A web application: a tower service from requests to responses, of which each request gets a clone.
///
/// ```
/// use axum::{Router, extract::State, routing::get};
/// use lambda_plugin_abi::http::Application;
///
/// async fn home(title: State<&'static str>) -> &'static str {
///     title.0
/// }
/// fn is_application(_application: impl Application) {}
///
/// is_application(Router::new().route("/", get(home)).with_state("hello"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a web application",
    label = "no `tower::Service<http::Request<lambda_plugin_abi::http::Body>>` that is `Clone + Send`",
    note = "return an `axum::Router`, after `with_state` where it has a state; the function itself is not async"
)]
pub trait Application: Clone + Send + 'static {
    /// Answers one request.
    fn answer(self, request: Request<Body>) -> impl Future<Output = Result<Response<Content>, Error>> + Send;
}

/// The body of a response.
pub enum Content {
    /// It was there with the response, and is not large.
    Whole(Bytes),
    /// It is still being made, or is large.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Whole(body) => f.debug_tuple("Whole").field(&body.len()).finish(),
            Content::Stream(_) => f.debug_tuple("Stream").finish_non_exhaustive(),
        }
    }
}

// Else the compiler lists all tower services of all crates.
#[diagnostic::do_not_recommend]
impl<A, B> Application for A
where
    A: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    A::Error: Into<Box<dyn StdError + Send + Sync>>,
    A::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn answer(mut self, request: Request<Body>) -> Result<Response<Content>, Error> {
        let failed = |error: A::Error| Error::new("HttpService", error.into());
        let head = request.method() == Method::HEAD;
        poll_fn(|cx| self.poll_ready(cx)).await.map_err(failed)?;
        let (parts, body) = self.call(request).await.map_err(failed)?.into_parts();
        let content = if head || has_none(parts.status) { Content::Whole(Bytes::new()) } else { content(body).await? };
        Ok(Response::from_parts(parts, content))
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1>
fn has_none(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The body whole, where all of it is there; nothing is waited for.
async fn content<B>(body: B) -> Result<Content, Error>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let told = body.size_hint().exact().map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let most = told.map_or(WHOLE_UNTOLD, |_| WHOLE);
    let mut pieces = Pieces { body: Box::pin(body), ready: VecDeque::new() };
    let mut length = 0;
    // A large one is not even begun.
    while told.is_none_or(|told| told <= WHOLE) && length <= most && pieces.ready.len() < 64 {
        let next = poll_fn(|cx| Poll::Ready(pieces.poll_body(cx))).await;
        match next {
            Poll::Pending => break,
            Poll::Ready(None) => return Ok(Content::Whole(pieces.joined(length))),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(Some(Ok(piece))) => {
                length += piece.len();
                pieces.ready.push_back(piece);
            }
        }
    }
    Ok(Content::Stream(Box::pin(pieces)))
}

/// A body, and the first pieces of it.
struct Pieces<B> {
    body: Pin<Box<B>>,
    ready: VecDeque<Bytes>,
}

impl<B> Pieces<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let frame = match self.body.as_mut().poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Error::new("HttpBody", error.into())))),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            // None of the sources has trailers for its own use.
            if let Ok(mut data) = frame.into_data() {
                let length = data.remaining();
                return Poll::Ready(Some(Ok(data.copy_to_bytes(length))));
            }
        }
    }

    fn joined(&mut self, length: usize) -> Bytes {
        match self.ready.len() {
            0 | 1 => self.ready.pop_front().unwrap_or_default(),
            _ => {
                let mut all = Vec::with_capacity(length);
                self.ready.iter().for_each(|piece| all.extend_from_slice(piece));
                all.into()
            }
        }
    }
}

impl<B> Stream for Pieces<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.ready.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None => self.poll_body(cx),
        }
    }
}

#[cfg(test)]
mod tests;
