//! What `export!` expands to: the note, the four functions of the ABI, and the root module header.

use lambda_plugin_abi_v1 as v1;
use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::context::Handle;
use crate::panic::catch;
use crate::signature::{Answer, Handler, Start, StartRuntime};
use crate::task::task;
use crate::{Context, Error, Host, config, log, panic, runtime};

/// How events are read and replies written: the traits that the macro looks methods up in.
pub mod codec {
    #[cfg(feature = "lambda_runtime")]
    pub use crate::decode::DecodeLambda;
    pub use crate::decode::{DecodeBytes, DecodeJson};
    pub use crate::encode::{EncodeBytes, EncodeJson, EncodeStream};
    pub use crate::export::Typed;
    #[cfg(feature = "lambda_runtime")]
    pub use crate::moved::{AnswerLambda, EncodeLambda};
}

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

/// A handler whose event and answer are known. Nothing of it has bounds, and the macro gets it as a type that only a handler that
/// fits has: one that does not is an error at [`bind`], and not one more at each use.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct Bound<S, F, E, A> {
    handler: F,
    call: fn(&F, E, Context<S>) -> A,
}

/// Binds a handler to the plugin's state.
pub fn bind<S, F: Handler<S, M>, M>(_state: &State<S>, handler: F) -> F::Bound {
    handler.bind()
}

impl<S, F, E, A> Bound<S, F, E, A> {
    pub(crate) fn new(handler: F, call: fn(&F, E, Context<S>) -> A) -> Self {
        Bound { handler, call }
    }
}

/// By value, so that what is for `&Probe` goes before it (`AnswerLambda`).
impl<E, A> Probe<(E, A)> {
    /// What the plugin needs for a handler's answer.
    #[must_use]
    pub fn __lambda_plugin_needs<N>(self) -> Option<StartRuntime>
    where
        A: Answer<N>,
    {
        A::RUNTIME
    }

    /// Waits for a handler's answer.
    pub fn __lambda_plugin_answer<N>(self, answer: A) -> impl Future<Output = Result<A::Value, Error>> + Send
    where
        A: Answer<N>,
    {
        answer.answer()
    }
}

/// Tells a reply's type. A method, because the compiler asks for nothing more of a value whose type it does not know.
pub trait Typed: Sized {
    /// The type, and the reply itself.
    fn __lambda_plugin_typed(self) -> (Probe<Self>, Self) {
        (Probe(PhantomData), self)
    }
}

impl<T> Typed for T {}

/// A type, to find the right `decode` or `encode` by.
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Clone for Probe<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Probe<T> {}

#[cfg(feature = "lambda_runtime")]
impl<T> Probe<T> {
    pub(crate) fn new() -> Self {
        Probe(PhantomData)
    }
}

impl<S, F, E, A> Bound<S, F, E, A> {
    /// The event type.
    #[must_use]
    pub fn event(&self) -> Probe<E> {
        Probe(PhantomData)
    }

    /// The event type with that of the answer.
    #[must_use]
    pub fn answers(&self) -> Probe<(E, A)> {
        Probe(PhantomData)
    }

    /// Calls the handler.
    pub fn call(&self, event: E, context: Context<S>) -> A {
        (self.call)(&self.handler, event, context)
    }
}

impl Call {
    /// Takes the call apart. Where the state is not the one that the handler takes, which the macro rules out, an error.
    pub fn open<S: Any + Send + std::marker::Sync>(
        self,
        _state: &State<S>,
    ) -> Result<(v1::Buffer, Arc<Handle>, Context<S>), Error> {
        let state = Arc::downcast::<S>(self.state).map_err(|_| Error::new("Internal", "the state is of another type"))?;
        Ok((self.event, Arc::clone(&self.invocation), Context::new(state, self.invocation)))
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

/// Connects the plugin to the host and, where something in it is async, starts its runtime. First thing of every start.
fn set_up(host: Host, needs: &[Option<StartRuntime>]) -> Result<(), Error> {
    if let Some(service) = host.log_service() {
        log::connect(service);
    }
    if let Some(service) = host.thread_service() {
        runtime::know_threads(service);
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
            let read = config::read(config.as_ref(), &host)?;
            drop(config);
            start.call(read, host).answer().await
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
    caught(run)
}

/// Makes a task; a panic on the way becomes the task's outcome.
pub fn caught(make: impl FnOnce() -> v1::Task) -> v1::Task {
    catch(make).unwrap_or_else(|panic| task(None, std::future::ready(panic.outcome(v1::Outcome::PANIC))))
}

/// `query` of the ABI: this kit has nothing that a host could ask for.
///
/// # Safety
/// None is asked of the caller; the signature is the ABI's.
#[expect(unsafe_code, reason = "signature of `v1::Plugin::query`")]
pub unsafe extern "C" fn query(_instance: *const (), _name: v1::Slice, _version: u32) -> *const () {
    std::ptr::null()
}

/// `lifecycle` of the ABI.
///
/// # Safety
/// `instance` is one that a start of this plugin returned.
#[expect(unsafe_code, reason = "the instance comes back from the host as a pointer")]
pub unsafe fn lifecycle(instance: *const (), run: impl FnOnce(&Instance) -> v1::Task) -> v1::Task {
    // SAFETY: an `Instance` made by `started`, which is never freed, and only ever shared.
    let instance = unsafe { &*instance.cast::<Instance>() };
    caught(|| run(instance))
}
