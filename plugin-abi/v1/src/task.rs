//! Futures, streams and wakers that cross the boundary.
//!
//! std's `Future`, `Waker` and `RawWakerVTable` have no stable layout, so each side wraps its own in these.

use abi_stable::StableAbi;

use crate::{Buffer, Outcome};

/// A waker, seen through a pointer to its first field: the holder calls the functions with the pointer that it was given.
///
/// A pointer passed to a `poll` function is borrowed for the call. `clone` makes an owned one, released by exactly one of `wake`
/// and `drop`. All four may be called from any thread.
#[repr(C)]
#[derive(StableAbi)]
pub struct Waker {
    /// Makes an owned pointer to the same waker.
    pub clone: unsafe extern "C" fn(*const Waker) -> *const Waker,
    /// Wakes and releases an owned pointer.
    pub wake: unsafe extern "C" fn(*const Waker),
    /// Wakes, and leaves the pointer as it is.
    pub wake_by_ref: unsafe extern "C" fn(*const Waker),
    /// Releases an owned pointer.
    pub drop: unsafe extern "C" fn(*const Waker),
}

/// A future of one [`Outcome`]. Dropping it before it is ready cancels it.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Task {
    data: *mut (),
    poll: unsafe extern "C" fn(data: *mut (), waker: *const Waker, outcome: *mut Outcome) -> u32,
    release: unsafe extern "C" fn(data: *mut (), outcome: *mut Outcome) -> u32,
}

// SAFETY: `Task::new` takes only data that may be polled and released from any thread, one at a time, which `&mut self` ensures.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Task {}

impl Task {
    /// `poll` wants to be called again after a wake-up.
    pub const PENDING: u32 = 0;
    /// `poll` wrote the outcome and must not be called again; or `release` wrote a [`Outcome::PANIC`].
    pub const READY: u32 = 1;

    /// A task over `data`.
    ///
    /// # Safety
    /// - `poll(data, waker, outcome)` returns [`Task::PENDING`], or writes a valid [`Outcome`] and returns [`Task::READY`].
    /// - `release(data, outcome)` frees `data`, in whatever state it is. It returns 0, or writes an outcome that says which panic it
    ///   caught and returns [`Task::READY`].
    /// - Neither unwinds. Both may be called on any thread, never two at once.
    #[expect(unsafe_code, reason = "states the contract of the two functions")]
    #[must_use]
    pub const unsafe fn new(
        data: *mut (),
        poll: unsafe extern "C" fn(*mut (), *const Waker, *mut Outcome) -> u32,
        release: unsafe extern "C" fn(*mut (), *mut Outcome) -> u32,
    ) -> Self {
        Task { data, poll, release }
    }

    /// Polls once. `None`: not ready; the waker has been taken note of.
    ///
    /// # Safety
    /// `waker` points to a valid [`Waker`] for the duration of the call, and no earlier call returned an outcome.
    #[expect(unsafe_code, reason = "calls into the other side")]
    pub unsafe fn poll(&mut self, waker: *const Waker) -> Option<Outcome> {
        let mut outcome = std::mem::MaybeUninit::uninit();
        // SAFETY: `data` and `poll` belong together (`Task::new`); `&mut self` makes the call the only one; the waker is valid by this
        // function's own contract.
        match unsafe { (self.poll)(self.data, waker, outcome.as_mut_ptr()) } {
            Self::PENDING => None,
            // SAFETY: any other value means that an outcome was written (`Task::new`).
            _ => Some(unsafe { outcome.assume_init() }),
        }
    }

    /// Drops the task now, and returns what a panicking destructor had to say.
    #[must_use]
    pub fn release(self) -> Option<Outcome> {
        std::mem::ManuallyDrop::new(self).release_once()
    }

    #[expect(unsafe_code, reason = "calls into the other side")]
    fn release_once(&mut self) -> Option<Outcome> {
        let mut outcome = std::mem::MaybeUninit::uninit();
        // SAFETY: called once, from `drop` or from `release`, which forgets `self`.
        match unsafe { (self.release)(self.data, outcome.as_mut_ptr()) } {
            Self::PENDING => None,
            // SAFETY: any other value means that an outcome was written (`Task::new`).
            _ => Some(unsafe { outcome.assume_init() }),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        drop(self.release_once());
    }
}

/// The body of a streamed reply: buffers one after the other, then the end or an error. Dropping it early cancels it.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Stream {
    data: *mut (),
    poll: unsafe extern "C" fn(data: *mut (), waker: *const Waker, item: *mut Buffer) -> u32,
    release: unsafe extern "C" fn(data: *mut ()),
}

