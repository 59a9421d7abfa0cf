//! Tests of a plugin in its own crate, without the loader.
//!
//! ```standalone_crate
//! use lambda_plugin_abi::{Context, Error, testing};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     greeting: String,
//! }
//!
//! async fn start(config: Config) -> Result<Config, Error> {
//!     Ok(config)
//! }
//!
//! async fn greet(name: String, cx: Context<Config>) -> Result<String, Error> {
//!     Ok(format!("{}, {name}", cx.state().greeting))
//! }
//!
//! lambda_plugin_abi::export! { start, handlers: { greet } }
//!
//! fn main() -> Result<(), Error> {
//!     let plugin = testing::start(json!({ "greeting": "good day" }))?;
//!     let reply = plugin.invoke("greet", r#""Ada""#)?;
//!     assert_eq!(reply.json::<String>()?, "good day, Ada");
//!     Ok(())
//! }
//! ```
//!
//! The calls go through the very functions that the loader calls: events and `config` are decoded, panics caught, handlers dropped at
//! their deadline, and replies checked as in production. Errors have the types and messages that Lambda would get.
//!
//! - The crate needs `crate-type = ["cdylib", "rlib"]` for tests in its `tests/` folder. Such a test names the crate,
//!   `use my_plugin as _;`, so that it is linked. Without that, and in a crate without [`export!`](crate::export), the linker misses the
//!   symbol `_1as_0lib_1header_0root_bmodule_bloader`.
//! - Every [`start`] gives a plugin with a state of its own. Statics are shared by all tests of the process.
//! - Log records go to standard error, where the test harness captures them.

use abi_stable::library::LibHeader;
use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;

mod host;
mod invocation;
mod reply;
mod wait;

pub use host::host;
pub use invocation::Invocation;
pub use reply::Reply;

/// Longer replies are refused (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const REPLY_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// How long `start` and hooks may take.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A started plugin: the one that this crate, or a crate that it links, exports. Made by [`start`].
///
/// ```standalone_crate
/// # use lambda_plugin_abi::{Error, testing};
/// # fn handler(event: u32) -> Result<u32, Error> { Ok(event) }
/// # lambda_plugin_abi::export! { handlers: { handler } }
/// # fn main() -> Result<(), Error> {
/// let plugin = &testing::start(())?;
/// // Several invocations may be in flight at once, as in the loader.
/// std::thread::scope(|scope| {
///     for event in ["1", "2"] {
///         scope.spawn(move || assert_eq!(*plugin.invoke("handler", event).unwrap(), *event.as_bytes()));
///     }
/// });
/// # Ok(())
/// # }
/// ```
pub struct Plugin {
    module: v1::PluginRef,
    handlers: Vec<String>,
    instance: Instance,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

struct Instance(*const ());

// SAFETY: an instance may be used from any thread, several at once (`v1::Plugin::start`).
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Instance {}
// SAFETY: as for Send.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Instance {}

/// Starts the plugin with the `config` of a manifest: `json!({ "table": "t" })`, or any other value that serialises; `()` for none.
///
/// Its name in messages is `test`, where the manifest's own would be.
///
/// ```standalone_crate
/// # use lambda_plugin_abi::{Error, testing};
/// #[derive(serde::Deserialize)]
/// struct Config {
///     table: String,
/// }
///
/// fn start(config: Config) -> Result<String, Error> {
///     Ok(config.table)
/// }
/// # fn handler(_event: ()) -> Result<(), Error> { Ok(()) }
/// lambda_plugin_abi::export! { start, handlers: { handler } }
///
/// # fn main() {
/// let error = testing::start(serde_json::json!({ "table": 7 })).unwrap_err();
/// assert_eq!(error.message(), "plugins.test.config.table: invalid type: integer …, expected a string");
/// # }
/// ```
///
/// # Errors
/// What the plugin's `start` fails with, its panic, or a `config` that it does not take.
pub fn start(config: impl Serialize) -> Result<Plugin, Error> {
    #[expect(improper_ctypes, reason = "Rust on both sides, of one compilation")]
    #[expect(unsafe_code, reason = "the plugin is found through the symbol that the loader looks for")]
    unsafe extern "C" {
        // `export!` defines it. This function is generic, so that only what calls it needs the symbol to be there.
        #[link_name = "_1as_0lib_1header_0root_bmodule_bloader"]
        static HEADER: LibHeader;
    }
    // SAFETY: the symbol is `static HEADER: LibHeader` of `export!`, of this very crate's version; nothing mutates it.
    #[expect(unsafe_code, reason = "a static of the plugin's")]
    let header = unsafe { &HEADER };
    Plugin::start(header, serde_json::to_vec(&config).map_err(|error| Error::new("ConfigEncode", error))?)
}

impl Plugin {
    fn start(header: &'static LibHeader, config: Vec<u8>) -> Result<Self, Error> {
        // `start` is never called twice at a time (`v1::Plugin::start`).
        static ONE: Mutex<()> = Mutex::new(());

        let module: v1::PluginRef = header.init_root_module().map_err(|error| Error::new("AbiLayout", error))?;
        crate::panic::keep_the_hook();
        let host = host::abi();
        let outcome = {
            let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `host` lives as long as the process, and the lock holds other calls back (`v1::Plugin::start`).
            #[expect(unsafe_code, reason = "calls into the plugin")]
            let task = unsafe { module.start()(host, v1::Buffer::new(config)) };
            wait::task(task, Instant::now().checked_add(START_TIMEOUT))
        };
        let outcome = outcome.ok_or_else(|| Error::new("StartTimeout", "start is not done after a minute"))?;
        if outcome.kind != v1::Outcome::VALUE || outcome.instance.is_null() {
            return Err(Error::of_json(outcome.body.as_ref()));
        }
        Ok(Plugin { module, handlers: handlers(module)?, instance: Instance(outcome.instance) })
    }

