//! One invocation: what the Runtime API sent with the event, and what routing found out, shared with the plugin for as long as it
//! wants it.

use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderName;
use lambda_plugin_abi_v1 as v1;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use v1::service::{INVOCATION, InvocationV1};

use crate::invoke::Failure;
use crate::log::Labels;
use crate::respond::stack::Callback;

/// The headers of the Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
pub mod header {
    use super::HeaderName;

    /// Identifies the invocation.
    pub const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
    /// Milliseconds since 1970 at which the invocation ends.
    pub const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
    /// Function, version or alias.
    pub const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
    /// X-Ray.
    pub const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
    /// Mobile SDKs.
    pub const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");
    /// Mobile SDKs.
    pub const IDENTITY: HeaderName = HeaderName::from_static("lambda-runtime-cognito-identity");
    /// Tenant isolation.
    pub const TENANT_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-tenant-id");
    /// To be sent back with the answer, where it came.
    pub const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
}

/// The time an invocation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline {
    /// Milliseconds since 1970 at which Lambda ends it; 0: unknown.
    pub lambda_ms: u64,
    /// Milliseconds since 1970 at which the loader gives up; 0: never.
    pub give_up_ms: u64,
    /// When an async handler is dropped.
    pub give_up: Option<Instant>,
    /// When a handler that blocks its thread is answered for by the watchdog: half the margin later, so that the gentler way comes
    /// first and the harder one still in time.
    pub watchdog: Option<Instant>,
    /// When Lambda ends it.
    pub end: Option<Instant>,
}

impl Deadline {
    /// The deadline of an invocation received `now`, with the given margin or the default one: 2 % of the time given, at least 50 and
    /// at most 500 ms. A deadline in the past (local emulators send 1970) is none.
    #[must_use]
    pub fn new(lambda_ms: u64, margin: Option<Duration>, now: (SystemTime, Instant)) -> Self {
        let now_ms =
            now.0.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let Some(left) = lambda_ms.checked_sub(now_ms).filter(|left| *left > 0) else {
            return Deadline { lambda_ms, ..Deadline::default() };
        };
        let left = Duration::from_millis(left);
        let margin = margin.unwrap_or_else(|| (left / 50).clamp(Duration::from_millis(50), Duration::from_millis(500)));
        // With less time than twice the margin, the handler still gets half of it.
        let margin = margin.min(left / 2);
        let give_up = left - margin;
        Deadline {
            lambda_ms,
            give_up_ms: now_ms.saturating_add(u64::try_from(give_up.as_millis()).unwrap_or(u64::MAX)),
            give_up: now.1.checked_add(give_up),
            watchdog: now.1.checked_add(give_up + margin / 2),
            end: now.1.checked_add(left),
        }
    }

    /// Halfway from giving up to the watchdog: until when what is left to do for a failed invocation may take.
    #[must_use]
    pub fn last_call(&self) -> Option<Instant> {
        let (give_up, watchdog) = (self.give_up?, self.watchdog?);
        Some(give_up + watchdog.saturating_duration_since(give_up) / 2)
    }

    /// When a handler that blocks its thread is answered for, where it was to be given up at `until` and not at the deadline's own time.
    #[must_use]
    pub fn watchdog_after(&self, until: Option<Instant>) -> Option<Instant> {
        until?.checked_add(self.watchdog?.saturating_duration_since(self.give_up?))
    }

    /// Whether the service sent a deadline that has passed.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.lambda_ms != 0 && self.give_up.is_none()
    }
}

/// Where an event goes, in words for logs and for the plugin.
#[derive(Clone, Debug, Default)]
pub struct Labelling {
    /// Event source.
    pub source: &'static str,
    /// Resource, as a rule an ARN.
    pub resource: Option<String>,
    /// Route.
    pub route: Option<Arc<str>>,
    /// Plugin.
    pub plugin: Option<Arc<str>>,
    /// First digits of the plugin's digest.
    pub digest: Option<Arc<str>>,
}

/// One invocation.
#[derive(Debug)]
pub struct Invocation {
    headers: HeaderMap,
    deadline: Deadline,
    labelling: OnceLock<Labelling>,
    /// What failed first, once something has.
    failure: OnceLock<Failure>,
    /// Of a CloudFormation event: who else waits for an answer.
    callback: OnceLock<Callback>,
    /// Whether the watchdog answers for it: then none of a plugin's code is to begin for it any more.
    taken: AtomicBool,
    /// What the plugin sees: points into the fields above, which neither move nor change once it is made.
    service: OnceLock<InvocationV1>,
}

