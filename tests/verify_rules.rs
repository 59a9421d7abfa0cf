//! Well-formed shared objects that are refused all the same, for what they ask of the dynamic linker or for what they are.

#[path = "verify_fixture/check.rs"]
mod check;
mod verify_fixture;

use std::path::Path;

use check::{refused, rules, verify};
use lambda_loader::Code;
use lambda_loader::verify::{self, GlibcVersion, Kind, Rules};
use object::LittleEndian as LE;
use object::elf::{self, DynamicTag};
use verify_fixture::{Object, compile, plugin, plugin_with_note};

#[test]
fn what_loads_or_runs_unverified_code_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let check = |code: Code, words: &str, flags: &[&str]| {
        refused(verify(&Object::read(&plugin(folder, "flags", flags)), Kind::Plugin), code, words);
    };
    let forbidden = Code::ElfForbiddenEntry;
    check(forbidden, "DT_RPATH", &["-Wl,-rpath,/opt/lib", "-Wl,--disable-new-dtags"]);
    check(forbidden, "DT_RUNPATH", &["-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags"]);
    check(forbidden, "DT_AUXILIARY", &["-Wl,-f,libevil.so"]);
    check(forbidden, "DT_FILTER", &["-Wl,-F,libevil.so"]);
    check(forbidden, "DT_AUDIT", &["-Wl,--audit,libevil.so"]);
    check(forbidden, "DT_DEPAUDIT", &["-Wl,--depaudit,libevil.so"]);
    check(forbidden, "DT_FLAGS_1 0x400", &["-Wl,-z,interpose"]);
    check(forbidden, "DT_FLAGS_1 0x2", &["-Wl,-z,global"]);
    check(forbidden, "DT_FLAGS_1 0x20", &["-Wl,-z,initfirst"]);
    check(Code::ElfExecutableMemory, "executable stack", &["-Wl,-z,execstack"]);
    check(Code::NeededLibraryNotAllowed, "it needs libresolv.so.2", &["-lresolv"]);

    let base = Object::read(&plugin(folder, "plain", &[]));
    let check = |code: Code, words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), code, words);
    };
    // glibc tells DT_FILTER and DT_AUXILIARY by the lower bits of a tag.
    for tag in [0x1_7fff_ffff, 0xffff_ffff, 0x1_7fff_fffd, 0x6000_000f, i64::MIN] {
        check(forbidden, "which this loader does not know", &|o| o.add(DynamicTag(tag), 1));
    }
    check(Code::ElfExecutableMemory, "text relocations", &|o| o.add(elf::DT_TEXTREL, 0));
    check(Code::ElfExecutableMemory, "text relocations", &|o| o.add(elf::DT_FLAGS, elf::DF_TEXTREL.0));
    check(Code::ElfExecutableMemory, "no PT_GNU_STACK", &|o| o.program(elf::PT_GNU_STACK, 0).p_type.set(LE, elf::PT_NULL));
    check(Code::ElfExecutableMemory, "writable and executable", &|o| {
        o.program(elf::PT_LOAD, 3).p_flags.set(LE, elf::PF_R.with(elf::PF_W).with(elf::PF_X));
    });
    // All of it shows in `inspect`.
    let facts = verify::elf::facts(&Object::read(&plugin(folder, "two", &["-Wl,-rpath,/x", "-Wl,-z,execstack"])).0).unwrap();
    assert_eq!(facts.findings.len(), 2);
}

