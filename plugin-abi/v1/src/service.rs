//! Host services, fetched by name and version through [`Host::query`](crate::Host) and [`Invocation::query`](crate::Invocation).
//!
//! A struct here never changes once released; a service that has to grow gets a second struct with the next version.

use crate::Slice;

/// Name of [`LogV1`], asked of the host.
pub const LOG: &str = "log";

/// Name of [`PluginV1`], asked of the host.
pub const PLUGIN: &str = "plugin";

/// Name of [`ThreadV1`], asked of the host.
pub const THREAD: &str = "thread";

/// Name of [`InvocationV1`], asked of an invocation.
pub const INVOCATION: &str = "invocation";

/// Writes a plugin's log records into the host's log.
#[repr(C)]
#[derive(Debug)]
pub struct LogV1 {
    /// First argument of `write`; knows which plugin is speaking.
    pub ctx: *const (),
    /// Records above this level are not wanted: 0 none, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub max_level: u32,
    /// Writes one record. Takes nothing over; may be called from any thread.
    pub write: unsafe extern "C" fn(ctx: *const (), record: *const RecordV1),
}

/// One log record. Everything is borrowed for the call; text is UTF-8.
#[repr(C)]
#[derive(Debug)]
pub struct RecordV1 {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u32,
    /// [`Invocation::ctx`](crate::Invocation) of an invocation that the plugin still holds, or null.
    pub invocation: *const (),
    /// Module path or the like.
    pub target: Slice,
    /// The message.
    pub message: Slice,
    /// A JSON object of further fields, or absent.
    pub fields: Slice,
}

/// What the host calls the plugin that asks. Text is UTF-8; valid for the life of the process.
#[repr(C)]
#[derive(Debug)]
pub struct PluginV1 {
    /// Its name in the manifest.
    pub name: Slice,
    /// First digits of its file's SHA-256, or absent.
    pub digest: Slice,
}

/// Makes a thread that the plugin starts known to the host.
#[repr(C)]
#[derive(Debug)]
pub struct ThreadV1 {
    /// First argument of `begin`; knows whose thread it is.
    pub ctx: *const (),
    /// To be called by each such thread, once, before anything else: it gets a stack for its signals, and should it crash, the host's
    /// log names the plugin. What it gets is given back when the thread ends.
    pub begin: unsafe extern "C" fn(ctx: *const ()),
}

/// What is known of one invocation. Text is UTF-8; what the service did not send is absent.
#[repr(C)]
#[derive(Debug)]
pub struct InvocationV1 {
    /// Lambda's request id.
    pub request_id: Slice,
    /// Milliseconds since 1970 at which Lambda ends the invocation; 0: no deadline is known.
    pub deadline_ms: u64,
    /// Milliseconds since 1970 at which the loader gives the invocation up, a margin earlier; 0: never.
    pub give_up_ms: u64,
    /// ARN of the function, version or alias that was invoked.
    pub function_arn: Slice,
    /// X-Ray trace header.
    pub trace_id: Slice,
    /// Tenant id of a tenant-isolated function.
    pub tenant_id: Slice,
    /// Client context of the mobile SDKs, JSON.
    pub client_context: Slice,
    /// Cognito identity, JSON.
    pub identity: Slice,
    /// Event source: `sqs`.
    pub source: Slice,
    /// The resource that sent the event, as a rule its ARN.
    pub resource: Slice,
    /// Name of the route in the manifest.
    pub route: Slice,
}

// SAFETY: immutable once made; `write` may be called from any thread (`LogV1::write`).
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for LogV1 {}
// SAFETY: as for Sync.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for LogV1 {}
// SAFETY: immutable once made, and the text it points to lives as long as the process.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for PluginV1 {}
// SAFETY: as for Sync.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for PluginV1 {}
// SAFETY: immutable once made; `begin` may be called from any thread (`ThreadV1::begin`).
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for ThreadV1 {}
// SAFETY: as for Sync.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for ThreadV1 {}
// SAFETY: immutable once made, and the text it points to lives as long as the invocation.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for InvocationV1 {}
// SAFETY: as for Sync.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for InvocationV1 {}
