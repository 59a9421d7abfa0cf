//! A plugin's task as a future of the host's, with wakers that cross the boundary.

use lambda_plugin_abi_v1 as v1;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Failure;
use crate::crash::Work;

/// A waker as the plugin sees it. The first field is what it gets a pointer to.
#[repr(C)]
struct Shared {
    abi: v1::Waker,
    waker: Waker,
}

/// Hands the host's waker to plugins. One for as long as the host's stays the same, so that a plugin that keeps it recognises it
/// and need not clone it again.
#[derive(Default)]
pub struct Wakers {
    current: Option<Arc<Shared>>,
}

impl std::fmt::Debug for Wakers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakers").finish_non_exhaustive()
    }
}

impl Wakers {
    /// A pointer that is valid until the next call, or longer where the plugin clones it.
    pub fn of(&mut self, waker: &Waker) -> *const v1::Waker {
        let shared = match self.current.take() {
            Some(shared) if shared.waker.will_wake(waker) => shared,
            _ => Arc::new(Shared { abi: v1::Waker { clone, wake, wake_by_ref, drop: release }, waker: waker.clone() }),
        };
        // Of the whole, not of its first field: the functions below go back to the whole.
        Arc::as_ptr(self.current.insert(shared)).cast()
    }
}

#[expect(unsafe_code, reason = "called by plugins")]
unsafe extern "C" fn clone(waker: *const v1::Waker) -> *const v1::Waker {
    // SAFETY: `waker` came from `Arc::as_ptr` or from here, and its count is held by the caller's borrow or ownership.
    unsafe { Arc::increment_strong_count(waker.cast::<Shared>()) };
    waker
}

#[expect(unsafe_code, reason = "called by plugins")]
unsafe extern "C" fn wake(waker: *const v1::Waker) {
    // SAFETY: an owned pointer of `clone`, given up by this call.
    let shared = unsafe { Arc::from_raw(waker.cast::<Shared>()) };
    shared.waker.wake_by_ref();
}

#[expect(unsafe_code, reason = "called by plugins")]
unsafe extern "C" fn wake_by_ref(waker: *const v1::Waker) {
    // SAFETY: valid as in `clone`, and only borrowed.
    let shared = unsafe { &*waker.cast::<Shared>() };
    shared.waker.wake_by_ref();
}

#[expect(unsafe_code, reason = "called by plugins")]
unsafe extern "C" fn release(waker: *const v1::Waker) {
    // SAFETY: an owned pointer of `clone`, given up by this call.
    drop(unsafe { Arc::from_raw(waker.cast::<Shared>()) });
}

/// A plugin's task, to be awaited.
#[derive(Debug)]
pub struct TaskFuture<'w> {
    task: Option<v1::Task>,
    work: Work,
    wakers: &'w mut Wakers,
}

impl<'w> TaskFuture<'w> {
    /// Awaits `task`, of that call.
    pub fn new(task: v1::Task, work: Work, wakers: &'w mut Wakers) -> Self {
        TaskFuture { task: Some(task), work, wakers }
    }

    /// Cancels the task, unless it is done. What comes back is a panic in one of its destructors.
    pub fn cancel(&mut self) -> Option<v1::Outcome> {
        let task = self.task.take()?;
        self.work.run(|| task.release())
    }
}

impl Drop for TaskFuture<'_> {
    fn drop(&mut self) {
        drop(self.cancel());
    }
}

impl Future for TaskFuture<'_> {
    type Output = v1::Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<v1::Outcome> {
        let this = self.get_mut();
        // A future polled after it was ready waits for ever, as the contract of `Future` leaves open.
        let Some(task) = this.task.as_mut() else { return Poll::Pending };
        let waker = this.wakers.of(cx.waker());
        // SAFETY: `wakers` keeps the waker alive until its next call; `task` is `None` once it was ready.
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let poll = || unsafe { task.poll(waker) };
        match this.work.run(poll) {
            None => Poll::Pending,
            Some(outcome) => {
                drop(this.cancel());
                Poll::Ready(outcome)
            }
        }
    }
}

/// A plugin's stream, polled at most to its end.
#[derive(Debug)]
pub struct TaskStream {
    stream: Option<v1::Stream>,
    work: Work,
    wakers: Wakers,
}

impl TaskStream {
    /// Reads `stream`, of that call.
    #[must_use]
    pub fn new(stream: v1::Stream, work: Work) -> Self {
        TaskStream { stream: Some(stream), work, wakers: Wakers::default() }
    }

    /// The next piece; `None` at the end, and from then on.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<v1::Buffer, Failure>>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(None) };
        let waker = self.wakers.of(cx.waker());
        // SAFETY: `wakers` keeps the waker alive until its next call; `stream` is `None` once it has ended.
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let poll = || unsafe { stream.poll(waker) };
        let next = self.work.run(poll);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.release();
        }
        next.map_err(|(kind, json)| Failure::of_plugin(kind, json.as_ref()))
    }

    fn release(&mut self) {
        let stream = self.stream.take();
        self.work.run(|| drop(stream));
    }
}

impl Drop for TaskStream {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_kept_waker_outlives_the_poll_wakes_once_a_call_and_is_freed() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut wakers = Wakers::default();
        let abi = wakers.of(&waker);
        assert_eq!(abi, wakers.of(&waker), "the same waker has one address");
        // SAFETY: plays the plugin: clones the borrowed pointer, and gives each owned one up once.
        #[expect(unsafe_code, reason = "plays the plugin")]
        unsafe {
            let first = ((*abi).clone)(abi);
            let second = ((*first).clone)(first);
            drop(wakers);
            ((*first).wake_by_ref)(first);
            ((*first).wake)(first);
            ((*second).drop)(second);
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1);
    }
}
