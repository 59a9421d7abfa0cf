//! Replies: bytes, anything serde serialises, or a stream.

use bytes::Bytes;
use futures_core::Stream;
use lambda_plugin_abi_v1 as v1;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::context::Handle;
use crate::log::Current;
use crate::panic::catch;
use crate::task::VTABLE;
use crate::{Error, runtime};

/// Status, headers and cookies that go before a streamed body.
///
/// ```
/// use lambda_plugin_abi::Prelude;
/// let mut prelude = Prelude { status_code: 201, ..Prelude::default() };
/// prelude.headers.insert("content-type".into(), "text/plain".into());
/// prelude.cookies.push("seen=1".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prelude {
    /// HTTP status code.
    pub status_code: u16,
    /// Headers, except cookies.
    pub headers: BTreeMap<String, String>,
    /// `Set-Cookie` values.
    pub cookies: Vec<String>,
}

impl Default for Prelude {
    fn default() -> Self {
        Prelude { status_code: 200, headers: BTreeMap::new(), cookies: Vec::new() }
    }
}

/// A reply whose body is sent while it is being made. It goes out in pieces where the route says `"reply": "stream"`, and is
/// collected first where it does not.
///
/// ```
/// use futures_util::stream::iter;
/// use lambda_plugin_abi::{Error, Prelude, StreamReply};
///
/// async fn count(to: u32) -> Result<StreamReply, Error> {
///     let lines = iter((1..=to).map(|number| Ok(format!("{number}\n").into())));
///     Ok(StreamReply::new(lines).prelude(Prelude { status_code: 206, ..Prelude::default() }))
/// }
/// # use futures_util::FutureExt as _;
/// let reply = count(2).now_or_never().unwrap()?;
/// assert!(format!("{reply:?}").contains("206"));
/// # Ok::<(), Error>(())
/// ```
pub struct StreamReply {
    prelude: Prelude,
    body: Body,
}

impl StreamReply {
    /// A reply with status 200. A body that ends in an error is cut off there, and the service told so.
    ///
    /// ```
    /// # use lambda_plugin_abi::{Error, StreamReply};
    /// let pieces = [Ok("half".into()), Err(Error::new("BrokenPipe", "the source ran dry"))];
    /// let reply = StreamReply::new(futures_util::stream::iter(pieces));
    /// ```
    pub fn new(body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Self {
        StreamReply { prelude: Prelude::default(), body: Box::pin(body) }
    }

    /// The same with another status, headers or cookies.
    ///
    /// ```
    /// # use lambda_plugin_abi::{Prelude, StreamReply};
    /// let reply = StreamReply::new(futures_util::stream::empty()).prelude(Prelude { status_code: 204, ..Prelude::default() });
    /// ```
    #[must_use]
    pub fn prelude(mut self, prelude: Prelude) -> Self {
        self.prelude = prelude;
        self
    }

    pub(crate) fn outcome(self) -> Result<v1::Outcome, Error> {
        Ok(stream(serde_json::to_vec(&self.prelude)?, self.body))
    }
}

/// A body behind its prelude, which is JSON. To be called while the invocation is being worked on.
pub(crate) fn stream(prelude: Vec<u8>, body: Body) -> v1::Outcome {
    let sending = Sending { body: Some(body), invocation: Current::invocation() };
    let body = Box::into_raw(Box::new(sending));
    // SAFETY: `poll` and `release` are the pair for `Box<Sending>`; both catch panics; all of it is Send.
    #[expect(unsafe_code, reason = "gives a boxed stream to the host")]
    let stream = unsafe { v1::Stream::new(body.cast(), poll, release) };
    v1::Outcome::stream(v1::Buffer::new(prelude), stream)
}

impl fmt::Debug for StreamReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReply").field("prelude", &self.prelude).finish_non_exhaustive()
    }
}

pub(crate) type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A body on its way, and what log records of it belong to.
struct Sending {
    /// `None` once it has ended.
    body: Option<Body>,
    invocation: Option<Arc<Handle>>,
}

#[expect(unsafe_code, reason = "called by the host through `v1::Stream`")]
unsafe extern "C" fn poll(data: *mut (), waker: *const v1::Waker, item: *mut v1::Buffer) -> u32 {
    // SAFETY: `data` is the box of `stream`, not yet released, and no other call is under way (`v1::Stream::new`).
    let sending = unsafe { &mut *data.cast::<Sending>() };
    // SAFETY: `waker` is valid during the call and `VTABLE` handles it as `v1::Waker` asks; `ManuallyDrop`, because it is borrowed.
    let waker = ManuallyDrop::new(unsafe { Waker::new(waker.cast(), &VTABLE) });
    let _current = Current::set(sending.invocation.clone());
    let result = runtime::enter(|| {
        catch(|| {
            let Some(stream) = sending.body.as_mut() else { return Poll::Ready(None) };
            let next = stream.as_mut().poll_next(&mut Context::from_waker(&waker));
            if matches!(next, Poll::Ready(None | Some(Err(_)))) {
                sending.body = None;
            }
            next
        })
    });
    let (kind, buffer) = match result {
        Ok(Poll::Pending) => return v1::Stream::PENDING,
        Ok(Poll::Ready(None)) => return v1::Stream::END,
        Ok(Poll::Ready(Some(Ok(bytes)))) => (v1::Stream::ITEM, v1::Buffer::new(bytes)),
        Ok(Poll::Ready(Some(Err(error)))) => (v1::Stream::ERROR, v1::Buffer::new(error.json())),
        Err(panic) => (v1::Stream::PANIC, v1::Buffer::new(panic.json())),
    };
    // SAFETY: `item` points to room for one buffer (`v1::Stream::poll`).
    unsafe { item.write(buffer) };
    kind
}

#[expect(unsafe_code, reason = "called by the host through `v1::Stream`")]
unsafe extern "C" fn release(data: *mut ()) {
    // SAFETY: `data` is the box of `stream`, and `v1::Stream` calls this once.
    let sending = unsafe { Box::from_raw(data.cast::<Sending>()) };
    let _current = Current::set(sending.invocation.clone());
    if let Err(panic) = runtime::enter(|| catch(|| drop(sending))) {
        crate::log::write(1, "panic", panic.message(), None);
    }
}
