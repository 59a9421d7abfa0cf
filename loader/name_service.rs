//! Where names of hosts, users and services are looked up: in the system's files, and hosts in DNS. Nowhere else, because elsewhere
//! is code.
//!
//! glibc loads a module for each further service that `/etc/nsswitch.conf` names, at the first look-up in the process, whoever asks.
//! One that no system folder has (images without systemd often name its modules) it goes on to look for in `LD_LIBRARY_PATH`, which
//! on Lambda leads to `/opt/lib`, where any layer may write. Files and DNS are in libc itself, since glibc 2.34.

use std::ffi::{CStr, c_char, c_int};

use crate::{Code, Refusal};

/// glibc's databases (`nss/databases.def`), with what each is looked up in.
const DATABASES: &[(&CStr, &CStr)] = &[
    (c"aliases", FILES),
    (c"ethers", FILES),
    (c"group", FILES),
    (c"gshadow", FILES),
    (c"hosts", c"files dns"),
    (c"initgroups", FILES),
    (c"netgroup", FILES),
    (c"networks", FILES),
    (c"passwd", FILES),
    (c"protocols", FILES),
    (c"publickey", FILES),
    (c"rpc", FILES),
    (c"services", FILES),
    (c"shadow", FILES),
];

const FILES: &CStr = c"files";

/// Limits look-ups of this process to files and DNS, whatever `/etc/nsswitch.conf` says. To be called before any plugin is loaded, while
/// the process has one thread.
///
/// # Errors
/// Where glibc does not take it.
pub fn limit() -> Result<(), Refusal> {
    #[expect(unsafe_code, reason = "glibc's own; no crate declares it")]
    unsafe extern "C" {
        /// Sets the services of a database (`nss.h`, there since glibc 2.0).
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    for (database, services) in DATABASES {
        // SAFETY: two NUL-terminated strings; glibc copies what it keeps, under its own lock (`nss/nss_database.c`).
        #[expect(unsafe_code, reason = "glibc has no other way")]
        let answer = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        let error = std::io::Error::last_os_error();
        // A database that this glibc does not have is one that nobody asks for.
        if answer != 0 && error.raw_os_error() != Some(libc::EINVAL) {
            let place = format!("look-ups of {}", database.to_string_lossy());
            return Err(
                Refusal::new(Code::Internal, place, format!("cannot be limited: {error}")).hint("give the process more memory")
            );
        }
    }
    Ok(())
}
