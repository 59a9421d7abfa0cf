//! What `export!` expands to: the note, the four functions of the ABI, and the root module header.

use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::context::Handle;
use crate::panic::catch;
use crate::signature::{Answer, Handler, Start, StartRuntime};
use crate::task::task;
use crate::{Context, Error, Host, StreamReply, log, panic};

#[cfg(feature = "http")]
pub use crate::http::site;
pub use crate::note::{Description, Note};
pub use abi_stable;
pub use lambda_plugin_abi_v1 as v1_types;

/// A started plugin: what an instance pointer points to.
#[expect(missing_debug_implementations, reason = "the state need not be Debug")]
pub struct Instance {
    state: Arc<dyn Any + Send + Sync>,
    sites: Vec<Site>,
}

/// One call of a handler, before the event is read.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct Call {
    state: Arc<dyn Any + Send + Sync>,
    invocation: Arc<Handle>,
    event: v1::Buffer,
}

/// Turns a [`Call`] into a task. `export!` makes one for each handler.
pub type Entry = fn(Call) -> v1::Task;

/// What stands under `http`, with the plugin's state in it. Their indices follow those of the handlers.
pub type Site = Box<dyn Fn(Call) -> v1::Task + Send + std::marker::Sync>;

/// Makes a [`Site`] of the state. `export!` makes one for each name under `http`.
pub type MakeSite = fn(&Arc<dyn Any + Send + Sync>) -> Result<Site, Error>;

/// Ties the state that `start` returns to the handlers that take it.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct State<S>(PhantomData<fn() -> S>);

#[cfg(feature = "http")]
impl<S> State<S> {
    pub(crate) fn new() -> Self {
        State(PhantomData)
    }
}

/// The state of a plugin without `start`.
#[must_use]
pub fn no_state() -> State<()> {
    State(PhantomData)
}

/// The state that `start` returns.
#[must_use]
pub fn state_of<F, M, N>(_start: &F) -> State<<F::Answer as Answer<N>>::Value>
where
    F: Start<M>,
    F::Answer: Answer<N>,
{
    State(PhantomData)
}

/// A handler with everything about its signature known.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
#[expect(clippy::type_complexity, reason = "markers only")]
pub struct Bound<S, F, M, N>(F, PhantomData<fn() -> (S, M, N)>);

/// Binds a handler to the plugin's state.
pub fn bind<S, F, M, N>(_state: &State<S>, handler: F) -> Bound<S, F, M, N>
where
    F: Handler<S, M>,
    F::Answer: Answer<N>,
{
    Bound(handler, PhantomData)
}

/// A type, to find the right `decode` or `encode` by.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Clone for Probe<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Probe<T> {}

#[cfg(feature = "http")]
impl<T> Probe<T> {
    pub(crate) fn new() -> Self {
        Probe(PhantomData)
    }
}

impl<S, F, M, N> Bound<S, F, M, N>
where
    F: Handler<S, M>,
    F::Answer: Answer<N>,
{
    /// The event type.
    #[must_use]
    pub fn event(&self) -> Probe<F::Event> {
        Probe(PhantomData)
    }

    /// The reply type.
    #[must_use]
    pub fn reply(&self) -> Probe<<F::Answer as Answer<N>>::Value> {
        Probe(PhantomData)
    }

    /// Starts what the plugin needs for it.
    #[must_use]
    pub fn runtime(&self) -> Option<StartRuntime> {
        F::Answer::RUNTIME
    }

    /// Calls the handler.
    pub fn call(
        &self,
        event: F::Event,
        context: Context<S>,
    ) -> impl Future<Output = Result<<F::Answer as Answer<N>>::Value, Error>> + Send {
        self.0.call(event, context).answer()
    }
}

impl Call {
    /// Takes the call apart. Where the state is not the one that the handler takes, which the macro rules out, an error.
    pub fn open<S: Any + Send + std::marker::Sync>(self, _state: &State<S>) -> Result<(v1::Buffer, Context<S>), Error> {
        let state = Arc::downcast::<S>(self.state).map_err(|_| Error::new("Internal", "the state is of another type"))?;
        Ok((self.event, Context::new(state, self.invocation)))
    }

    /// Runs `future` for this invocation. `encode` is the last step, so that an error of it is one of the handler's.
    pub fn run<F>(self, start: impl FnOnce(Call) -> F) -> v1::Task
    where
        F: Future<Output = Result<v1::Outcome, Error>> + Send + 'static,
    {
        let invocation = Arc::clone(&self.invocation);
        let future = start(self);
        task(Some(invocation), async move { future.await.unwrap_or_else(|error| error.outcome(v1::Outcome::ERROR)) })
    }
}

/// Events that are passed on as they came.
pub trait DecodeBytes {
    /// The event as bytes, without a copy.
    fn decode(self, event: v1::Buffer) -> Result<Bytes, Error>;
}

