//! The host of tests: it logs to standard error.

use lambda_plugin_abi_v1 as v1;
use v1::service::{LOG, LogV1, PLUGIN, PluginV1, RecordV1};

use crate::Host;

static ABI: v1::Host = v1::Host { ctx: std::ptr::null(), query };

/// Everything down to `info`, as the loader's own default is.
static LOGGER: LogV1 = LogV1 { ctx: std::ptr::null(), max_level: 3, write };

static NAMED: PluginV1 = PluginV1 { name: v1::Slice::of(b"test"), digest: v1::Slice::ABSENT };

/// The host that [`start`](super::start) gives the plugin: for tests that call a `start` function themselves.
///
/// ```
/// use lambda_plugin_abi::{Error, Host, testing};
///
/// async fn start(_config: (), host: Host) -> Result<String, Error> {
///     Ok(host.plugin_name().to_owned())
/// }
///
/// # use futures_util::FutureExt as _;
/// assert_eq!(start((), testing::host()).now_or_never().unwrap()?, "test");
/// # Ok::<(), Error>(())
/// ```
#[must_use]
pub fn host() -> Host {
    Host::new(ABI)
}

pub(super) fn abi() -> *const v1::Host {
    &raw const ABI
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Host`")]
unsafe extern "C" fn query(_ctx: *const (), name: v1::Slice, version: u32) -> *const () {
    // SAFETY: `name` lives during the call (`v1::Host::query`).
    let name = unsafe { name.bytes() };
    match (name, version) {
        (Some(name), 1) if name == LOG.as_bytes() => (&raw const LOGGER).cast(),
        (Some(name), 1) if name == PLUGIN.as_bytes() => (&raw const NAMED).cast(),
        _ => std::ptr::null(),
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `LogV1`")]
unsafe extern "C" fn write(_ctx: *const (), record: *const RecordV1) {
    // SAFETY: the record and its text live during the call (`LogV1::write`, `RecordV1`).
    let (level, parts) = unsafe {
        let record = &*record;
        (record.level, [record.target, record.message, record.fields].map(|part| part.bytes().unwrap_or_default()))
    };
    let level = match level {
        0 | 1 => "ERROR",
        2 => "WARN",
        3 => "INFO",
        4 => "DEBUG",
        _ => "TRACE",
    };
    let [target, message, fields] = parts.map(String::from_utf8_lossy);
    // A closed standard error makes `eprintln!` panic, which must not leave this function.
    let _ = std::panic::catch_unwind(|| eprintln!("{level} {target}: {message} {fields}"));
}
