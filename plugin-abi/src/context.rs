//! What a handler knows of its invocation besides the event.

use lambda_plugin_abi_v1 as v1;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use v1::service::{INVOCATION, InvocationV1};

/// One invocation: its identity, its deadline, and the plugin's state. Cheap to clone, and valid beyond the invocation.
pub struct Context<S = ()> {
    state: Arc<S>,
    invocation: Arc<Handle>,
}

impl<S> Clone for Context<S> {
    fn clone(&self) -> Self {
        Context { state: Arc::clone(&self.state), invocation: Arc::clone(&self.invocation) }
    }
}

/// The host's invocation with the one service of it that the kit uses.
pub(crate) struct Handle {
    /// Owns what `facts` points into.
    invocation: v1::Invocation,
    facts: *const InvocationV1,
}

// SAFETY: `facts` is immutable and lives as long as `invocation`, which is Send and Sync itself (`v1::Invocation::query`).
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Handle {}
// SAFETY: as for Send.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn new(invocation: v1::Invocation) -> Self {
        Handle { facts: invocation.query(INVOCATION, 1).cast(), invocation }
    }

    pub(crate) fn ctx(&self) -> *const () {
        self.invocation.ctx()
    }

    fn facts(&self) -> Option<&InvocationV1> {
        // SAFETY: null, or the service of this name and version, which lives as long as `self.invocation` (`v1::Invocation::query`).
        #[expect(unsafe_code, reason = "a struct of the host's")]
        unsafe {
            self.facts.as_ref()
        }
    }

    fn text(&self, pick: impl FnOnce(&InvocationV1) -> v1::Slice) -> Option<&str> {
        // SAFETY: the host's text is UTF-8 in memory that lives as long as `self.invocation` (`InvocationV1`).
        #[expect(unsafe_code, reason = "text of the host's")]
        let bytes = unsafe { pick(self.facts()?).bytes() }?;
        std::str::from_utf8(bytes).ok()
    }

    fn time(&self, pick: impl FnOnce(&InvocationV1) -> u64) -> Option<SystemTime> {
        match pick(self.facts()?) {
            0 => None,
            ms => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)),
        }
    }
}

impl<S> Context<S> {
    pub(crate) fn new(state: Arc<S>, invocation: Arc<Handle>) -> Self {
        Context { state, invocation }
    }

    /// What `start` returned.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    /// What `start` returned, to keep.
    #[must_use]
    pub fn shared_state(&self) -> Arc<S> {
        Arc::clone(&self.state)
    }

    /// Lambda's request id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.invocation.text(|facts| facts.request_id).unwrap_or_default()
    }

    /// When Lambda ends the invocation. `None`: not known, as under some local emulators.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.invocation.time(|facts| facts.deadline_ms)
    }

    /// How long the handler has before the loader gives up on it, a margin before [`Context::deadline`]. `None`: for ever.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let end = self.invocation.time(|facts| facts.give_up_ms)?;
        Some(end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// ARN of the function, version or alias that was invoked.
    #[must_use]
    pub fn function_arn(&self) -> &str {
        self.invocation.text(|facts| facts.function_arn).unwrap_or_default()
    }

    /// X-Ray trace header. It is not in the environment: plugins read that while others run.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.trace_id)
    }

    /// Tenant id of a tenant-isolated function.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.tenant_id)
    }

    /// Client context of the mobile SDKs, as the JSON that was sent.
    #[must_use]
    pub fn client_context(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.client_context)
    }

    /// Cognito identity, as the JSON that was sent.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.identity)
    }

    /// Event source, such as `sqs`.
    #[must_use]
    pub fn source(&self) -> &str {
        self.invocation.text(|facts| facts.source).unwrap_or_default()
    }

    /// What sent the event, as a rule an ARN.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.resource)
    }

    /// Name of the manifest's route that brought the event here.
    #[must_use]
    pub fn route(&self) -> &str {
        self.invocation.text(|facts| facts.route).unwrap_or_default()
    }
}

impl<S> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request_id", &self.request_id()).field("route", &self.route()).finish_non_exhaustive()
    }
}
