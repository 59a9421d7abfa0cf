//! Which functions may be handlers: found out by the compiler from their signatures.
//!
//! The markers (`M`, `N`) only keep implementations apart that would otherwise overlap; the compiler finds them.

use serde::de::DeserializeOwned;
use std::future::Future;

use crate::{Context, Error, Host, IntoError, runtime};

/// A function that can be a handler: `fn(event)` or `fn(event, Context<State>)`.
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

    /// Calls it.
    fn call(&self, event: Self::Event, context: Context<S>) -> Self::Answer;
}

impl<S, F: Fn(E) -> A, E, A> Handler<S, (E,)> for F {
    type Event = E;
    type Answer = A;

    fn call(&self, event: E, _context: Context<S>) -> A {
        self(event)
    }
}

impl<S, F: Fn(E, Context<S>) -> A, E, A> Handler<S, (E, Context<S>)> for F {
    type Event = E;
    type Answer = A;

    fn call(&self, event: E, context: Context<S>) -> A {
        self(event, context)
    }
}

/// A function that can be `start`: `fn()`, `fn(Config)` or `fn(Config, Host)`.
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
pub type StartRuntime = fn() -> std::io::Result<()>;

/// What a handler gives: a `Result`, or a `Send` future of one.
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
