//! Files that the dynamic linker would choke on, or that would load something else: none is handed to it.

use std::path::{Path, PathBuf};

use lambda_loader::Code;
use lambda_loader::load::SPOKEN;
use lambda_loader::verify::{self, Kind, Rules};

use crate::c;
use crate::check::{refused, refused_by_loading};
use crate::support::build::Build;

/// A marked plugin with one thing in its linking.
fn linked(folder: &Path, flags: &[&str]) -> PathBuf {
    c::shared(folder, "odd.so", &c::marked_plugin(), flags)
}

#[test]
fn what_the_marked_plugin_is_refused_for_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(linked(folder.path(), &[])).unwrap();
    verify::object(&bytes, "odd", Kind::Plugin, &Rules::here(&[], SPOKEN)).unwrap();
}

#[test]
fn files_that_are_no_shared_objects_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], code, words: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        refused(&file, code, &[words]);
    };
    check("empty.so", b"", Code::ElfForeign, "it is not an ELF file");
    check("text.so", b"#!/bin/sh\ntouch \"$MISBEHAVE_MARK\"\n", Code::ElfForeign, "it is not an ELF file");
    // What `/usr/lib/*/libc.so` is.
    check("script.so", b"/* GNU ld script */ GROUP ( libc.so.6 )", Code::ElfForeign, "it is not an ELF file");
    check("magic.so", b"\x7fELF", Code::ElfMalformed, "the file header is cut off");
    let good = std::fs::read(linked(folder.path(), &[])).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = good.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let (other, name) = if cfg!(target_arch = "x86_64") { (183, "aarch64") } else { (62, "x86_64") };
    check("other.so", &patched(18, &[other, 0]), Code::ElfForeign, &format!("it is for {name}, and this is"));
    check("i386.so", &patched(18, &[3, 0]), Code::ElfForeign, "it is for machine 3");
    check("class.so", &patched(4, &[1]), Code::ElfForeign, "it is not a 64-bit object");
    check("endian.so", &patched(5, &[2]), Code::ElfForeign, "it is not a little-endian object");
    check("version.so", &patched(6, &[2]), Code::ElfForeign, "it is of an unknown ELF version");
    check("freebsd.so", &patched(7, &[9]), Code::ElfForeign, "it is for another system than Linux");
    check("core.so", &patched(16, &[4, 0]), Code::ElfForeign, "it is a core dump");

    let main = format!("{}int main(void) {{ return 0; }}", c::marked_plugin());
    refused(&c::compile(folder.path(), "pie", &main, &["-pie", "-fPIE"]), Code::ElfForeign, &["it is a program"]);
    refused(&c::compile(folder.path(), "exec", &main, &["-no-pie", "-fno-pie"]), Code::ElfForeign, &["it is a program"]);
    refused(&c::compile(folder.path(), "odd.o", &main, &["-c"]), Code::ElfForeign, &["not linked yet"]);
}

/// A truncated object raises SIGBUS inside `dlopen`.
#[test]
fn an_object_cut_off_at_any_page_is_refused_by_its_tables_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rules = Rules::here(&[], SPOKEN);
    let object = |bytes: &[u8]| verify::object(bytes, "odd", Kind::Plugin, &rules).map(drop);
    let small = linked(folder.path(), &["-s"]);
    let plugin = Build::plugin("echo").path();
    for (file, step) in [(&small, 16), (&plugin, 4096)] {
        let mut bytes = std::fs::read(file).unwrap();
        object(&bytes).unwrap();
        for length in (0..bytes.len()).step_by(step) {
            let refusal = object(&bytes[..length]).unwrap_err();
            assert!(matches!(refusal.code, Code::ElfForeign | Code::ElfMalformed), "{length}: {refusal}");
        }
        // The section headers stand last, and give every cut away; without them the segments have to.
        let end = segments_end(&bytes);
        bytes[40..48].fill(0);
        bytes[58..64].fill(0);
        object(&bytes[..end]).unwrap();
        for length in (0..end).step_by(step).chain([end - 1]) {
            let refusal = object(&bytes[..length]).unwrap_err();
            assert!(matches!(refusal.code, Code::ElfForeign | Code::ElfMalformed), "{length}: {refusal}");
        }
    }
    // And once through everything.
    let bytes = std::fs::read(&small).unwrap();
    let cut = folder.path().join("cut.so");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(&cut, Code::ElfMalformed, &["outside the file", "cut off or damaged"]);
}

/// Where the last loadable segment ends in the file.
fn segments_end(bytes: &[u8]) -> usize {
    let word = |at: usize| usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap();
    let (table, count) = (word(32), usize::from(u16::from_le_bytes([bytes[56], bytes[57]])));
    let headers = (0..count).map(|index| table + index * 56);
    let loads = headers.filter(|at| bytes[*at..*at + 4] == [1, 0, 0, 0]);
    loads.map(|at| word(at + 8) + word(at + 32)).max().unwrap()
}