    /// Names of the handlers, in the order of `export!`.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// # fn first(_event: ()) -> Result<(), Error> { Ok(()) }
    /// # fn second(_event: ()) -> Result<(), Error> { Ok(()) }
    /// lambda_plugin_abi::export! { handlers: { first, second } }
    /// # fn main() {
    /// assert_eq!(testing::start(()).unwrap().handlers(), ["first", "second"]);
    /// # }
    /// ```
    #[must_use]
    pub fn handlers(&self) -> &[String] {
        &self.handlers
    }

    /// Calls a handler with an event, JSON text, and waits for its reply.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// fn double(event: u32) -> Result<u32, Error> {
    ///     event.checked_mul(2).ok_or_else(|| Error::new("TooMuch", event))
    /// }
    /// lambda_plugin_abi::export! { handlers: { double } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let plugin = testing::start(())?;
    /// assert_eq!(*plugin.invoke("double", "21")?, *b"42");
    /// assert_eq!(plugin.invoke("double", "4294967295").unwrap_err().kind(), "TooMuch");
    /// assert_eq!(plugin.invoke("double", "{").unwrap_err().kind(), "EventDecode");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The handler's own; a panic of it; a deadline that passed; an event that it does not take; a reply that Lambda does not take.
    pub fn invoke(&self, handler: &str, event: impl AsRef<[u8]>) -> Result<Reply, Error> {
        self.invoke_as(Invocation::new(), handler, event)
    }

    /// As [`Plugin::invoke`], with a context of the test's choice.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Context, Error, testing};
    /// fn who(_event: (), cx: Context) -> Result<Option<String>, Error> {
    ///     Ok(cx.tenant_id().map(str::to_owned))
    /// }
    /// lambda_plugin_abi::export! { handlers: { who } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let plugin = testing::start(())?;
    /// let reply = plugin.invoke_as(testing::Invocation::new().tenant_id("blue"), "who", "null")?;
    /// assert_eq!(reply.json::<String>()?, "blue");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Plugin::invoke`].
    pub fn invoke_as(&self, invocation: Invocation, handler: &str, event: impl AsRef<[u8]>) -> Result<Reply, Error> {
        let Some(index) = self.handlers.iter().position(|name| name == handler) else {
            let known = self.handlers.join(", ");
            return Err(Error::new("HandlerMissing", format_args!("no handler `{handler}`; the plugin has {known}")));
        };
        let give_up = invocation.give_up();
        let event = Bytes::copy_from_slice(event.as_ref());
        // SAFETY: `instance` is what `start` of this module returned (`v1::Plugin::invoke`).
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let task = unsafe {
            self.module.invoke()(
                self.instance.0,
                u32::try_from(index).unwrap_or(u32::MAX),
                invocation.lend(),
                v1::Buffer::new(event),
            )
        };
        let outcome = wait::task(task, give_up).ok_or_else(too_late)?;
        match outcome.kind {
            v1::Outcome::VALUE => checked(Bytes::from_owner(outcome.body), outcome.flags & v1::Outcome::JSON != 0),
            v1::Outcome::STREAM => {
                let prelude = serde_json::from_slice(outcome.body.as_ref()).map_err(|error| Error::new("ReplyEncode", error))?;
                Ok(Reply::streamed(prelude, wait::stream(outcome.stream, give_up)?))
            }
            _ => Err(Error::of_outcome(&outcome)),
        }
    }

