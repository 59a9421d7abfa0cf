//! What a handler knows of its invocation besides the event.

use lambda_plugin_abi_v1 as v1;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use v1::service::{INVOCATION, InvocationV1};

/// One invocation: its identity, its deadline, and the plugin's state. Cheap to clone, and valid beyond the invocation.
///
/// The second argument of a handler. `S` is what `start` returns, and `()` in a plugin without one.
///
/// ```
/// use lambda_plugin_abi::{Context, Error, testing};
///
/// fn greet(name: String, cx: Context<String>) -> Result<String, Error> {
///     Ok(format!("{}, {name} ({})", cx.state(), cx.request_id()))
/// }
///
/// let cx = testing::Invocation::new().request_id("r-1").context("good day".to_owned());
/// assert_eq!(greet("Ada".into(), cx)?, "good day, Ada (r-1)");
/// # Ok::<(), Error>(())
/// ```
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
#[expect(missing_debug_implementations, reason = "internal to the macro")]
pub struct Handle {
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

    pub(crate) fn text(&self, pick: impl FnOnce(&InvocationV1) -> v1::Slice) -> Option<&str> {
        // SAFETY: the host's text is UTF-8 in memory that lives as long as `self.invocation` (`InvocationV1`).
        #[expect(unsafe_code, reason = "text of the host's")]
        let bytes = unsafe { pick(self.facts()?).bytes() }?;
        std::str::from_utf8(bytes).ok()
    }

    #[cfg(feature = "lambda_runtime")]
    pub(crate) fn deadline_ms(&self) -> u64 {
        self.facts().map_or(0, |facts| facts.deadline_ms)
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
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// struct State {
    ///     table: String,
    /// }
    /// let cx = Invocation::new().context(State { table: "orders".into() });
    /// assert_eq!(cx.state().table, "orders");
    /// ```
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    /// What `start` returned, to keep: for a task that goes on after the reply.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().context(String::from("orders"));
    /// let state = cx.shared_state();
    /// std::thread::spawn(move || assert_eq!(*state, "orders")).join().unwrap();
    /// ```
    #[must_use]
    pub fn shared_state(&self) -> Arc<S> {
        Arc::clone(&self.state)
    }

    /// Lambda's request id.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().request_id("r-1").context(());
    /// assert_eq!(cx.request_id(), "r-1");
    /// ```
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.invocation.text(|facts| facts.request_id).unwrap_or_default()
    }

    /// When Lambda ends the invocation. `None`: not known, as under some local emulators.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().without_deadline().context(());
    /// assert_eq!(cx.deadline(), None);
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.invocation.time(|facts| facts.deadline_ms)
    }

    /// How long the handler has before the loader gives up on it, a margin before [`Context::deadline`]. `None`: for ever.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// # use std::time::Duration;
    /// let cx = Invocation::new().timeout(Duration::from_secs(3)).context(());
    /// assert!(cx.remaining() < Some(Duration::from_secs(3)));
    /// ```
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let end = self.invocation.time(|facts| facts.give_up_ms)?;
        Some(end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// ARN of the function, version or alias that was invoked.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().function_arn("arn:aws:lambda:eu-west-1:123456789012:function:orders").context(());
    /// assert_eq!(cx.function_arn(), "arn:aws:lambda:eu-west-1:123456789012:function:orders");
    /// ```
    #[must_use]
    pub fn function_arn(&self) -> &str {
        self.invocation.text(|facts| facts.function_arn).unwrap_or_default()
    }

    /// X-Ray trace header. It is not in the environment: plugins read that while others run.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().trace_id("Root=1-2-3").context(());
    /// assert_eq!(cx.trace_id(), Some("Root=1-2-3"));
    /// ```
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.trace_id)
    }

    /// Tenant id of a tenant-isolated function.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().tenant_id("blue").context(());
    /// assert_eq!(cx.tenant_id(), Some("blue"));
    /// ```
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.tenant_id)
    }

    /// Client context of the mobile SDKs, as the JSON that was sent.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().client_context(r#"{"custom":{}}"#).context(());
    /// assert_eq!(cx.client_context(), Some(r#"{"custom":{}}"#));
    /// ```
    #[must_use]
    pub fn client_context(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.client_context)
    }

    /// Cognito identity, as the JSON that was sent.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().identity(r#"{"identityId":"i"}"#).context(());
    /// assert_eq!(cx.identity(), Some(r#"{"identityId":"i"}"#));
    /// ```
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.identity)
    }

    /// Event source, such as `sqs`.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().source("sqs").context(());
    /// assert_eq!(cx.source(), "sqs");
    /// ```
    #[must_use]
    pub fn source(&self) -> &str {
        self.invocation.text(|facts| facts.source).unwrap_or_default()
    }

    /// What sent the event, as a rule an ARN.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().resource("arn:aws:sqs:eu-west-1:123456789012:orders").context(());
    /// assert_eq!(cx.resource(), Some("arn:aws:sqs:eu-west-1:123456789012:orders"));
    /// ```
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.invocation.text(|facts| facts.resource)
    }

    /// Name of the manifest's route that brought the event here.
    ///
    /// ```
    /// # use lambda_plugin_abi::testing::Invocation;
    /// let cx = Invocation::new().route("order-queue").context(());
    /// assert_eq!(cx.route(), "order-queue");
    /// ```
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