#[test]
fn objects_that_name_search_paths_filters_or_auditors() {
    let folder = tempfile::tempdir().unwrap();
    let check = |flags: &[&str], words: &str| refused(&linked(folder.path(), flags), Code::ElfForbiddenEntry, &[words]);
    check(&["-Wl,--enable-new-dtags,-rpath,/opt/lib"], "it has DT_RUNPATH, a search path of its own");
    check(&["-Wl,--disable-new-dtags,-rpath,/opt/lib"], "it has DT_RPATH, a search path of its own");
    check(&["-Wl,-rpath,$ORIGIN/../lib"], "a search path of its own");
    check(&["-Wl,--auxiliary,libother.so"], "it has DT_AUXILIARY, which loads a library that nothing verifies");
    check(&["-Wl,--filter,libother.so"], "it has DT_FILTER, which loads a library that nothing verifies");
    check(&["-Wl,--audit,libother.so"], "it has DT_AUDIT, which loads a library that nothing verifies");
    check(&["-Wl,--depaudit,libother.so"], "it has DT_DEPAUDIT, which loads a library that nothing verifies");
    check(&["-Wl,-z,interpose"], "which reaches beyond the object");
    check(&["-Wl,-z,initfirst"], "which reaches beyond the object");
}

#[test]
fn objects_that_need_memory_both_writable_and_executable() {
    let folder = tempfile::tempdir().unwrap();
    let check = |file: PathBuf, words: &str| refused(&file, Code::ElfExecutableMemory, &[words]);
    check(linked(folder.path(), &["-z", "execstack"]), "it asks for an executable stack");
    // An address in the code itself.
    let source = format!("{}int here; __asm__(\".text\\n.quad here\\n\");", c::marked_plugin());
    check(c::shared(folder.path(), "odd.so", &source, &["-Wl,-z,notext"]), "it has text relocations");
    let patched = |kind: u32, flags: u8, patch: &dyn Fn(&mut [u8])| {
        let mut bytes = std::fs::read(linked(folder.path(), &[])).unwrap();
        let found = |at: &usize| bytes[*at..*at + 4] == kind.to_le_bytes() && bytes[*at + 4] == flags;
        let at = (64..).step_by(56).find(found).unwrap();
        patch(&mut bytes[at..at + 56]);
        let file = folder.path().join("patched.so");
        std::fs::write(&file, bytes).unwrap();
        file
    };
    // The code's segment (PT_LOAD, R and X), made writable.
    check(patched(1, 5, &|header| header[4] = 7), "writable and executable");
    // PT_GNU_STACK becomes PT_NULL: the linker reads past it, and takes every stack for executable.
    check(patched(0x6474_e551, 6, &|header| header[..4].fill(0)), "it has no PT_GNU_STACK");
}

#[test]
fn sonames_that_are_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let check = |soname: &str, words: &str| {
        refused(&linked(folder.path(), &[&format!("-Wl,-soname,{soname}")]), Code::ElfSoname, &[words, soname]);
    };
    for soname in ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"] {
        check(soname, "a library of the system");
    }
    check("/proc/self/fd/3", "is no plain file name");
    check("./libodd.so", "is no plain file name");
    check("libnss_files.so.2", "which glibc opens by itself");
    let free = std::fs::read(linked(folder.path(), &["-Wl,-soname,libodd.so"])).unwrap();
    verify::object(&free, "odd", Kind::Plugin, &Rules::here(&[], SPOKEN)).unwrap();
}

#[test]
fn needs_that_nobody_verified() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    c::shared(folder.path(), "libother.so", "int other(void) { return 1; }", &["-Wl,-soname,libother.so.1"]);
    let source = format!("{}int other(void); int use(void) {{ return other(); }}", c::marked_plugin());
    let file = c::shared(folder.path(), "odd.so", &source, &["-L", at, "-lother"]);
    let words = ["it needs libother.so.1, which is no library of the system", "add \"libother.so.1\" to `libraries`"];
    refused(&file, Code::NeededLibraryNotAllowed, &words);

    // A symbol version that a later glibc has.
    let version = folder.path().join("version");
    std::fs::write(&version, "GLIBC_2.99 { global: *; };").unwrap();
    let script = format!("-Wl,--version-script,{}", version.display());
    c::shared(folder.path(), "libfuture.so", "int future(void) { return 1; }", &["-Wl,-soname,libm.so.6", &script]);
    let source = format!("{}int future(void); int use(void) {{ return future(); }}", c::marked_plugin());
    let file = c::shared(folder.path(), "odd.so", &source, &["-L", at, "-lfuture"]);
    refused(&file, Code::GlibcVersionMissing, &["it needs future of GLIBC_2.99 in libm.so.6, and this is glibc 2."]);
}

/// The dynamic linker has the last word, and its own words are passed on. It stops before the first constructor.
#[test]
fn a_symbol_that_nobody_has_is_named_when_the_file_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let source = format!("{}int nowhere(void); int use(void) {{ return nowhere(); }}", c::marked_plugin());
    for flags in [&["-Wl,-z,lazy"], &["-Wl,-z,now"]] {
        let file = c::shared(folder.path(), "odd.so", &source, flags);
        let words = ["plugin \"odd\": the dynamic linker refused it", "undefined symbol: nowhere"];
        refused_by_loading(&file, Code::LoadFailed, &words, None);
    }
}
