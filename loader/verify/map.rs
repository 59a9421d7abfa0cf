//! A sealed file as a slice, without a copy.

use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::seal::Sealed;

/// The bytes of a sealed file, read-only, as long as this lives.
#[derive(Debug)]
pub(super) struct Mapping {
    /// `None` for an empty file, which `mmap` does not take.
    start: Option<NonNull<u8>>,
    length: usize,
}

// SAFETY: a `Mapping` owns its pages alone, nothing about them belongs to a thread (`munmap` may be called from any), and they are never
// written: reading them from wherever it has moved to is no data race.
#[expect(unsafe_code, reason = "a pointer is not Send by itself")]
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps all of a sealed file.
    #[expect(unsafe_code, reason = "mapping a file is the one way to look at sealed bytes in place")]
    pub(super) fn of(sealed: &Sealed) -> Result<Mapping, Errno> {
        let length = sealed.length();
        if length == 0 {
            return Ok(Mapping { start: None, length });
        }
        // SAFETY: `mmap` with a null hint and without MAP_FIXED never touches memory that something else uses (mmap(2)); the
        // descriptor is open, for `sealed` owns it.
        // Not MAP_POPULATE: the kernel maps 16 pages a fault by itself, and asks about each page once more where it populates.
        let start = unsafe { mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, sealed, 0)? };
        Ok(Mapping { start: NonNull::new(start.cast()), length })
    }

    /// The bytes.
    #[expect(unsafe_code, reason = "a slice over mapped memory")]
    pub(super) fn bytes(&self) -> &[u8] {
        let Some(start) = self.start else { return &[] };
        // SAFETY: `start` is not null; `start..start + length` is one mapping that `of` made and only
        // `drop` removes, so it is valid for reads for the life of `&self`; `u8` has no alignment and no invalid values; `length`
        // is a file's size and below `isize::MAX`, as `mmap` succeeded. Nothing writes to the bytes meanwhile and no page is lost
        // to truncation: `Sealed` is only made after F_GET_SEALS answered write, grow and shrink (fcntl(2)), and F_SEAL_WRITE is
        // refused while a writable mapping exists.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    #[expect(unsafe_code, reason = "the mapping ends with its owner")]
    fn drop(&mut self) {
        if let Some(start) = self.start {
            // SAFETY: exactly the range that `of` mapped; every slice of it borrowed `self`, so none is left. An error would only
            // leave the pages mapped.
            let _ = unsafe { munmap(start.as_ptr().cast(), self.length) };
        }
    }
}
