//! How a plugin reaches what the host has to offer: one frozen struct, everything else by name and version.

use abi_stable::StableAbi;

use crate::Slice;

/// The host, as a plugin sees it. Valid for the life of the process.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct Host {
    /// First argument of `query`.
    pub ctx: *const (),
    /// `query(ctx, name, version)` returns a pointer to the service struct of that name and version ([`crate::service`]), valid for
    /// the life of the process, or null where this host does not have it.
    pub query: unsafe extern "C" fn(ctx: *const (), name: Slice, version: u32) -> *const (),
}

// SAFETY: `query` may be called from any thread with the `ctx` that came with it; both are immutable and live as long as the
// process. This is part of the contract above, which the host upholds.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Host {}
// SAFETY: as for Send.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Host {}

/// One invocation, as a plugin sees it: owned, and released by dropping, whenever the plugin is done with it.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Invocation {
    ctx: *const (),
    query: unsafe extern "C" fn(ctx: *const (), name: Slice, version: u32) -> *const (),
    release: unsafe extern "C" fn(ctx: *const ()),
}

// SAFETY: `Invocation::new` takes only functions that may be called from any thread.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Invocation {}
// SAFETY: `Invocation::new` takes only a `query` that may be called from several threads at once.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Invocation {}

impl Invocation {
    /// An invocation of the host's.
    ///
    /// # Safety
    /// - `query(ctx, name, version)` returns null or a service of that name and version ([`crate::service`]) that is valid until
    ///   `release`; it may be called from any thread, several at once.
    /// - `release(ctx)` gives the invocation back, from any thread, once.
    /// - Neither unwinds.
    #[expect(unsafe_code, reason = "states the contract of the two functions")]
    #[must_use]
    pub const unsafe fn new(
        ctx: *const (),
        query: unsafe extern "C" fn(*const (), Slice, u32) -> *const (),
        release: unsafe extern "C" fn(*const ()),
    ) -> Self {
        Invocation { ctx, query, release }
    }

    /// What log records carry to say which invocation they belong to ([`crate::service::RecordV1`]). Means nothing to the plugin.
    #[must_use]
    pub const fn ctx(&self) -> *const () {
        self.ctx
    }

    /// The service struct of that name and version, valid until the invocation is dropped; null where this host does not have it.
    #[must_use]
    pub fn query(&self, name: &str, version: u32) -> *const () {
        // SAFETY: `ctx` and `query` came together (`Invocation::new`), `release` has not been called, and `name` lives during the call.
        #[expect(unsafe_code, reason = "asks the host")]
        unsafe {
            (self.query)(self.ctx, Slice::of(name.as_bytes()), version)
        }
    }
}

impl Drop for Invocation {
    #[expect(unsafe_code, reason = "calls into the host")]
    fn drop(&mut self) {
        // SAFETY: `ctx` and `release` came together from the host, and `drop` runs once.
        unsafe { (self.release)(self.ctx) }
    }
}
