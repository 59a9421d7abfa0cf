//! What a shared object may be called, and what it may need.

use super::elf::{Facts, NeededVersion};
use super::glibc::GlibcVersion;
use super::{Kind, Rules};
use crate::refusal::{Code, Refusal};

/// Libraries of the system, which are part of every glibc and gcc runtime. They need no entry in `libraries` and may not have one.
pub const SYSTEM: [&str; 6] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"];

/// The dynamic linker, which every system has under these names for x86_64 and aarch64.
const LINKERS: [&str; 2] = ["ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];

/// Whether a soname is the system's. By whole names only: what merely begins like one (`ld-linux/../x`, `ld-linux-x.so`) is found by
/// other paths than the system's.
#[must_use]
pub fn is_system(soname: &str) -> bool {
    SYSTEM.contains(&soname) || LINKERS.contains(&soname)
}

/// Whether glibc itself opens libraries of this name: a plugin of that name would be taken for it once it is loaded.
fn is_opened_by_glibc(soname: &str) -> bool {
    ["libnss_", "linux-vdso", "linux-gate", "ld-linux", "ld.so", "ld64"].iter().any(|start| soname.starts_with(start))
        || ["libresolv.so.2", "libidn2.so.0", "libutil.so.1", "libanl.so.1"].contains(&soname)
}

/// Checks soname, needed libraries and needed versions of glibc.
///
/// # Errors
/// `elf-soname`, `needed-library-not-allowed`, `glibc-version-missing`.
pub fn check(name: &str, kind: Kind, facts: &Facts, rules: &Rules<'_>) -> Result<(), Refusal> {
    check_soname(name, kind, facts.soname.as_deref(), rules)?;
    for needed in &facts.needed {
        check_needed(needed, rules)?;
    }
    check_versions(&facts.versions, rules)
}

/// Checks needed versions of glibc and libgcc alone: what of this holds for a program too.
///
/// # Errors
/// `glibc-version-missing`.
pub fn check_versions(versions: &[NeededVersion], rules: &Rules<'_>) -> Result<(), Refusal> {
    let versions = || versions.iter();
    if let Some(glibc) = rules.glibc {
        let whose = if rules.gcc.is_some() { "it is to run with" } else { "this is" };
        versions().try_for_each(|version| check_version(version, glibc, whose))?;
    }
    rules.gcc.map_or(Ok(()), |gcc| versions().try_for_each(|version| check_gcc(version, gcc)))
}

fn check_soname(name: &str, kind: Kind, soname: Option<&str>, rules: &Rules<'_>) -> Result<(), Refusal> {
    let refuse = |what: String, hint: &'static str| Err(Refusal::new(Code::ElfSoname, "", what).hint(hint));
    const RENAME: &str = "link it with another -soname, or none";
    match (soname, kind) {
        (Some(soname), _) if soname.is_empty() || soname.contains('/') => {
            // glibc would find the object under it in place of the path that it is asked to open.
            refuse(format!("its soname {soname:?} is no plain file name"), RENAME)
        }
        (Some(soname), _) if is_system(soname) => refuse(format!("its soname is {soname}, a library of the system"), RENAME),
        (Some(soname), Kind::Library) if soname == name => Ok(()),
        (Some(soname), Kind::Library) => {
            refuse(format!("its soname is {soname}"), "name the library in `libraries` by its soname")
        }
        (None, Kind::Library) => refuse("it has no soname".to_owned(), "link it with -soname, as the key in `libraries` has it"),
        (Some(soname), Kind::Plugin) if rules.libraries.contains(&soname) => {
            refuse(format!("its soname is {soname}, a library of the manifest"), RENAME)
        }
        (Some(soname), Kind::Plugin) if is_opened_by_glibc(soname) => {
            refuse(format!("its soname is {soname}, which glibc opens by itself"), RENAME)
        }
        (_, Kind::Plugin) => Ok(()),
    }
}

fn check_needed(needed: &str, rules: &Rules<'_>) -> Result<(), Refusal> {
    if is_system(needed) || rules.libraries.contains(&needed) {
        return Ok(());
    }
    Err(Refusal::new(Code::NeededLibraryNotAllowed, "", format!("it needs {needed}, which is no library of the system"))
        .hint(format!("add {needed:?} to `libraries` with its path and sha256, or link it statically")))
}

fn check_version(needed: &NeededVersion, here: GlibcVersion, whose: &str) -> Result<(), Refusal> {
    let Some(version) = needed.version.strip_prefix("GLIBC_").filter(|_| is_system(&needed.library)) else { return Ok(()) };
    let missing = match version {
        // No stable interface: from one build of glibc to the next anything may change.
        "PRIVATE" => true,
        // A marker, not a version; the first came with 2.36.
        "ABI_DT_RELR" => here < GlibcVersion { major: 2, minor: 36, patch: 0 },
        marker if marker.starts_with("ABI_") => here < GlibcVersion { major: 2, minor: 36, patch: 0 },
        // Other markers are the dynamic linker's to judge: it names what it misses.
        version => GlibcVersion::parse(version).is_some_and(|version| version > here),
    };
    if !missing || needed.weak {
        return Ok(());
    }
    Err(missing_version(needed, format!("{whose} glibc {here}")))
}

/// libgcc's versions are named for the gcc that brought them, three digits from 12 on (`GCC_12.0.0`).
fn check_gcc(needed: &NeededVersion, gcc: u32) -> Result<(), Refusal> {
    let version = needed.version.strip_prefix("GCC_").filter(|_| needed.library == "libgcc_s.so.1" && !needed.weak);
    match version.and_then(GlibcVersion::parse).filter(|version| version.major > gcc) {
        None => Ok(()),
        Some(_) => Err(missing_version(needed, format!("it is to run with that of gcc {gcc}"))),
    }
}

fn missing_version(needed: &NeededVersion, there: String) -> Refusal {
    let symbol = needed.symbol.as_ref().map_or(String::new(), |symbol| format!("{symbol} of "));
    let what = format!("it needs {symbol}{} in {}, and {there}", needed.version, needed.library);
    Refusal::new(Code::GlibcVersionMissing, "", what).hint("build it on Amazon Linux 2023, or with cargo zigbuild for glibc 2.34")
}

#[cfg(test)]
#[path = "dependencies_tests.rs"]
mod tests;
