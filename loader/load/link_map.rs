//! What the process has loaded: only verified descriptors and files of the system library folders.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{CStr, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use crate::{Code, Refusal};

/// The system library folders, separated by colons. `bootstrap` is linked to search them before `LD_LIBRARY_PATH`: the build script
/// reads the same file.
pub(super) const SYSTEM_FOLDERS: &str = include_str!("system_folders");

/// The names under which verified descriptors are opened. They stay open, so a number never becomes another file's.
static VERIFIED: Mutex<BTreeMap<String, Inode>> = Mutex::new(BTreeMap::new());

/// Device and number of a file.
type Inode = (u64, u64);

/// Notes the name of a verified descriptor that is about to be opened. `false`: the same file is there already.
pub(super) fn expect(name: &str, inode: Inode) -> bool {
    let mut verified = VERIFIED.lock().unwrap_or_else(PoisonError::into_inner);
    let new = verified.values().all(|known| *known != inode);
    if new {
        verified.insert(name.to_owned(), inode);
    }
    new
}

/// What is loaded although nothing here verified it, such as a preloaded library.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    names: HashSet<String>,
    /// How many objects had ever been loaded when this was looked at.
    count: u64,
}

/// What was last seen: where nothing was loaded since, nobody need look again.
static SEEN: Mutex<Option<Foreign>> = Mutex::new(None);

impl Foreign {
    /// What is there now.
    #[must_use]
    pub fn now() -> Self {
        // Counted before: what is loaded meanwhile is looked at again.
        let count = count();
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some(seen) if seen.count == count => seen.clone(),
            _ => seen.insert(Foreign { names: names(), count }).clone(),
        }
    }

    /// Looks for foreign objects that were not there before; `doing` says what brought them in.
    ///
    /// This is detection: what it finds has run its constructors already.
    ///
    /// # Errors
    /// `load-foreign-object`, where there is one.
    pub fn check(&self, place: &str, doing: &str) -> Result<(), Refusal> {
        if count() == self.count {
            return Ok(());
        }
        match Self::now().names.into_iter().find(|name| !self.names.contains(name)) {
            None => Ok(()),
            Some(foreign) => {
                let what = format!("{doing} mapped {foreign}, which was not verified");
                Err(Refusal::new(Code::LoadForeignObject, place, what)
                    .hint("name that file in `libraries`, or remove it and the LD_LIBRARY_PATH entry that leads to it"))
            }
        }
    }
}

fn names() -> HashSet<String> {
    let verified = VERIFIED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut names = HashSet::new();
    each_loaded(&mut |name| {
        if !is_known(name, &verified) {
            names.insert(name.to_owned());
        }
    });
    names
}

/// How many objects have been loaded in all (`dlpi_adds`, `dl_iterate_phdr(3)`).
fn count() -> u64 {
    #[expect(unsafe_code, reason = "called back by `dl_iterate_phdr`")]
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, count: *mut c_void) -> c_int {
        // SAFETY: `info` is valid during the call and has the field since glibc 2.4; `count` is the number below, which nobody else uses
        // meanwhile (`dl_iterate_phdr(3)`).
        unsafe { *count.cast::<u64>() = (*info).dlpi_adds };
        // All objects say the same.
        1
    }
    let mut count = 0_u64;
    // SAFETY: `first` has the signature asked for, does not unwind, and gets the number it expects.
    #[expect(unsafe_code, reason = "no safe interface to the link map exists")]
    unsafe {
        libc::dl_iterate_phdr(Some(first), (&raw mut count).cast());
    }
    count
}

/// Those of `sonames` that no loaded file is called by.
pub(super) fn missing<'n>(sonames: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut missing: Vec<&str> = sonames.collect();
    each_loaded(&mut |name| missing.retain(|soname| name.rsplit('/').next() != Some(soname)));
    missing
}

