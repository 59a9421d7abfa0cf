//! The author's futures, wrapped for the boundary: polled and dropped inside the plugin's own runtime, panics caught.

use lambda_plugin_abi_v1 as v1;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::context::Handle;
use crate::panic::catch;
use crate::{log, runtime};

/// A future, and what has to be set up around each poll and around its drop.
struct Running<F> {
    /// `None` once it is done: its locals are dropped inside `poll`, where a panic of theirs is still reported.
    future: Option<F>,
    /// What log records of the future belong to. Goes after the future.
    invocation: Option<Arc<Handle>>,
}

/// Wraps `future` as a task, of an invocation or of none.
pub(crate) fn task<F: Future<Output = v1::Outcome> + Send + 'static>(invocation: Option<Arc<Handle>>, future: F) -> v1::Task {
    let running = Box::new(Running { future: Some(future), invocation });
    // SAFETY: `poll` and `release` are the pair for `Box<Running<F>>`; both catch panics; all of it is Send, so any thread may run
    // them.
    #[expect(unsafe_code, reason = "gives a boxed future to the host")]
    unsafe {
        v1::Task::new(Box::into_raw(running).cast(), poll::<F>, release::<F>)
    }
}

#[expect(unsafe_code, reason = "called by the host through `v1::Task`")]
unsafe extern "C" fn poll<F: Future<Output = v1::Outcome>>(
    data: *mut (),
    waker: *const v1::Waker,
    outcome: *mut v1::Outcome,
) -> u32 {
    // SAFETY: `data` is the `Box<Running<F>>` of `task`, not yet released, and no other call is under way (`v1::Task::new`).
    let running = unsafe { &mut *data.cast::<Running<F>>() };
    // SAFETY: `waker` is valid during the call and `VTABLE` handles it as `v1::Waker` asks; `ManuallyDrop`, because it is borrowed.
    let waker = ManuallyDrop::new(unsafe { Waker::new(waker.cast(), &VTABLE) });
    let _current = log::Current::set(running.invocation.clone());
    let result = runtime::enter(|| {
        catch(|| {
            let Some(future) = running.future.as_mut() else { return Poll::Pending };
            // SAFETY: the future lies in a box that does not move it until it is dropped in place, by `= None` or `release`.
            let future = unsafe { Pin::new_unchecked(future) };
            let ready = future.poll(&mut Context::from_waker(&waker));
            if ready.is_ready() {
                running.future = None;
            }
            ready
        })
    });
    let value = match result {
        Ok(Poll::Pending) => return v1::Task::PENDING,
        Ok(Poll::Ready(value)) => value,
        Err(panic) => panic.outcome(v1::Outcome::PANIC),
    };
    // SAFETY: `outcome` points to room for one outcome (`v1::Task::poll`).
    unsafe { outcome.write(value) };
    v1::Task::READY
}

#[expect(unsafe_code, reason = "called by the host through `v1::Task`")]
unsafe extern "C" fn release<F>(data: *mut (), outcome: *mut v1::Outcome) -> u32 {
    // SAFETY: `data` is the `Box<Running<F>>` of `task`, and `v1::Task` calls this once.
    let running = unsafe { Box::from_raw(data.cast::<Running<F>>()) };
    let _current = log::Current::set(running.invocation.clone());
    match runtime::enter(|| catch(|| drop(running))) {
        Ok(()) => v1::Task::PENDING,
        Err(panic) => {
            // SAFETY: `outcome` points to room for one outcome (`v1::Task::release`).
            unsafe { outcome.write(panic.outcome(v1::Outcome::PANIC)) };
            v1::Task::READY
        }
    }
}

/// std's waker over a `*const v1::Waker`.
pub(crate) static VTABLE: RawWakerVTable = {
    #[expect(unsafe_code, reason = "signature of a vtable entry")]
    unsafe fn clone(data: *const ()) -> RawWaker {
        let waker: *const v1::Waker = data.cast();
        // SAFETY: std calls this with the pointer the waker was made with, which is valid, borrowed or owned (`v1::Waker`).
        RawWaker::new(unsafe { ((*waker).clone)(waker) }.cast(), &VTABLE)
    }
    #[expect(unsafe_code, reason = "signature of a vtable entry")]
    unsafe fn wake(data: *const ()) {
        let waker: *const v1::Waker = data.cast();
        // SAFETY: std gives up the waker, which `clone` made owned.
        unsafe { ((*waker).wake)(waker) }
    }
    #[expect(unsafe_code, reason = "signature of a vtable entry")]
    unsafe fn wake_by_ref(data: *const ()) {
        let waker: *const v1::Waker = data.cast();
        // SAFETY: valid as in `clone`.
        unsafe { ((*waker).wake_by_ref)(waker) }
    }
    #[expect(unsafe_code, reason = "signature of a vtable entry")]
    unsafe fn drop(data: *const ()) {
        let waker: *const v1::Waker = data.cast();
        // SAFETY: std gives up the waker, which `clone` made owned; the borrowed one in `poll` is in `ManuallyDrop`.
        unsafe { ((*waker).drop)(waker) }
    }
    RawWakerVTable::new(clone, wake, wake_by_ref, drop)
};
