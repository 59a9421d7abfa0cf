//! The host, as `start` sees it.

use lambda_plugin_abi_v1 as v1;
use v1::service::{LOG, LogV1, PLUGIN, PluginV1, THREAD, ThreadV1};

use crate::log;

/// The loader that runs the plugin: the second argument of `start`.
///
/// ```
/// use lambda_plugin_abi::{Error, Host, Level, testing};
///
/// fn start(_config: (), host: Host) -> Result<String, Error> {
///     host.log(Level::Info, "starting");
///     Ok(format!("{} is up", host.plugin_name()))
/// }
///
/// // In a test; `start` gets the loader's own in production.
/// assert_eq!(start((), testing::host())?, "test is up");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Host {
    raw: v1::Host,
}

/// How much a log record matters.
///
/// ```
/// use lambda_plugin_abi::Level;
/// assert!(Level::Error < Level::Trace);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is odd.
    Warn = 2,
    /// What happens in the normal course.
    Info = 3,
    /// For whoever looks for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl Host {
    pub(crate) const fn new(raw: v1::Host) -> Self {
        Host { raw }
    }

    /// Writes a record into the function's log, with the plugin's name and digest.
    ///
    /// The macros of `tracing` and `log` get there as well, in handlers too, and carry the request id.
    ///
    /// ```
    /// use lambda_plugin_abi::{Level, testing};
    /// testing::host().log(Level::Warn, "the cache is cold");
    /// ```
    pub fn log(&self, level: Level, message: &str) {
        log::write_to(self.log_service(), level as u32, "", message, None);
    }

    /// The plugin's name in the manifest. Empty under a loader that does not tell.
    ///
    /// ```
    /// assert_eq!(lambda_plugin_abi::testing::host().plugin_name(), "test");
    /// ```
    #[must_use]
    pub fn plugin_name(&self) -> &'static str {
        let service: *const PluginV1 = self.query(PLUGIN, 1).cast();
        // SAFETY: null, or the service of this name and version, whose text is valid for the life of the process (`PluginV1`).
        #[expect(unsafe_code, reason = "a struct of the host's")]
        let name = unsafe { service.as_ref().and_then(|plugin| plugin.name.bytes()) };
        name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// A service of the host by name and version, as `lambda-plugin-abi-v1` lists them: null where the host does not have it.
    ///
    /// ```
    /// use lambda_plugin_abi::testing;
    /// assert!(!testing::host().query("log", 1).is_null());
    /// assert!(testing::host().query("log", 99).is_null());
    /// ```
    #[must_use]
    pub fn query(&self, name: &str, version: u32) -> *const () {
        // SAFETY: `ctx` and `query` came together from the host, which lives as long as the process; `name` is alive during the call.
        #[expect(unsafe_code, reason = "asks the host")]
        unsafe {
            (self.raw.query)(self.raw.ctx, v1::Slice::of(name.as_bytes()), version)
        }
    }

    pub(crate) fn thread_service(&self) -> Option<&'static ThreadV1> {
        let service: *const ThreadV1 = self.query(THREAD, 1).cast();
        // SAFETY: null, or the service of this name and version, valid for the life of the process (`v1::Host::query`).
        #[expect(unsafe_code, reason = "a struct of the host's")]
        unsafe {
            service.as_ref()
        }
    }

    pub(crate) fn log_service(&self) -> Option<&'static LogV1> {
        let service: *const LogV1 = self.query(LOG, 1).cast();
        // SAFETY: null, or the service of this name and version, valid for the life of the process (`v1::Host::query`).
        #[expect(unsafe_code, reason = "a struct of the host's")]
        unsafe {
            service.as_ref()
        }
    }
}