#[test]
fn only_declared_libraries_are_needed_and_each_is_what_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let library = |name: &str, soname: Option<&str>| {
        let soname = soname.map(|soname| format!("-Wl,-soname,{soname}"));
        compile(folder, name, "int extra(void) { return 4; }", &soname.as_deref().into_iter().collect::<Vec<_>>())
    };
    let extra = library("libextra.so", Some("libextra.so.1"));
    let other = library("libother.so", Some("libother.so.1"));
    let needs = |library: &Path| plugin(folder, "needs", &[library.to_str().unwrap()]);

    verify(&Object::read(&needs(&extra)), Kind::Plugin).unwrap();
    let refusal = verify(&Object::read(&needs(&other)), Kind::Plugin).unwrap_err();
    assert_eq!(refusal.code, Code::NeededLibraryNotAllowed);
    assert_eq!(
        refusal.to_string(),
        "it needs libother.so.1, which is no library of the system \
         (hint: add \"libother.so.1\" to `libraries` with its path and sha256, or link it statically)"
    );
    let (_, note) = verify(&Object::read(&extra), Kind::Library).unwrap();
    assert_eq!(note, None);
    let check = |path: &Path, kind, words: &str| refused(verify(&Object::read(path), kind), Code::ElfSoname, words);
    check(&other, Kind::Library, "its soname is libother.so.1");
    check(&library("none.so", None), Kind::Library, "it has no soname");
    check(&library("libc.so", Some("libc.so.6")), Kind::Library, "a library of the system");
    for (soname, words) in [
        ("libextra.so.1", "a library of the manifest"),
        ("libm.so.6", "a library of the system"),
        ("ld-linux-x86-64.so.2", "a library of the system"),
        ("libnss_dns.so.2", "which glibc opens by itself"),
        ("/proc/self/fd/7", "no plain file name"),
        ("", "no plain file name"),
    ] {
        let flag = format!("-Wl,-soname,{soname}");
        let mut object = Object::read(&plugin(folder, "named", &[if soname.is_empty() { "-Wl,-soname,x" } else { &flag }]));
        if soname.is_empty() {
            object.set(elf::DT_SONAME, 0);
        }
        refused(verify(&object, Kind::Plugin), Code::ElfSoname, words);
    }
    verify(&Object::read(&plugin(folder, "own", &["-Wl,-soname,libown.so"])), Kind::Plugin).unwrap();
}

#[test]
fn a_version_of_glibc_that_is_not_here_is_named_with_its_symbol() {
    let folder = tempfile::tempdir().unwrap();
    let object = Object::read(&plugin(folder.path(), "plain", &[]));
    let older = Rules { glibc: GlibcVersion::parse("2.3"), ..rules() };
    let refusal = verify::object(&object.0, "probe", Kind::Plugin, &older).unwrap_err();
    assert_eq!(refusal.code, Code::GlibcVersionMissing);
    assert!(refusal.what.ends_with("and this is glibc 2.3") && refusal.what.contains(" of GLIBC_2."), "{refusal}");
    verify::object(&object.0, "probe", Kind::Plugin, &Rules { glibc: None, ..rules() }).unwrap();
    // Built here, to run there.
    let there = rules().with_glibc(GlibcVersion::parse("2.3").unwrap());
    let refusal = verify::object(&object.0, "probe", Kind::Plugin, &there).unwrap_err();
    assert!(refusal.what.ends_with("and it is to run with glibc 2.3"), "{refusal}");
}

#[test]
fn a_version_of_libgcc_that_is_not_there_is_named_with_its_symbol() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("version"), "GCC_12.0.0 { global: *; };").unwrap();
    let script = format!("-Wl,--version-script,{}", folder.join("version").display());
    let source = "int __truncsfbf2(void) { return 1; }";
    let library = compile(folder, "libgcc_s.so.1", source, &["-Wl,-soname,libgcc_s.so.1", &script]);
    let source = "int __truncsfbf2(void); int use(void) { return __truncsfbf2(); }";
    let flags = ["-Wl,-soname,libextra.so.1", library.to_str().unwrap()];
    let object = Object::read(&compile(folder, "libextra.so", source, &flags));
    let check = |rules: Rules<'_>| verify::object(&object.0, "libextra.so.1", Kind::Library, &rules).map(drop);
    // Here the dynamic linker knows what there is.
    check(rules()).unwrap();
    check(rules().with_glibc(GlibcVersion::parse("2.36").unwrap())).unwrap();
    let words = "it needs __truncsfbf2 of GCC_12.0.0 in libgcc_s.so.1, and it is to run with that of gcc 11";
    refused(check(rules().with_glibc(GlibcVersion::AL2023)), Code::GlibcVersionMissing, words);
}

#[test]
fn the_abi_note_is_read_from_the_file_and_only_one_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let check = |code: Code, words: &str, object: &Path| refused(verify(&Object::read(object), Kind::Plugin), code, words);
    check(Code::AbiNoteMissing, "it is no plugin", &plugin(folder, "a", &["-DNO_NOTE"]));
    check(Code::AbiNoteDuplicate, "2 ABI notes", &plugin(folder, "b", &["-DSECOND_NOTE"]));
    check(Code::AbiNoteMalformed, "of type 2", &plugin(folder, "c", &["-DTYPE=2"]));
    check(Code::AbiNoteMalformed, "cannot be read", &plugin_with_note(folder, "d", "{", &[]));
    check(Code::AbiVersion, "it speaks ABI 7", &plugin_with_note(folder, "e", r#"{"abi":7}"#, &[]));
    let library = Object::read(&plugin(folder, "f", &["-Wl,-soname,libextra.so.1"]));
    refused(verify(&library, Kind::Library), Code::LibraryIsPlugin, "the ABI note of a plugin");
}