impl DecodeBytes for &Probe<Bytes> {
    fn decode(self, event: v1::Buffer) -> Result<Bytes, Error> {
        Ok(Bytes::from_owner(event))
    }
}

/// Events that serde reads.
pub trait DecodeJson<T> {
    /// The event as a value.
    fn decode(self, event: v1::Buffer) -> Result<T, Error>;
}

impl<T: DeserializeOwned> DecodeJson<T> for Probe<T> {
    fn decode(self, event: v1::Buffer) -> Result<T, Error> {
        read_event(event.as_ref())
    }
}

pub(crate) fn read_event<T: DeserializeOwned>(event: &[u8]) -> Result<T, Error> {
    // serde_json's message names line and column, and of the event's contents at most the kind of a value.
    serde_json::from_slice(event).map_err(|error| Error::new("EventDecode", format_args!("event: {}", without_values(&error))))
}

/// Replies that are sent as they are.
pub trait EncodeBytes {
    /// The reply as an outcome, without a copy.
    fn encode(self, reply: Bytes) -> Result<v1::Outcome, Error>;
}

impl EncodeBytes for &Probe<Bytes> {
    fn encode(self, reply: Bytes) -> Result<v1::Outcome, Error> {
        Ok(v1::Outcome::value(v1::Buffer::new(reply), 0))
    }
}

/// Replies that are sent in pieces.
pub trait EncodeStream {
    /// The reply as an outcome.
    fn encode(self, reply: StreamReply) -> Result<v1::Outcome, Error>;
}

impl EncodeStream for &Probe<StreamReply> {
    fn encode(self, reply: StreamReply) -> Result<v1::Outcome, Error> {
        reply.outcome()
    }
}

/// Replies that serde writes.
pub trait EncodeJson<T> {
    /// The reply as an outcome.
    fn encode(self, reply: T) -> Result<v1::Outcome, Error>;
}

impl<T: Serialize> EncodeJson<T> for Probe<T> {
    fn encode(self, reply: T) -> Result<v1::Outcome, Error> {
        let json = serde_json::to_vec(&reply).map_err(|error| Error::new("ReplyEncode", format_args!("reply: {error}")))?;
        Ok(v1::Outcome::value(v1::Buffer::new(json), v1::Outcome::JSON))
    }
}

/// Connects the plugin to the host and, where something in it is async, starts its runtime. First thing of every start.
fn set_up(host: Host, needs: &[Option<StartRuntime>]) -> Result<(), Error> {
    if let Some(service) = host.log() {
        log::connect(service);
    }
    panic::install_hook();
    start_all(needs)
}

fn start_all(needs: &[Option<StartRuntime>]) -> Result<(), Error> {
    let mut needs = needs.iter().flatten();
    needs.try_for_each(|start| start()).map_err(|error| Error::new("Runtime", format_args!("tokio runtime: {error}")))
}

fn started<S: Any + Send + std::marker::Sync>(state: S, sites: &[MakeSite]) -> Result<v1::Outcome, Error> {
    let state: Arc<dyn Any + Send + Sync> = Arc::new(state);
    let sites = sites.iter().map(|make| make(&state)).collect::<Result<_, _>>()?;
    let instance = Box::new(Instance { state, sites });
    // Lives as long as the process: plugins are never unloaded.
    Ok(v1::Outcome::started(Box::into_raw(instance).cast_const().cast()))
}

/// A plugin without `start`.
#[must_use]
pub fn start_without(host: v1::Host, needs: &[Option<StartRuntime>], sites: &'static [MakeSite]) -> v1::Task {
    let ready = set_up(Host::new(host), needs);
    // In the task, because there panics are caught.
    task(None, async move { ready.and_then(|()| started((), sites)).unwrap_or_else(|error| error.outcome(v1::Outcome::ERROR)) })
}

/// A plugin with `start`.
pub fn start_with<F, M, N>(
    start: F,
    host: v1::Host,
    config: v1::Buffer,
    needs: &[Option<StartRuntime>],
    sites: &'static [MakeSite],
) -> v1::Task
where
    F: Start<M> + Send + std::marker::Sync + 'static,
    F::Answer: Answer<N> + Send,
    <F::Answer as Answer<N>>::Value: Any + Send + std::marker::Sync,
    M: 'static,
    N: 'static,
{
    let host = Host::new(host);
    // Before the first poll, which enters the runtime.
    let ready = set_up(host, needs).and_then(|()| start_all(&[F::Answer::RUNTIME]));
    task(None, async move {
        let state = async {
            ready?;
            let read = serde_json::from_slice(config.as_ref());
            drop(config);
            let config = read.map_err(|error| Error::new("ConfigDecode", format_args!("config: {}", without_values(&error))))?;
            start.call(config, host).answer().await
        };
        state.await.and_then(|state| started(state, sites)).unwrap_or_else(|error| error.outcome(v1::Outcome::ERROR))
    })
}

