//! The system's libraries, from the system's folders.
//!
//! Most are there as soon as the program runs. What is not, such as `librt.so.1`, is opened by its place before the first file that
//! needs it: asked for by name, glibc would go on to `LD_LIBRARY_PATH` where no system folder has it, and run what it finds there.

use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::RTLD_NODELETE;
use super::link_map::{self, SYSTEM_FOLDERS};
use crate::verify::dependencies::is_system;
use crate::{Code, Refusal};

/// Loads each system library of `needed` that is not loaded yet.
///
/// # Errors
/// `load-failed` where no system folder has it.
pub(super) fn load(place: &str, needed: &[String]) -> Result<(), Refusal> {
    let system = needed.iter().map(String::as_str).filter(|soname| is_system(soname));
    link_map::missing(system).into_iter().try_for_each(|soname| load_one(place, soname))
}

fn load_one(place: &str, soname: &str) -> Result<(), Refusal> {
    let files = SYSTEM_FOLDERS.trim_ascii_end().split(':').map(|folder| Path::new(folder).join(soname));
    for file in files.filter(|file| file.is_file()) {
        // SAFETY: constructors of the library run: it is a file of the system, as trusted as the libc that runs already, named by its
        // whole path, so that no search takes place.
        #[expect(unsafe_code, reason = "loads a library of the system")]
        let opened = unsafe { Library::open(Some(&file), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
        // One for another machine, as some systems have beside their own, is passed over, as by glibc.
        if let Ok(library) = opened {
            std::mem::forget(library);
            return Ok(());
        }
    }
    Err(Refusal::new(Code::LoadFailed, place, format!("it needs {soname}, and no system folder has it"))
        .hint("run it on provided.al2023, or link it without that library"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_library_is_loaded_from_a_system_folder_or_refused() {
        let needed = ["libc.so.6", "librt.so.1", "libdl.so.2", "libown.so.1"].map(str::to_owned);
        load("test", &needed).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let place =
            |soname: &str| maps.lines().find(|line| line.ends_with(soname)).and_then(|line| line.split_whitespace().last());
        assert!(place("/librt.so.1").is_some_and(|name| name.starts_with("/lib") || name.starts_with("/usr/lib")), "{maps}");
        assert_eq!(place("/libown.so.1"), None);
        let other = if cfg!(target_arch = "x86_64") { "ld-linux-aarch64.so.1" } else { "ld-linux-x86-64.so.2" };
        let refusal = load("plugin \"odd\"", &[other.to_owned()]).unwrap_err();
        assert_eq!(refusal.code, Code::LoadFailed);
        assert!(refusal.to_string().starts_with(&format!("plugin \"odd\": it needs {other}, and no system folder has it")));
    }
}
