//! Whether this process was started with foreign code in it.
//!
//! What is looked for has acted before `main`: this detects, it does not prevent.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};

use crate::refusal::{Code, Refusal};

/// Where the process runs, as far as strictness depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// In AWS Lambda or what must be taken for it: what is found is refused.
    Lambda,
    /// On somebody's machine, or under `AWS_SAM_LOCAL`: what is found is a warning.
    Local,
}

/// Looks at the variables that make the dynamic linker load foreign code. Returns warnings, which name no values.
///
/// # Errors
/// `process-tampered`, under Lambda.
pub fn check(variable: impl Fn(&str) -> Option<OsString>, host: Host) -> Result<Vec<String>, Refusal> {
    check_with(variable, host, may_write)
}

fn check_with(
    variable: impl Fn(&str) -> Option<OsString>,
    host: Host,
    may_write: impl Fn(&Path) -> bool,
) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    for name in ["LD_PRELOAD", "LD_AUDIT"] {
        // glibc takes an empty one for unset (ld.so(8)).
        if variable(name).is_some_and(|value| !value.is_empty()) {
            found.push(format!("{name} is set: foreign code may already run in this process"));
        }
    }
    if let Some(value) = variable("LD_LIBRARY_PATH").filter(|value| !value.is_empty()) {
        let entries = value.as_bytes().split(|byte| matches!(byte, b':' | b';'));
        for (number, entry) in entries.enumerate() {
            let trouble = match entry {
                // $ORIGIN, $LIB, $PLATFORM: which folder it is depends on who asks.
                entry if entry.contains(&b'$') => "depends on the file that asks",
                // An empty entry is the working directory.
                b"" if may_write(Path::new(".")) => "is the working directory, which this process may write",
                entry if may_write(Path::new(OsStr::from_bytes(entry))) => "may be written by this process",
                _ => continue,
            };
            found.push(format!("entry {} of LD_LIBRARY_PATH {trouble}: libraries found there are not verified", number + 1));
        }
    }
    match (host, found.first()) {
        (Host::Lambda, Some(first)) => {
            Err(Refusal::new(Code::ProcessTampered, "environment", first).hint("unset the variable, or take the entry out of it"))
        }
        _ => Ok(found),
    }
}

/// Whether this process may place a file there. A folder that is not there yet may be made by whoever may write the next one above.
fn may_write(folder: &Path) -> bool {
    for folder in folder.ancestors() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match statvfs(folder) {
            Ok(found) if found.f_flag.contains(StatVfsMountFlags::RDONLY) => return false,
            Ok(_) => return accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok(),
            Err(rustix::io::Errno::NOENT) => {}
            // A folder that may not even be looked at holds no libraries that this process could have put there.
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folders named `w…` are writable.
    fn run(variables: &[(&str, &str)], host: Host) -> Result<Vec<String>, Refusal> {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        check_with(variable, host, |folder| folder.as_os_str().as_bytes().starts_with(b"w") || folder == Path::new("."))
    }

    #[test]
    fn foreign_code_is_refused_under_lambda_and_warned_of_elsewhere() {
        let check = |variables: &[(&str, &str)], words: &[&str]| {
            let warnings = run(variables, Host::Local).unwrap();
            assert_eq!(warnings.len(), words.len(), "{variables:?}: {warnings:?}");
            for (warning, words) in warnings.iter().zip(words) {
                assert!(warning.contains(words), "{warning}");
                assert!(!warning.contains("secret"), "a value in a message: {warning}");
            }
            match (run(variables, Host::Lambda), words.first()) {
                (Ok(warnings), None) => assert!(warnings.is_empty()),
                (Err(refusal), Some(words)) => {
                    assert_eq!(refusal.code, Code::ProcessTampered);
                    assert!(refusal.what.contains(words), "{refusal}");
                    assert!(!refusal.to_string().contains("secret"), "a value in a message: {refusal}");
                }
                (got, wanted) => panic!("{variables:?}: {got:?}, wanted {wanted:?}"),
            }
        };
        check(&[], &[]);
        check(&[("LD_PRELOAD", ""), ("LD_AUDIT", ""), ("LD_LIBRARY_PATH", "")], &[]);
        check(&[("LD_LIBRARY_PATH", "/lib64:/var/task/lib:/opt/lib")], &[]);
        check(&[("LD_BIND_NOW", "1"), ("LD_DEBUG", "all")], &[]);
        check(&[("LD_PRELOAD", "secret.so")], &["LD_PRELOAD is set"]);
        check(&[("LD_PRELOAD", " ")], &["LD_PRELOAD is set"]);
        check(&[("LD_AUDIT", "secret.so")], &["LD_AUDIT is set"]);
        check(&[("LD_PRELOAD", "a"), ("LD_AUDIT", "b"), ("LD_LIBRARY_PATH", "wsecret")], &["LD_PRELOAD", "LD_AUDIT", "entry 1"]);
        check(&[("LD_LIBRARY_PATH", "/lib:wsecret")], &["entry 2 of LD_LIBRARY_PATH may be written"]);
        check(&[("LD_LIBRARY_PATH", "/lib;wsecret")], &["entry 2"]);
        check(&[("LD_LIBRARY_PATH", "/lib:")], &["entry 2 of LD_LIBRARY_PATH is the working directory"]);
        check(&[("LD_LIBRARY_PATH", ":/lib")], &["entry 1"]);
        check(&[("LD_LIBRARY_PATH", "/lib:$ORIGIN/secret:/x")], &["entry 2 of LD_LIBRARY_PATH depends"]);
    }

    #[test]
    fn a_folder_that_could_be_made_counts_as_writable() {
        let folder = tempfile::tempdir().unwrap();
        assert!(may_write(folder.path()));
        assert!(may_write(&folder.path().join("not/there/yet")));
        assert!(may_write(Path::new("")) == may_write(Path::new(".")));
        assert!(!may_write(Path::new("/proc/1/fd/none")) || rustix::process::geteuid().is_root());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(!may_write(&file.join("below")), "nothing can be placed below a file");
    }
}
