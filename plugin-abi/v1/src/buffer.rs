//! Bytes that cross the boundary: borrowed and owned.

use abi_stable::StableAbi;

/// Borrowed bytes. Valid for as long as the function that handed them out says.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct Slice {
    /// First byte; null for "absent".
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl Slice {
    /// No bytes, which is something else than zero bytes.
    pub const ABSENT: Slice = Slice { ptr: std::ptr::null(), len: 0 };

    /// Borrows `bytes`. The caller upholds the lifetime.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Slice { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// Borrows `text`, or is absent.
    #[must_use]
    pub const fn of_option(text: Option<&str>) -> Self {
        match text {
            Some(text) => Slice::of(text.as_bytes()),
            None => Slice::ABSENT,
        }
    }

    /// The bytes, `None` where absent.
    ///
    /// # Safety
    /// The slice was made by [`Slice::of`] (on either side) from bytes that live and stay unchanged for `'a`.
    #[expect(unsafe_code, reason = "bytes that another compilation unit described by pointer and length")]
    #[must_use]
    pub const unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        if self.ptr.is_null() {
            return None;
        }
        // SAFETY: non-null checked above; by this function's contract the pair came from a `&[u8]` that is alive for `'a`, which
        // is exactly what `from_raw_parts` demands (https://doc.rust-lang.org/std/slice/fn.from_raw_parts.html#safety).
        Some(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }
}

/// Owned bytes: whoever holds the buffer drops it, on whichever side of the boundary, and the side that made it frees it.
///
/// Either side holds it as `bytes::Bytes` without a copy: `Bytes::from_owner(buffer)`.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Buffer {
    ptr: *const u8,
    len: usize,
    owner: *mut (),
    release: unsafe extern "C" fn(owner: *mut ()),
}

// SAFETY: `owner` is a `Box<T>` with `T: Send` (the only constructors are `new` and `EMPTY`), and `ptr` points into what it owns;
// both may be used and dropped from any thread.
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Buffer {}
// SAFETY: a shared `Buffer` gives out only `&[u8]`, and nothing mutates the bytes.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Buffer {}

impl Buffer {
    /// No bytes, no owner.
    pub const EMPTY: Buffer =
        Buffer { ptr: std::ptr::NonNull::dangling().as_ptr(), len: 0, owner: std::ptr::null_mut(), release: release_nothing };

    /// Hands `owner`'s bytes over without copying them. `owner` is boxed, so its address is stable; its `as_ref` is called once.
    #[must_use]
    pub fn new<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: just made, and used through this pointer alone until `release`. Not through the box: moving a box would end the
        // borrow of bytes that lie inside it.
        #[expect(unsafe_code, reason = "borrows from behind the pointer that is given away")]
        let bytes: &[u8] = unsafe { &*owner }.as_ref();
        Buffer { ptr: bytes.as_ptr(), len: bytes.len(), owner: owner.cast(), release: release_box::<T> }
    }
}

impl AsRef<[u8]> for Buffer {
    #[expect(unsafe_code, reason = "bytes owned by another compilation unit")]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `ptr` and `len` came from a slice borrowed from the boxed owner, which lives, at one address, until `release` is
        // called in `drop`; `EMPTY` is dangling with length 0, which `from_raw_parts` allows.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl Drop for Buffer {
    #[expect(unsafe_code, reason = "the owner is freed by the side that made it")]
    fn drop(&mut self) {
        // SAFETY: `release` and `owner` were set together by a constructor, and `drop` runs once.
        unsafe { (self.release)(self.owner) }
    }
}

#[expect(unsafe_code, reason = "signature of `release`")]
unsafe extern "C" fn release_nothing(_owner: *mut ()) {}

#[expect(unsafe_code, reason = "takes back a box given away as a pointer")]
unsafe extern "C" fn release_box<T>(owner: *mut ()) {
    // SAFETY: `owner` is the `Box<T>` that `Buffer::new::<T>` turned into a pointer, and `Buffer::drop` calls this once.
    let owner = unsafe { Box::from_raw(owner.cast::<T>()) };
    // A destructor that panics must not unwind into the other side, nor may what it panicked with. Nothing is left to report it to.
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(owner))) {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_shows_the_owner_s_bytes_and_frees_them_once() {
        struct Owner(Vec<u8>, #[expect(dead_code, reason = "counts the owners alive")] std::sync::Arc<()>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let alive = std::sync::Arc::new(());
        let bytes = vec![1, 2, 3];
        let address = bytes.as_ptr();
        let buffer = Buffer::new(Owner(bytes, alive.clone()));
        assert_eq!(buffer.as_ref(), [1, 2, 3]);
        assert_eq!(buffer.as_ref().as_ptr(), address, "copied");
        drop(buffer);
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
        assert!(Buffer::EMPTY.as_ref().is_empty());
    }

    #[test]
    fn a_destructor_that_panics_stays_inside() {
        struct Owner;
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Owner {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        drop(Buffer::new(Owner));
    }
}