/// Whether `name` is the program itself, the kernel's own object, one of the verified descriptors, or a file of the system folders.
/// Any other descriptor is as foreign as a path.
fn is_known(name: &str, verified: &BTreeMap<String, Inode>) -> bool {
    let in_system_folder = || {
        let folder = name.rsplit_once('/').map(|(folder, _)| without_hwcaps(folder));
        folder.is_some_and(|folder| SYSTEM_FOLDERS.trim_ascii_end().split(':').any(|known| known == folder))
    };
    name.is_empty() || name == "linux-vdso.so.1" || verified.contains_key(name) || in_system_folder()
}

/// A folder for some processors, as in `/lib64/glibc-hwcaps/x86-64-v3`, is part of the one that it lies in (ld.so(8)): who may write
/// the one may write the other, and the linker looks there first.
fn without_hwcaps(folder: &str) -> &str {
    match folder.rsplit_once('/') {
        Some((above, level)) if !level.is_empty() && level != ".." && level != "." => {
            above.strip_suffix("/glibc-hwcaps").unwrap_or(folder)
        }
        _ => folder,
    }
}

/// Calls `each` with the name of every object that is loaded. It must not load any, and must not panic.
fn each_loaded(each: &mut dyn FnMut(&str)) {
    #[expect(unsafe_code, reason = "called back by `dl_iterate_phdr`")]
    unsafe extern "C" fn call(info: *mut libc::dl_phdr_info, _size: usize, each: *mut c_void) -> c_int {
        // SAFETY: `info` is valid during the call, and `each` is the reference passed below, used by nobody else meanwhile
        // (`dl_iterate_phdr(3)`).
        let (info, each) = unsafe { (&*info, &mut *each.cast::<&mut dyn FnMut(&str)>()) };
        if !info.dlpi_name.is_null() {
            // SAFETY: a NUL-terminated name that lives as long as the object, which the linker's lock keeps during the call.
            each(&unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy());
        }
        0
    }
    let mut each = each;
    // SAFETY: `call` has the signature asked for, does not unwind (no `each` here does; allocation failure aborts), and gets the
    // reference it expects.
    #[expect(unsafe_code, reason = "no safe interface to the link map exists")]
    unsafe {
        libc::dl_iterate_phdr(Some(call), (&raw mut each).cast());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verified_descriptors_and_system_folders_are_known() {
        assert!(expect("/proc/self/fd/7000", (0, 7000)));
        assert!(!expect("/proc/self/fd/7001", (0, 7000)), "the same file under another number");
        for (name, known) in [
            ("", true),
            ("linux-vdso.so.1", true),
            ("/proc/self/fd/7000", true),
            ("/proc/self/fd/7001", false),
            ("/proc/self/fd/", false),
            ("/proc/self/fd/7000/x", false),
            ("/lib/x86_64-linux-gnu/libc.so.6", true),
            ("/lib64/ld-linux-x86-64.so.2", true),
            ("/lib64/glibc-hwcaps/x86-64-v3/libm.so.6", true),
            ("/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v4/libz.so.1", true),
            ("/lib64/glibc-hwcaps/../libm.so.6", false),
            ("/lib64/glibc-hwcaps/x86-64-v3/more/libm.so.6", false),
            ("/lib64/glibc-hwcaps/libm.so.6", false),
            ("/lib64/other/x86-64-v3/libm.so.6", false),
            ("/opt/lib/glibc-hwcaps/x86-64-v3/libm.so.6", false),
            ("glibc-hwcaps/x86-64-v3/libm.so.6", false),
            ("/opt/lib/libm.so.6", false),
            ("/lib/../opt/libm.so.6", false),
            ("/lib64/../lib64/libm.so.6", false),
            ("libm.so.6", false),
        ] {
            assert_eq!(is_known(name, &VERIFIED.lock().unwrap()), known, "{name}");
        }
    }

    #[test]
    fn this_process_has_only_the_system_s_libraries() {
        let mut loaded = Vec::new();
        each_loaded(&mut |name| loaded.push(name.to_owned()));
        assert!(loaded.iter().any(|name| name.contains("libc.so")), "{loaded:?}");
        assert_eq!(names(), HashSet::new());
        Foreign::default().check("test", "it").unwrap();
    }
}
