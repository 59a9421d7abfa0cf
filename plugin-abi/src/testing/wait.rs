//! Waits on the test's own thread, as the loader does on its.

use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use std::sync::Arc;
use std::task::Poll;
use std::thread::Thread;
use std::time::Instant;

use super::too_late;
use crate::Error;

/// A waker as the plugin sees it: the first field is what it gets a pointer to.
#[repr(C)]
struct Parked {
    abi: v1::Waker,
    thread: Thread,
}

/// Polls `task` until it is done or `until` has come; then it is dropped. A handler that blocked beyond that is late as well.
pub(super) fn task(task: v1::Task, until: Option<Instant>) -> Option<v1::Outcome> {
    let waker = waker();
    let mut task = task;
    loop {
        // SAFETY: `waker` lives until the function returns, and a task that is done is not polled again.
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let outcome = unsafe { task.poll(Arc::as_ptr(&waker).cast()) };
        match outcome {
            Some(outcome) => return (!is_over(until)).then_some(outcome),
            None if is_over(until) => {
                if let Some(panic) = task.release() {
                    eprintln!("a destructor panicked while the handler was dropped: {}", Error::of_outcome(&panic));
                }
                return None;
            }
            None => park(until),
        }
    }
}

/// Reads `stream` to its end.
pub(super) fn stream(mut stream: v1::Stream, until: Option<Instant>) -> Result<Vec<Bytes>, Error> {
    let waker = waker();
    let mut pieces = Vec::new();
    loop {
        // SAFETY: `waker` lives until the function returns, and a stream that has ended is not polled again.
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let next = unsafe { stream.poll(Arc::as_ptr(&waker).cast()) };
        match next {
            Poll::Ready(None) => return Ok(pieces),
            Poll::Ready(Some(Ok(piece))) => pieces.push(Bytes::from_owner(piece)),
            Poll::Ready(Some(Err((_kind, error)))) => return Err(Error::of_json(error.as_ref())),
            Poll::Pending => park(until),
        }
        if is_over(until) {
            return Err(too_late());
        }
    }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// Sleeps until a waker is used, or time is over. May return early.
fn park(until: Option<Instant>) {
    match until {
        Some(until) => std::thread::park_timeout(until.saturating_duration_since(Instant::now())),
        None => std::thread::park(),
    }
}

fn waker() -> Arc<Parked> {
    Arc::new(Parked { abi: v1::Waker { clone, wake, wake_by_ref, drop: release }, thread: std::thread::current() })
}

#[expect(unsafe_code, reason = "called by the plugin")]
unsafe extern "C" fn clone(waker: *const v1::Waker) -> *const v1::Waker {
    // SAFETY: `waker` came from `Arc::as_ptr` or from here, and its count is held by the caller's borrow or ownership.
    unsafe { Arc::increment_strong_count(waker.cast::<Parked>()) };
    waker
}

#[expect(unsafe_code, reason = "called by the plugin")]
unsafe extern "C" fn wake(waker: *const v1::Waker) {
    // SAFETY: an owned pointer of `clone`, given up by this call.
    let parked = unsafe { Arc::from_raw(waker.cast::<Parked>()) };
    parked.thread.unpark();
}

#[expect(unsafe_code, reason = "called by the plugin")]
unsafe extern "C" fn wake_by_ref(waker: *const v1::Waker) {
    // SAFETY: valid as in `clone`, and only borrowed.
    let parked = unsafe { &*waker.cast::<Parked>() };
    parked.thread.unpark();
}

#[expect(unsafe_code, reason = "called by the plugin")]
unsafe extern "C" fn release(waker: *const v1::Waker) {
    // SAFETY: an owned pointer of `clone`, given up by this call.
    drop(unsafe { Arc::from_raw(waker.cast::<Parked>()) });
}
