//! Where each loaded object lies in memory: the address of an instruction is the name of its plugin.

use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;

use super::work::Subject;

/// One object. They are never unloaded, so the list only grows, and reading it takes no lock.
#[derive(Debug)]
struct Mapped {
    /// What the addresses in the file are relative to.
    base: usize,
    start: usize,
    end: usize,
    subject: &'static Subject,
    next: OnceLock<Box<Mapped>>,
}

static FIRST: OnceLock<Box<Mapped>> = OnceLock::new();

/// Notes where the object lies that was loaded under the path `name`.
pub fn note(name: &str, subject: &'static Subject) {
    let mut search = Search { name, found: None };
    // SAFETY: `look` has the signature asked for, does not unwind, and gets the `Search` that it expects (`dl_iterate_phdr(3)`).
    #[expect(unsafe_code, reason = "no safe interface to the link map exists")]
    unsafe {
        libc::dl_iterate_phdr(Some(look), (&raw mut search).cast());
    }
    let Some((base, start, end)) = search.found else { return };
    append(&FIRST, Box::new(Mapped { base, start, end, subject, next: OnceLock::new() }));
}

fn append(mut slot: &'static OnceLock<Box<Mapped>>, mut new: Box<Mapped>) {
    while let Err(again) = slot.set(new) {
        let Some(taken) = slot.get() else { return };
        (slot, new) = (&taken.next, again);
    }
}

/// The object that `address` lies in, and the address as its file has it.
pub(super) fn at(address: usize) -> Option<(&'static Subject, usize)> {
    let all = std::iter::successors(FIRST.get(), |mapped| mapped.next.get());
    let found = all.into_iter().find(|mapped| (mapped.start..mapped.end).contains(&address));
    found.map(|mapped| (mapped.subject, address.wrapping_sub(mapped.base)))
}

struct Search<'n> {
    name: &'n str,
    found: Option<(usize, usize, usize)>,
}

#[expect(unsafe_code, reason = "called back by `dl_iterate_phdr`")]
unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: `info` is valid during the call, and `search` is what `note` passed, used by nobody else meanwhile
    // (`dl_iterate_phdr(3)`).
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    if info.dlpi_name.is_null() || info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: a NUL-terminated name that lives as long as the object, which the linker's lock keeps during the call.
    if unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes() != search.name.as_bytes() {
        return 0;
    }
    // SAFETY: the object's program headers, that many, in memory that it keeps mapped.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let address = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let base = address(info.dlpi_addr);
    let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let bounds = segments.map(|header| {
        let start = base.wrapping_add(address(header.p_vaddr));
        (start, start.saturating_add(address(header.p_memsz)))
    });
    let whole = bounds.reduce(|whole, segment| (whole.0.min(segment.0), whole.1.max(segment.1)));
    search.found = whole.map(|(start, end)| (base, start, end));
    // Not 0: it was found.
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Kind;

    #[test]
    fn an_address_is_found_in_its_object_alone() {
        let subject = |name| Subject::leak(Kind::Library, name, "", &[]);
        note("/nowhere/there.so", subject("none"));
        let function = libc::getppid as *const () as usize;
        let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for; `info` is of this frame, and zeros are valid in it (`dladdr(3)`).
        #[expect(unsafe_code, reason = "asks the linker for the name that it has for libc")]
        let info = unsafe {
            assert_ne!(libc::dladdr(function as *const c_void, info.as_mut_ptr()), 0);
            info.assume_init()
        };
        // SAFETY: a NUL-terminated name that lives as long as libc.
        #[expect(unsafe_code, reason = "as above")]
        let name = unsafe { CStr::from_ptr(info.dli_fname) }.to_str().unwrap();
        note(name, subject("libc.so.6"));
        let (found, offset) = at(function).unwrap();
        assert_eq!(found.name(), "libc.so.6");
        assert_eq!(offset, function - info.dli_fbase.addr());
        assert!(
            at(an_address_is_found_in_its_object_alone as *const () as usize).is_none(),
            "the program's own code is nobody's"
        );
        assert!(at(0).is_none() && at(usize::MAX).is_none());
    }
}
