//! Which functions may be handlers: found out by the compiler from their signatures.
//!
//! The markers (`M`, `N`) only keep implementations apart that would otherwise overlap; the compiler finds them.

use serde::de::DeserializeOwned;
use std::future::Future;

use crate::export::Bound;
use crate::{Context, Error, Host, IntoError, runtime};

/// A function that can be a handler: `fn(event)` or `fn(event, Context<State>)`, async or not.
///
/// ```
/// use lambda_plugin_abi::{Context, Error, Handler};
///
/// async fn plain(event: u32) -> Result<u32, Error> {
///     Ok(event)
/// }
/// fn with_state(event: u32, cx: Context<u32>) -> Result<u32, Error> {
///     Ok(event + cx.state())
/// }
/// fn is_handler_beside_a_state_of_u32<M>(_handler: impl Handler<u32, M>) {}
///
/// is_handler_beside_a_state_of_u32(plain);
/// is_handler_beside_a_state_of_u32(with_state);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler",
    label = "not a handler",
    note = "write `async fn handler(event: MyEvent, cx: Context<State>) -> Result<MyReply, Error>`; `cx`, `async` and the state may be left out",
    note = "`State` is what `start` returns; without `start` it is `()`"
)]
pub trait Handler<S, M> {
    /// What it takes.
    type Event;
    /// What it gives: a `Result` or a future of one.
    type Answer;
    /// The handler with both of them known.
    #[doc(hidden)]
    type Bound;

    /// Ties the handler to them.
    #[doc(hidden)]
    fn bind(self) -> Self::Bound;

    /// Calls it.
    fn call(&self, event: Self::Event, context: Context<S>) -> Self::Answer;
}

impl<S, F: Fn(E) -> A, E, A> Handler<S, (E,)> for F {
    type Event = E;
    type Answer = A;
    type Bound = Bound<S, F, E, A>;

    fn bind(self) -> Self::Bound {
        Bound::new(self, <Self as Handler<S, (E,)>>::call)
    }

    fn call(&self, event: E, _context: Context<S>) -> A {
        self(event)
    }
}

impl<S, F: Fn(E, Context<S>) -> A, E, A> Handler<S, (E, Context<S>)> for F {
    type Event = E;
    type Answer = A;
    type Bound = Bound<S, F, E, A>;

    fn bind(self) -> Self::Bound {
        Bound::new(self, <Self as Handler<S, (E, Context<S>)>>::call)
    }

    fn call(&self, event: E, context: Context<S>) -> A {
        self(event, context)
    }
}

/// A function that can be `start`: `fn()`, `fn(Config)` or `fn(Config, Host)`, async or not.
///
/// `Config` is any type that serde reads. A mistake in the manifest's `config` is named by its place, `plugins.orders.config.table`.
///
/// ```
/// use lambda_plugin_abi::{Error, Host, Start};
///
/// fn nothing() -> Result<(), Error> {
///     Ok(())
/// }
/// async fn all(table: String, _host: Host) -> Result<String, Error> {
///     Ok(table)
/// }
/// fn is_start<M>(_start: impl Start<M>) {}
///
/// is_start(nothing);
/// is_start(all);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be `start`",
    label = "not a start function",
    note = "write `async fn start(config: Config, host: Host) -> Result<State, Error>`; `host`, `config` and `async` may be left out",
    note = "`Config` is your own type, with `#[derive(serde::Deserialize)]`"
)]
pub trait Start<M> {
    /// What the manifest's `config` is read as.
    type Config: DeserializeOwned;
    /// What it gives: a `Result` or a future of one.
    type Answer;

    /// Calls it.
    fn call(&self, config: Self::Config, host: Host) -> Self::Answer;
}

impl<F: Fn() -> A, A> Start<()> for F {
    type Config = serde::de::IgnoredAny;
    type Answer = A;

    fn call(&self, _config: Self::Config, _host: Host) -> A {
        self()
    }
}

impl<F: Fn(C) -> A, C: DeserializeOwned, A> Start<(C,)> for F {
    type Config = C;
    type Answer = A;

    fn call(&self, config: C, _host: Host) -> A {
        self(config)
    }
}

impl<F: Fn(C, Host) -> A, C: DeserializeOwned, A> Start<(C, Host)> for F {
    type Config = C;
    type Answer = A;

    fn call(&self, config: C, host: Host) -> A {
        self(config, host)
    }
}

/// Starts the plugin's runtime. Later calls change nothing.
///
/// ```
/// use lambda_plugin_abi::{Answer, Error};
/// // A plain function needs none.
/// fn runtime_of<A: Answer<N>, N>(_function: fn() -> A) -> Option<lambda_plugin_abi::StartRuntime> {
///     A::RUNTIME
/// }
/// fn plain() -> Result<(), Error> {
///     Ok(())
/// }
/// assert!(runtime_of(plain).is_none());
/// ```
pub type StartRuntime = fn() -> std::io::Result<()>;

/// What a handler gives: a `Result`, or a `Send` future of one.
///
/// ```
/// use lambda_plugin_abi::Answer;
/// # use futures_util::FutureExt as _;
/// let answer: Result<u32, std::fmt::Error> = Ok(7);
/// assert_eq!(answer.answer().now_or_never().unwrap().unwrap(), 7);
/// assert_eq!(async { Err::<(), _>("nothing left") }.answer().now_or_never().unwrap().unwrap_err().message(), "nothing left");
/// ```
#[diagnostic::on_unimplemented(
    message = "neither a handler nor `start` can return `{Self}`",
    label = "neither a `Result` nor a `Send` future of one",
    note = "return `Result<T, Error>`, from an `async fn` or a plain one; the error is one that `?` takes"
)]
pub trait Answer<N> {
    /// What it gives when it goes well.
    type Value;
    /// Starts what the plugin needs for it; only a future needs anything.
    const RUNTIME: Option<StartRuntime>;

    /// Waits for it.
    fn answer(self) -> impl Future<Output = Result<Self::Value, Error>> + Send;
}

/// Marker of [`Answer`] for plain results.
#[derive(Debug)]
pub struct Sync<M>(M);

/// Marker of [`Answer`] for futures.
#[derive(Debug)]
pub struct Async<M>(M);

#[diagnostic::do_not_recommend]
impl<T: Send, E: IntoError<M> + Send, M> Answer<Sync<M>> for Result<T, E> {
    type Value = T;
    const RUNTIME: Option<StartRuntime> = None;

    fn answer(self) -> impl Future<Output = Result<T, Error>> + Send {
        std::future::ready(self.map_err(IntoError::into_error))
    }
}

impl<F: Future<Output = Result<T, E>> + Send, T: Send, E: IntoError<M>, M> Answer<Async<M>> for F {
    type Value = T;
    const RUNTIME: Option<StartRuntime> = Some(runtime::start);

    async fn answer(self) -> Result<T, Error> {
        self.await.map_err(IntoError::into_error)
    }
}
