//! The host, as `start` sees it.

use lambda_plugin_abi_v1 as v1;

/// The loader that runs the plugin.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    raw: v1::Host,
}

impl Host {
    pub(crate) fn new(raw: v1::Host) -> Self {
        Host { raw }
    }

    /// A service of the host by name and version, as `lambda-plugin-abi-v1` lists them: null where the host does not have it.
    #[must_use]
    pub fn query(&self, name: &str, version: u32) -> *const () {
        // SAFETY: `ctx` and `query` came together from the host, which lives as long as the process; `name` is alive during the call.
        #[expect(unsafe_code, reason = "asks the host")]
        unsafe {
            (self.raw.query)(self.raw.ctx, v1::Slice::of(name.as_bytes()), version)
        }
    }

    pub(crate) fn log(&self) -> Option<&'static v1::service::LogV1> {
        let service: *const v1::service::LogV1 = self.query(v1::service::LOG, 1).cast();
        // SAFETY: null, or the service of this name and version, valid for the life of the process (`v1::Host::query`).
        #[expect(unsafe_code, reason = "a struct of the host's")]
        unsafe {
            service.as_ref()
        }
    }
}
