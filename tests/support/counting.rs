//! An allocator that counts what each thread asks it for. A program of its own installs it: `#[global_allocator]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's, counted.
pub struct Counting;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// How often memory was asked for, or more of it.
    pub times: usize,
    /// Bytes, all together; what was given back is not taken off.
    pub bytes: usize,
}

thread_local! {
    /// Without a destructor and made by the compiler, so that using it allocates nothing.
    static ASKED: Cell<Asked> = const { Cell::new(Asked { times: 0, bytes: 0 }) };
}

/// What `work` asks for on this thread.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    let before = ASKED.get();
    let result = work();
    let after = ASKED.get();
    (result, Asked { times: after.times - before.times, bytes: after.bytes - before.bytes })
}

fn note(bytes: usize) {
    let Asked { times, bytes: before } = ASKED.get();
    ASKED.set(Asked { times: times + 1, bytes: before + bytes });
}

// SAFETY: every method passes its arguments on to `System` and returns what that returns, so the contract is kept as `System` keeps it;
// `note` neither allocates nor panics.
#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: `block` came from `System` by one of these methods, and the rest is the caller's promise, which `System` asks for.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}
