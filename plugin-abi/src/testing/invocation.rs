//! The context of a test's invocation.

use lambda_plugin_abi_v1 as v1;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use v1::service::{INVOCATION, InvocationV1};

use crate::Context;
use crate::context::Handle;

/// What a handler finds in its [`Context`], for [`Plugin::invoke_as`](super::Plugin::invoke_as) and [`Invocation::context`].
///
/// ```
/// use lambda_plugin_abi::testing::Invocation;
/// use std::time::Duration;
///
/// let cx = Invocation::new().source("sqs").route("order-queue").timeout(Duration::from_secs(3)).context(());
/// assert_eq!((cx.source(), cx.route()), ("sqs", "order-queue"));
/// ```
#[derive(Clone, Debug)]
pub struct Invocation {
    words: Words,
    timeout: Option<Duration>,
    received: (SystemTime, Instant),
}

#[derive(Clone, Debug)]
struct Words {
    request_id: String,
    function_arn: String,
    trace_id: Option<String>,
    tenant_id: Option<String>,
    client_context: Option<String>,
    identity: Option<String>,
    source: String,
    resource: Option<String>,
    route: String,
}

impl Default for Invocation {
    fn default() -> Self {
        Self::new()
    }
}

impl Invocation {
    /// An invocation of the route `test` by an event of source `direct`, with half a minute until the deadline.
    ///
    /// ```
    /// let cx = lambda_plugin_abi::testing::Invocation::new().context(());
    /// assert_eq!((cx.source(), cx.route(), cx.trace_id()), ("direct", "test", None));
    /// assert!(cx.remaining().is_some());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let words = Words {
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:test".to_owned(),
            trace_id: None,
            tenant_id: None,
            client_context: None,
            identity: None,
            source: "direct".to_owned(),
            resource: None,
            route: "test".to_owned(),
        };
        Invocation { words, timeout: Some(Duration::from_secs(30)), received: (SystemTime::now(), Instant::now()) }
    }

    /// Lambda's timeout, from now on. The handler gets as much of it as the loader would leave it: less a margin of 2 %, at least 50 and
    /// at most 500 ms.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// # use std::time::Duration;
    /// async fn wait(_event: ()) -> Result<(), Error> {
    ///     std::future::pending().await
    /// }
    /// lambda_plugin_abi::export! { handlers: { wait } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let invocation = testing::Invocation::new().timeout(Duration::from_millis(80));
    /// let error = testing::start(())?.invoke_as(invocation, "wait", "null").unwrap_err();
    /// assert_eq!(error.kind(), "Runtime.LoaderDeadlineExceeded");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self.received = (SystemTime::now(), Instant::now());
        self
    }

    /// No deadline, as under some local emulators.
    ///
    /// ```
    /// let cx = lambda_plugin_abi::testing::Invocation::new().without_deadline().context(());
    /// assert_eq!((cx.deadline(), cx.remaining()), (None, None));
    /// ```
    #[must_use]
    pub fn without_deadline(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// A context for a test that calls a handler function itself.
    ///
    /// ```
    /// use lambda_plugin_abi::{Context, Error, testing::Invocation};
    ///
    /// fn greet(name: String, cx: Context<String>) -> Result<String, Error> {
    ///     Ok(format!("{}, {name}", cx.state()))
    /// }
    ///
    /// assert_eq!(greet("Ada".into(), Invocation::new().context("good day".into()))?, "good day, Ada");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn context<S>(self, state: S) -> Context<S> {
        Context::new(Arc::new(state), Arc::new(Handle::new(self.lend())))
    }

    /// What the loader leaves of the time: less 2 %, at least 50 and at most 500 ms, and never less than half.
    fn left(&self) -> Option<Duration> {
        let timeout = self.timeout?;
        let margin = (timeout / 50).clamp(Duration::from_millis(50), Duration::from_millis(500)).min(timeout / 2);
        Some(timeout - margin)
    }

    pub(super) fn give_up(&self) -> Option<Instant> {
        self.received.1.checked_add(self.left()?)
    }

    pub(super) fn lend(self) -> v1::Invocation {
        let received = self.received.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let ms = |after: Option<Duration>| {
            after.map_or(0, |after| u64::try_from((received.saturating_add(after)).as_millis()).unwrap_or(u64::MAX))
        };
        let words = &self.words;
        let text = |text: &str| v1::Slice::of(text.as_bytes());
        let facts = InvocationV1 {
            request_id: text(&words.request_id),
            deadline_ms: ms(self.timeout),
            give_up_ms: ms(self.left()),
            function_arn: text(&words.function_arn),
            trace_id: v1::Slice::of_option(words.trace_id.as_deref()),
            tenant_id: v1::Slice::of_option(words.tenant_id.as_deref()),
            client_context: v1::Slice::of_option(words.client_context.as_deref()),
            identity: v1::Slice::of_option(words.identity.as_deref()),
            source: text(&words.source),
            resource: v1::Slice::of_option(words.resource.as_deref()),
            route: text(&words.route),
        };
        let lent = Box::new(Lent { facts, _words: self.words });
        // SAFETY: `query` and `release` take this pointer, from any thread, and neither panics; nothing of `lent` changes any more.
        #[expect(unsafe_code, reason = "plays the host")]
        unsafe {
            v1::Invocation::new(Box::into_raw(lent).cast_const().cast(), query, release)
        }
    }
}