// SAFETY: as for `Task`.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Stream {}

impl Stream {
    /// Nothing yet; the waker has been taken note of.
    pub const PENDING: u32 = 0;
    /// A buffer was written.
    pub const ITEM: u32 = 1;
    /// The stream is over; nothing was written.
    pub const END: u32 = 2;
    /// The author's code failed; a JSON object with `errorType` and `errorMessage` was written, and nothing follows.
    pub const ERROR: u32 = 3;
    /// The author's code panicked; the same was written, and nothing follows.
    pub const PANIC: u32 = 4;

    /// A stream that is over.
    pub const EMPTY: Stream = Stream { data: std::ptr::null_mut(), poll: poll_empty, release: release_empty };

    /// A stream over `data`.
    ///
    /// # Safety
    /// - `poll(data, waker, item)` returns [`Stream::PENDING`] or [`Stream::END`], or writes a valid [`Buffer`] and returns
    ///   [`Stream::ITEM`], [`Stream::ERROR`] or [`Stream::PANIC`].
    /// - `release(data)` frees `data` in whatever state it is.
    /// - Neither unwinds. Both may be called on any thread, never two at once.
    #[expect(unsafe_code, reason = "states the contract of the two functions")]
    #[must_use]
    pub const unsafe fn new(
        data: *mut (),
        poll: unsafe extern "C" fn(*mut (), *const Waker, *mut Buffer) -> u32,
        release: unsafe extern "C" fn(*mut ()),
    ) -> Self {
        Stream { data, poll, release }
    }

    /// Polls once: `Poll::Ready(None)` at the end; `Err` with [`Outcome::ERROR`] or [`Outcome::PANIC`] and the JSON of a failure. A
    /// code that this generation does not know is an error without words, never an end.
    ///
    /// # Safety
    /// `waker` points to a valid [`Waker`] for the duration of the call, and no earlier call returned the end or an error.
    #[expect(unsafe_code, reason = "calls into the other side")]
    pub unsafe fn poll(&mut self, waker: *const Waker) -> std::task::Poll<Option<Result<Buffer, (u32, Buffer)>>> {
        use std::task::Poll;
        let mut item = std::mem::MaybeUninit::uninit();
        // SAFETY: `data` and `poll` belong together (`Stream::new`); `&mut self` makes the call the only one.
        match unsafe { (self.poll)(self.data, waker, item.as_mut_ptr()) } {
            Self::PENDING => Poll::Pending,
            // SAFETY: `ITEM` means that a buffer was written (`Stream::new`).
            Self::ITEM => Poll::Ready(Some(Ok(unsafe { item.assume_init() }))),
            // SAFETY: `ERROR` means that a buffer was written (`Stream::new`).
            Self::ERROR => Poll::Ready(Some(Err((Outcome::ERROR, unsafe { item.assume_init() })))),
            // SAFETY: `PANIC` means that a buffer was written (`Stream::new`).
            Self::PANIC => Poll::Ready(Some(Err((Outcome::PANIC, unsafe { item.assume_init() })))),
            Self::END => Poll::Ready(None),
            _ => Poll::Ready(Some(Err((Outcome::ERROR, Buffer::EMPTY)))),
        }
    }
}

impl Drop for Stream {
    #[expect(unsafe_code, reason = "calls into the other side")]
    fn drop(&mut self) {
        // SAFETY: `data` and `release` belong together, and `drop` runs once.
        unsafe { (self.release)(self.data) }
    }
}

#[expect(unsafe_code, reason = "signature of `poll`")]
unsafe extern "C" fn poll_empty(_data: *mut (), _waker: *const Waker, _item: *mut Buffer) -> u32 {
    Stream::END
}

#[expect(unsafe_code, reason = "signature of `release`")]
unsafe extern "C" fn release_empty(_data: *mut ()) {}