    /// Tells the plugin that the process is about to end: its hook `shutdown` runs.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// # fn handler(_event: ()) -> Result<(), Error> { Ok(()) }
    /// static FLUSHED: AtomicBool = AtomicBool::new(false);
    ///
    /// async fn flush(_state: Arc<()>) -> Result<(), Error> {
    ///     FLUSHED.store(true, Ordering::SeqCst);
    ///     Ok(())
    /// }
    /// lambda_plugin_abi::export! { handlers: { handler }, shutdown: flush }
    ///
    /// # fn main() -> Result<(), Error> {
    /// testing::start(())?.shutdown()?;
    /// assert!(FLUSHED.load(Ordering::SeqCst));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the hook fails with.
    pub fn shutdown(&self) -> Result<(), Error> {
        self.lifecycle(v1::Phase::Shutdown)
    }

    /// As [`Plugin::shutdown`], for the hook `before_snapshot`.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// # fn handler(_event: ()) -> Result<(), Error> { Ok(()) }
    /// fn close(_state: std::sync::Arc<()>) -> Result<(), Error> {
    ///     Err(Error::new("StillBusy", "a connection is in use"))
    /// }
    /// lambda_plugin_abi::export! { handlers: { handler }, before_snapshot: close }
    ///
    /// # fn main() {
    /// assert_eq!(testing::start(()).unwrap().before_snapshot().unwrap_err().kind(), "StillBusy");
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the hook fails with.
    pub fn before_snapshot(&self) -> Result<(), Error> {
        self.lifecycle(v1::Phase::BeforeSnapshot)
    }

    /// As [`Plugin::shutdown`], for the hook `after_restore`.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// # fn handler(_event: ()) -> Result<(), Error> { Ok(()) }
    /// lambda_plugin_abi::export! { handlers: { handler } }
    /// # fn main() -> Result<(), Error> {
    /// // Without the hook nothing happens.
    /// testing::start(())?.after_restore()
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the hook fails with.
    pub fn after_restore(&self) -> Result<(), Error> {
        self.lifecycle(v1::Phase::AfterRestore)
    }

    fn lifecycle(&self, phase: v1::Phase) -> Result<(), Error> {
        // SAFETY: `instance` is what `start` of this module returned (`v1::Plugin::lifecycle`).
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let task = unsafe { self.module.lifecycle()(self.instance.0, phase as u32) };
        let outcome = wait::task(task, Instant::now().checked_add(START_TIMEOUT));
        let outcome = outcome.ok_or_else(|| Error::new("HookTimeout", "the hook is not done after a minute"))?;
        if outcome.kind == v1::Outcome::VALUE { Ok(()) } else { Err(Error::of_json(outcome.body.as_ref())) }
    }
}

/// The names in the plugin's note.
fn handlers(module: v1::PluginRef) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Note {
        handlers: Vec<String>,
    }
    // SAFETY: `describe` may be called at any time, and what it returns lives as long as the process (`v1::Plugin::describe`).
    #[expect(unsafe_code, reason = "calls into the plugin")]
    let note = unsafe { module.describe()().bytes() }.unwrap_or_default();
    let note: Note = serde_json::from_slice(note).map_err(|error| Error::new("AbiNote", error))?;
    Ok(note.handlers)
}

/// The loader's own error types, as Lambda shows them.
fn too_late() -> Error {
    Error::new("Runtime.LoaderDeadlineExceeded", "the handler did not answer before its deadline")
}

fn checked(reply: Bytes, is_json: bool) -> Result<Reply, Error> {
    if reply.len() > REPLY_LIMIT {
        let what = format!("the reply has {} bytes, Lambda takes {REPLY_LIMIT}", reply.len());
        return Err(Error::new("Runtime.LoaderReplyTooLarge", what));
    }
    if !is_json && serde_json::from_slice::<serde::de::IgnoredAny>(&reply).is_err() {
        return Err(Error::new("Runtime.LoaderReplyNotJson", "the handler's reply is not JSON"));
    }
    Ok(Reply::whole(reply))
}