impl Invocation {
    /// An invocation with the headers that came with its event.
    #[must_use]
    pub fn new(headers: HeaderMap, deadline: Deadline) -> Arc<Self> {
        Arc::new(Invocation {
            headers,
            deadline,
            labelling: OnceLock::new(),
            failure: OnceLock::new(),
            callback: OnceLock::new(),
            taken: AtomicBool::new(false),
            service: OnceLock::new(),
        })
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok().filter(|text| !text.is_empty())
    }

    /// Lambda's request id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.text(&header::REQUEST_ID).unwrap_or_default()
    }

    /// To be sent back with the answer.
    #[must_use]
    pub fn invocation_id(&self) -> Option<&http::HeaderValue> {
        self.headers.get(&header::INVOCATION_ID)
    }

    /// The time it has.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Notes what failed, before anything else is done about it: whoever answers in the end says this. Only the first word counts.
    pub fn fail(&self, failure: &Failure) {
        let _ = self.failure.set(failure.clone());
    }

    /// What failed first.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Notes who else waits for an answer. Only the first word counts.
    pub fn owe(&self, callback: Callback) {
        let _ = self.callback.set(callback);
    }

    /// Who else waits for an answer, should it fail.
    #[must_use]
    pub fn callback(&self) -> Option<&Callback> {
        self.callback.get()
    }

    /// Notes that the watchdog answers for it.
    pub fn take(&self) {
        self.taken.store(true, Ordering::SeqCst);
    }

    /// Whether the watchdog answers for it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst)
    }

    /// Says where the event goes. Only the first word counts.
    pub fn label(&self, labelling: Labelling) {
        let _ = self.labelling.set(labelling);
    }

    /// What every log line of it carries.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        let labelling = self.labelling.get();
        Labels {
            request_id: Some(self.request_id()),
            source: labelling.map(|l| l.source),
            route: labelling.and_then(|l| l.route.as_deref()),
            plugin: labelling.and_then(|l| l.plugin.as_deref()),
            digest: labelling.and_then(|l| l.digest.as_deref()),
        }
    }

    /// Context for `on_error`: the JSON object that goes with error and event.
    #[must_use]
    pub fn context_json(&self) -> serde_json::Value {
        let labels = self.labels();
        serde_json::json!({
            "requestId": labels.request_id,
            "functionArn": self.text(&header::FUNCTION_ARN),
            "traceId": self.text(&header::TRACE_ID),
            "source": labels.source,
            "resource": self.labelling.get().and_then(|l| l.resource.as_deref()),
            "route": labels.route,
            "plugin": labels.plugin,
        })
    }

    fn service(&self) -> &InvocationV1 {
        self.service.get_or_init(|| {
            let labelling = self.labelling.get();
            InvocationV1 {
                request_id: v1::Slice::of(self.request_id().as_bytes()),
                deadline_ms: if self.deadline.is_past() { 0 } else { self.deadline.lambda_ms },
                give_up_ms: self.deadline.give_up_ms,
                function_arn: v1::Slice::of_option(self.text(&header::FUNCTION_ARN)),
                trace_id: v1::Slice::of_option(self.text(&header::TRACE_ID)),
                tenant_id: v1::Slice::of_option(self.text(&header::TENANT_ID)),
                client_context: v1::Slice::of_option(self.text(&header::CLIENT_CONTEXT)),
                identity: v1::Slice::of_option(self.text(&header::IDENTITY)),
                source: v1::Slice::of_option(labelling.map(|l| l.source)),
                resource: v1::Slice::of_option(labelling.and_then(|l| l.resource.as_deref())),
                route: v1::Slice::of_option(labelling.and_then(|l| l.route.as_deref())),
            }
        })
    }

    /// A share of the invocation for the plugin. To be called after [`Invocation::label`].
    #[must_use]
    pub fn lend(self: &Arc<Self>) -> v1::Invocation {
        self.service();
        // SAFETY: `query` and `release` take this pointer, from any thread; `query` reads what `service` has made above and nothing
        // changes any more; neither panics.
        #[expect(unsafe_code, reason = "gives a share of the invocation to the plugin")]
        unsafe {
            v1::Invocation::new(Arc::into_raw(Arc::clone(self)).cast(), query, release)
        }
    }

    /// The invocation behind [`v1::Invocation::ctx`].
    ///
    /// # Safety
    /// `ctx` is null, or came from [`Invocation::lend`] and has not been released; it is not used beyond that.
    #[expect(unsafe_code, reason = "the plugin gives the pointer back")]
    #[must_use]
    pub unsafe fn lent<'a>(ctx: *const ()) -> Option<&'a Invocation> {
        // SAFETY: by this function's contract null or the pointer of an `Arc<Invocation>` that is still counted.
        unsafe { ctx.cast::<Invocation>().as_ref() }
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Invocation`")]
unsafe extern "C" fn query(ctx: *const (), name: v1::Slice, version: u32) -> *const () {
    // SAFETY: the plugin passes the `ctx` it was lent, and a name that lives during the call.
    let (invocation, name) = unsafe { (Invocation::lent(ctx), name.bytes()) };
    match (invocation, name, version) {
        (Some(invocation), Some(name), 1) if name == INVOCATION.as_bytes() => (&raw const *invocation.service()).cast(),
        _ => std::ptr::null(),
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Invocation`")]
unsafe extern "C" fn release(ctx: *const ()) {
    // SAFETY: the pointer of `Arc::into_raw` in `lend`, given back once.
    drop(unsafe { Arc::from_raw(ctx.cast::<Invocation>()) });
}

/// An event as the Runtime API delivered it.
#[derive(Debug)]
pub struct Delivery {
    /// What came with it.
    pub invocation: Arc<Invocation>,
    /// Its bytes.
    pub event: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_two_percent_between_50_and_500_ms_and_never_more_than_half() {
        let now = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_000), Instant::now());
        for (left_ms, margin, give_up_after) in [
            (3_000, None, 2_940),
            (1_000, None, 950),
            (900_000, None, 899_500),
            (10_000, None, 9_800),
            (60, None, 30),
            (1_000, Some(300), 700),
            (1_000, Some(0), 1_000),
            (1_000, Some(5_000), 500),
        ] {
            let deadline = Deadline::new(1_000_000 + left_ms, margin.map(Duration::from_millis), now);
            assert_eq!(deadline.give_up_ms, 1_000_000 + give_up_after, "{left_ms} {margin:?}");
            assert_eq!(deadline.give_up, Some(now.1 + Duration::from_millis(give_up_after)));
            assert!(deadline.watchdog.unwrap() <= now.1 + Duration::from_millis(left_ms));
            assert!(deadline.watchdog >= deadline.give_up);
            let last_call = deadline.last_call();
            assert!(deadline.give_up <= last_call && last_call <= deadline.watchdog);
        }
    }

    #[test]
    fn a_deadline_in_the_past_is_none() {
        let now = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_000), Instant::now());
        for lambda_ms in [1, 999_999, 1_000_000] {
            let deadline = Deadline::new(lambda_ms, None, now);
            assert!(deadline.is_past() && deadline.give_up.is_none() && deadline.give_up_ms == 0);
            assert_eq!(deadline.last_call(), None);
        }
        assert!(!Deadline::new(0, None, now).is_past());
    }

    #[test]
    fn a_plugin_may_keep_an_invocation_longer_than_the_loader() {
        let mut headers = HeaderMap::new();
        headers.insert(header::REQUEST_ID, "r-1".parse().unwrap());
        let invocation = Invocation::new(headers, Deadline::default());
        invocation.label(Labelling { source: "sqs", route: Some("queue".into()), ..Labelling::default() });
        let lent = invocation.lend();
        let weak = Arc::downgrade(&invocation);
        drop(invocation);
        // SAFETY: `lent` is alive, and so is the service that it returns.
        #[expect(unsafe_code, reason = "plays the plugin")]
        unsafe {
            assert!(lent.query("invocation", 2).is_null());
            assert!(lent.query("other", 1).is_null());
            let facts = &*lent.query("invocation", 1).cast::<InvocationV1>();
            assert_eq!(facts.request_id.bytes(), Some(&b"r-1"[..]));
            assert_eq!(facts.route.bytes(), Some(&b"queue"[..]));
            assert_eq!(facts.tenant_id.bytes(), None);
        }
        drop(lent);
        assert!(weak.upgrade().is_none());
    }
}
