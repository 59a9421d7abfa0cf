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
    /// First argument of `query` and `release`. The host also takes it in log records, to tell which invocation they belong to.
    pub ctx: *const (),
    /// As [`Host::query`]; the services are valid until `release`.
    pub query: unsafe extern "C" fn(ctx: *const (), name: Slice, version: u32) -> *const (),
    /// Gives the invocation back.
    pub release: unsafe extern "C" fn(ctx: *const ()),
}

// SAFETY: the host promises that `query` and `release` may be called from any thread.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Invocation {}
// SAFETY: `query` takes no lock and mutates nothing; the host promises that it may be called from several threads at once.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Invocation {}

impl Drop for Invocation {
    #[expect(unsafe_code, reason = "calls into the host")]
    fn drop(&mut self) {
        // SAFETY: `ctx` and `release` came together from the host, and `drop` runs once.
        unsafe { (self.release)(self.ctx) }
    }
}