/// One method for each word, with an example.
macro_rules! words {
    ($($name:ident: $kind:tt = $sample:literal;)+) => {
        impl Invocation {
            $(
                #[doc = concat!("Sets [`Context::", stringify!($name), "`].\n")]
                #[doc = concat!(
                    "```\nlet cx = lambda_plugin_abi::testing::Invocation::new().", stringify!($name), "(", stringify!($sample),
                    ").context(());\nassert_eq!(cx.", stringify!($name), "(), ", words!(@show $kind $sample), ");\n```"
                )]
                #[must_use]
                pub fn $name(mut self, $name: impl Into<String>) -> Self {
                    self.words.$name = words!(@set $kind $name);
                    self
                }
            )+
        }
    };
    (@show always $sample:literal) => { stringify!($sample) };
    (@show maybe $sample:literal) => { concat!("Some(", stringify!($sample), ")") };
    (@set always $name:ident) => { $name.into() };
    (@set maybe $name:ident) => { Some($name.into()) };
}

words! {
    request_id: always = "r-1";
    function_arn: always = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
    trace_id: maybe = "Root=1-2-3";
    tenant_id: maybe = "blue";
    client_context: maybe = r#"{"custom":{}}"#;
    identity: maybe = r#"{"identityId":"i","identityPoolId":"p"}"#;
    source: always = "sqs";
    resource: maybe = "arn:aws:sqs:eu-west-1:123456789012:orders";
    route: always = "order-queue";
}

/// The words, and the service that points into them: their text lies where it is while they are moved.
struct Lent {
    facts: InvocationV1,
    _words: Words,
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Invocation`")]
unsafe extern "C" fn query(ctx: *const (), name: v1::Slice, version: u32) -> *const () {
    // SAFETY: `ctx` is the box of `lend`, not yet released, and `name` lives during the call (`v1::Invocation::query`).
    let (lent, name) = unsafe { (&*ctx.cast::<Lent>(), name.bytes()) };
    match (name, version) {
        (Some(name), 1) if name == INVOCATION.as_bytes() => (&raw const lent.facts).cast(),
        _ => std::ptr::null(),
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Invocation`")]
unsafe extern "C" fn release(ctx: *const ()) {
    // SAFETY: the box that `lend` gave away, given back once.
    drop(unsafe { Box::from_raw(ctx.cast_mut().cast::<Lent>()) });
}