/// A hook of the plugin's life: `fn(Arc<State>)`.
pub fn hook<S, F, A, N>(_state: &State<S>, hook: F, instance: &Instance) -> v1::Task
where
    S: Any + Send + std::marker::Sync,
    F: FnOnce(Arc<S>) -> A + Send + 'static,
    A: Answer<N> + Send,
    N: 'static,
{
    let state = Arc::clone(&instance.state);
    let ready = start_all(&[A::RUNTIME]);
    task(None, async move {
        if let Err(error) = ready {
            return error.outcome(v1::Outcome::ERROR);
        }
        let Ok(state) = Arc::downcast::<S>(state) else { return no_value() };
        match hook(state).answer().await {
            Ok(_) => no_value(),
            Err(error) => error.outcome(v1::Outcome::ERROR),
        }
    })
}

/// A phase that the plugin has no hook for.
#[must_use]
pub fn no_hook() -> v1::Task {
    task(None, std::future::ready(no_value()))
}

fn no_value() -> v1::Outcome {
    v1::Outcome::value(v1::Buffer::EMPTY, 0)
}

/// `invoke` of the ABI.
///
/// # Safety
/// `instance` is one that a start of this plugin returned.
#[expect(unsafe_code, reason = "the instance comes back from the host as a pointer")]
pub unsafe fn invoke(
    entries: &[Entry],
    instance: *const (),
    handler: u32,
    invocation: v1::Invocation,
    event: v1::Buffer,
) -> v1::Task {
    // SAFETY: an `Instance` made by `started`, which is never freed, and only ever shared.
    let instance = unsafe { &*instance.cast::<Instance>() };
    let invocation = Arc::new(Handle::new(invocation));
    let call = Call { state: Arc::clone(&instance.state), invocation, event };
    let run = || match entries.get(handler as usize) {
        Some(entry) => entry(call),
        None => match (handler as usize).checked_sub(entries.len()).and_then(|index| instance.sites.get(index)) {
            Some(site) => site(call),
            None => {
                task(None, std::future::ready(Error::new("Internal", "no handler with this index").outcome(v1::Outcome::ERROR)))
            }
        },
    };
    match catch(run) {
        Ok(task) => task,
        Err(panic) => task(None, std::future::ready(panic.outcome(v1::Outcome::PANIC))),
    }
}

/// `lifecycle` of the ABI.
///
/// # Safety
/// `instance` is one that a start of this plugin returned.
#[expect(unsafe_code, reason = "the instance comes back from the host as a pointer")]
pub unsafe fn lifecycle(instance: *const (), run: impl FnOnce(&Instance) -> v1::Task) -> v1::Task {
    // SAFETY: an `Instance` made by `started`, which is never freed, and only ever shared.
    let instance = unsafe { &*instance.cast::<Instance>() };
    match catch(|| run(instance)) {
        Ok(task) => task,
        Err(panic) => task(None, std::future::ready(panic.outcome(v1::Outcome::PANIC))),
    }
}

/// serde's message without the values it quotes: `invalid type: string "secret", expected u32` keeps the kind alone. Names of
/// fields stay.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['"', '`']) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        // What follows `expected` is the author's own types.
        if before.contains("expected ") || before.ends_with("field ") || out.ends_with("field ") {
            break;
        }
        let quote = if quoted.starts_with('"') { '"' } else { '`' };
        let mut escaped = false;
        let end = quoted[1..].find(|c| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        out.push('…');
        match end {
            Some(end) => rest = &quoted[end + 2..],
            None => return out,
        }
        if rest.starts_with(", expected ") {
            break;
        }
    }
    match rest.find(['"', '`']) {
        Some(at) if !out.is_empty() && (out.ends_with("field ") || out.contains("expected ")) => out.push_str(&rest[at..]),
        _ => out.push_str(rest),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Order {
        id: u32,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Book,
    }

    #[test]
    fn decode_errors_name_fields_and_never_values() {
        for (json, expected) in [
            (r#"{"id":"se, expected cret"}"#, "event: invalid type: string …, expected u32 at line 1 column 25"),
            (r#"{"id":1,"kind":"secret"}"#, "event: unknown variant …, expected `book` at line 1 column 23"),
            (r#"{"id":-5}"#, "event: invalid value: integer …, expected u32 at line 1 column 8"),
            (r#"{"id":1}"#, "event: missing field `kind` at line 1 column 8"),
            (r#"{"idd":1}"#, "event: unknown field `idd`, expected `id` or `kind` at line 1 column 6"),
            ("{", "event: EOF while parsing an object at line 1 column 1"),
        ] {
            let error = DecodeJson::<Order>::decode(Probe::<Order>(PhantomData), v1::Buffer::new(json)).unwrap_err();
            assert_eq!(error.message(), expected, "{json}");
        }
    }
}
