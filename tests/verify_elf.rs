//! Shared objects that a linker made, and the same ones with one thing wrong.

#[path = "verify_fixture/check.rs"]
mod check;
mod verify_fixture;

use std::path::Path;

use check::{refused, verify};
use lambda_loader::verify::{self, Kind};
use lambda_loader::{Architecture, Code};
use object::elf::{self, DynamicTag, FileFlags, ProgramHeader64, Rela64, RelocationType, Sym64, Vernaux, Verneed};
use object::{LittleEndian as LE, U32, U64};
use verify_fixture::{NOTE, Object, compile, plugin};

fn set_symbol(object: &mut Object, name: &str, change: impl Fn(&mut Sym64<LE>)) {
    let strings = object.value(elf::DT_STRTAB);
    let strings = object.offset(strings);
    let all = object.0.clone();
    let symbol = object
        .table::<Sym64<LE>>(elf::DT_SYMTAB, 20)
        .iter_mut()
        .skip(1)
        .find(|symbol| all[strings + symbol.st_name.get(LE) as usize..].starts_with(format!("{name}\0").as_bytes()));
    change(symbol.unwrap_or_else(|| panic!("no symbol {name}")));
}

fn symbol_index(object: &mut Object, name: &str) -> u64 {
    let mut index = None;
    let strings = object.value(elf::DT_STRTAB);
    let strings = object.offset(strings);
    let all = object.0.clone();
    for (number, symbol) in (0..).zip(object.table::<Sym64<LE>>(elf::DT_SYMTAB, 20).iter()) {
        if all[strings + symbol.st_name.get(LE) as usize..].starts_with(format!("{name}\0").as_bytes()) {
            index.get_or_insert(number);
        }
    }
    index.unwrap_or_else(|| panic!("no symbol {name}"))
}

/// The first relocation of a kind.
fn set_relocation(object: &mut Object, kind: RelocationType, change: impl Fn(&mut Rela64<LE>)) {
    for (table, size) in [(elf::DT_RELA, elf::DT_RELASZ), (elf::DT_JMPREL, elf::DT_PLTRELSZ)] {
        let count = object.value(size) as usize / 24;
        let found = object.table::<Rela64<LE>>(table, count).iter_mut().find(|entry| entry.r_type(LE, false) == kind);
        if let Some(entry) = found {
            return change(entry);
        }
    }
    panic!("no relocation of type {}", kind.0);
}

#[test]
fn what_every_linker_makes_is_taken_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let lld = lld_folder().map(|folder| format!("-B{folder}"));
    let mut variants: Vec<(&str, Vec<&str>)> = vec![
        ("plain", vec![]),
        ("both-hashes", vec!["-Wl,--hash-style=both"]),
        ("system-v-hash", vec!["-Wl,--hash-style=sysv"]),
        ("separate-code", vec!["-Wl,-z,separate-code"]),
        ("no-separate-code", vec!["-Wl,-z,noseparate-code"]),
        ("no-relro", vec!["-Wl,-z,norelro"]),
        ("now", vec!["-Wl,-z,now", "-Wl,-z,nodelete"]),
        ("large-pages", vec!["-Wl,-z,max-page-size=0x200000"]),
        ("packed", vec!["-Wl,-z,pack-relative-relocs"]),
        ("stripped", vec!["-s"]),
        ("descriptors", vec!["-mtls-dialect=gnu2"]),
    ];
    if let Some(lld) = &lld {
        variants.push(("lld", vec![lld, "-fuse-ld=lld"]));
        variants.push(("lld-packed", vec![lld, "-fuse-ld=lld", "-Wl,--pack-dyn-relocs=relr"]));
    }
    let mut relocations = Vec::new();
    for (name, flags) in &variants {
        let object = Object::read(&plugin(folder.path(), name, flags));
        let (facts, note) = verify(&object, Kind::Plugin).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(facts.architecture, Architecture::HERE, "{name}");
        assert!(facts.needed.starts_with(&["libm.so.6".to_owned(), "libc.so.6".to_owned()]), "{name}: {:?}", facts.needed);
        assert_eq!(facts.soname, None, "{name}");
        assert!(facts.versions.iter().any(|version| version.library == "libm.so.6" && version.symbol.is_some()), "{name}");
        assert!(facts.symbols > 8 && facts.relocations > 8 && facts.entered.len() > 3 && facts.thread_local >= 68, "{name}");
        assert_eq!(facts.build_id.map(|id| id.len()), Some(40), "{name}");
        relocations.push((*name, facts.relocations));
        let note = note.unwrap();
        assert_eq!((note.raw.as_slice(), note.handlers.len(), note.abi), (NOTE.as_bytes(), 2, 0));
    }
    // However they are written down, every one is looked at.
    let count = |wanted: &str| relocations.iter().find(|(name, _)| *name == wanted).map(|(_, count)| *count);
    assert_eq!(count("packed"), count("plain"));
    assert_eq!(count("lld-packed"), count("lld"));
}

/// Rust's own copy of lld, which links plugins on some hosts by default.
fn lld_folder() -> Option<String> {
    let root = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let folder = format!(
        "{}/lib/rustlib/{}-unknown-linux-gnu/bin/gcc-ld",
        String::from_utf8(root.stdout).ok()?.trim(),
        Architecture::HERE
    );
    Path::new(&folder).join("ld.lld").exists().then_some(folder)
}

#[test]
fn a_truncated_object_is_refused_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let object = Object::read(&plugin(folder.path(), "plain", &[]));
    for length in 0..object.0.len() {
        match verify::elf::facts(&object.0[..length]) {
            Err(refusal) => assert!([Code::ElfMalformed, Code::ElfForeign].contains(&refusal.code), "{length}: {refusal}"),
            Ok(_) => panic!("{length} of {} bytes were taken", object.0.len()),
        }
    }
}

#[test]
fn what_is_no_shared_object_of_this_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "plain", &[]));
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfForeign, words);
    };
    check("not an ELF file", &|o| o.0.clear());
    check("not an ELF file", &|o| o.0 = b"#!/bin/sh\n".to_vec());
    check("not an ELF file", &|o| o.put(0, b"MZ"));
    check("not a 64-bit object", &|o| o.put(4, &[1]));
    check("not a little-endian object", &|o| o.put(5, &[2]));
    check("unknown ELF version", &|o| o.put(6, &[0]));
    check("unknown ELF version", &|o| o.header().e_version.set(LE, 2));
    check("another system than Linux", &|o| o.put(7, &[9]));
    check("another system than Linux", &|o| o.put(8, &[1]));
    check("another system than Linux", &|o| o.put(12, &[1]));
    check("for machine 8", &|o| o.header().e_machine.set(LE, elf::Machine(8)));
    let other = if Architecture::HERE == Architecture::X86_64 { elf::EM_AARCH64 } else { elf::EM_X86_64 };
    check("it is for", &|o| o.header().e_machine.set(LE, other));
    check("it is a program", &|o| o.header().e_type.set(LE, elf::ET_EXEC));
    check("not linked yet", &|o| o.header().e_type.set(LE, elf::ET_REL));
    check("core dump", &|o| o.header().e_type.set(LE, elf::ET_CORE));
    check("no kind of ELF file", &|o| o.header().e_type.set(LE, elf::FileType(9)));
    check("names an interpreter", &|o| o.program(elf::PT_NOTE, 0).p_type.set(LE, elf::PT_INTERP));
    check("it has no dynamic section", &|o| o.program(elf::PT_DYNAMIC, 0).p_type.set(LE, elf::PT_NULL));
    check("it is a program", &|o| o.add(elf::DT_FLAGS_1, elf::DF_1_PIE.0));
    // A position-independent program, as a compiler makes it.
    let program = compile(folder.path(), "program", "int main(void) { return 0; }", &["-no-pie", "-pie", "-fPIE"]);
    refused(verify(&Object::read(&program), Kind::Plugin), Code::ElfForeign, "it is a program");
    // Flags mean nothing on either machine.
    let mut object = base.clone();
    object.header().e_flags.set(LE, FileFlags(0));
    verify(&object, Kind::Plugin).unwrap();
}

#[test]
fn headers_and_segments_that_leave_the_file_or_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "plain", &[]));
    let end = base.0.len() as u64;
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfMalformed, words);
    };
    check("wrong sizes of headers", &|o| o.header().e_ehsize.set(LE, 63));
    check("wrong sizes of headers", &|o| o.header().e_phentsize.set(LE, 32));
    check("it has 0 program headers", &|o| o.header().e_phnum.set(LE, 0));
    check("it has 129 program headers", &|o| o.header().e_phnum.set(LE, 129));
    check("it has 65535 program headers", &|o| o.header().e_phnum.set(LE, 0xffff));
    check("program headers are not aligned", &|o| o.header().e_phoff.set(LE, 65));
    check("program headers lie outside the file", &|o| o.header().e_phoff.set(LE, end & !7));
    check("program headers lie outside the file", &|o| o.header().e_phoff.set(LE, !7));
    check("section headers lie outside the file", &|o| o.header().e_shoff.set(LE, end));
    check("section headers lie outside the file", &|o| o.header().e_shoff.set(LE, u64::MAX));
    check("section headers lie outside the file", &|o| o.header().e_shnum.set(LE, 0xff00));
    check("wrong size of section headers", &|o| o.header().e_shentsize.set(LE, 40));
    check("section 1 lies outside the file", &|o| {
        let start = o.header().e_shoff.get(LE) as usize;
        o.put(start + 64 + 24, &end.to_le_bytes());
    });

    let segment = |words: &str, change: &dyn Fn(&mut ProgramHeader64<LE>)| check(words, &|o| change(o.program(elf::PT_LOAD, 3)));
    segment("alignment that cannot be mapped", &|p| p.p_align.set(LE, 0));
    segment("alignment that cannot be mapped", &|p| p.p_align.set(LE, 8));
    segment("alignment that cannot be mapped", &|p| p.p_align.set(LE, 0x1001));
    segment("alignment that cannot be mapped", &|p| p.p_align.set(LE, 1 << 40));
    segment("does not fit its place in the file", &|p| p.p_offset.set(LE, p.p_offset.get(LE) + 8));
    segment("larger in the file than in memory", &|p| p.p_memsz.set(LE, p.p_filesz.get(LE) - 1));
    segment("lies outside the file", &|p| {
        p.p_filesz.set(LE, end + 1);
        p.p_memsz.set(LE, end + 1);
    });
    segment("lies outside the file", &|p| {
        p.p_filesz.set(LE, u64::MAX);
        p.p_memsz.set(LE, u64::MAX);
    });
    segment("ends above 4 GiB", &|p| p.p_memsz.set(LE, u64::MAX));
    segment("ends above 4 GiB", &|p| p.p_memsz.set(LE, 4 << 30));
    segment("ends above 4 GiB", &|p| p.p_vaddr.set(LE, p.p_vaddr.get(LE) | 1 << 63));
    segment("does not lie above the one before it", &|p| p.p_vaddr.set(LE, p.p_vaddr.get(LE) & 0xfff));
    check("cannot be read", &|o| o.program(elf::PT_LOAD, 0).p_flags.set(LE, elf::PF_W));
    check("does not lie above", &|o| o.program(elf::PT_LOAD, 0).p_memsz.set(LE, 1 << 20));
    check("it has no segment to load", &|o| {
        for program in o.programs().iter_mut().filter(|program| program.p_type.get(LE) == elf::PT_LOAD) {
            program.p_type.set(LE, elf::PT_NULL);
        }
    });
    check("dynamic section lies outside the loaded segments", &|o| o.program(elf::PT_DYNAMIC, 0).p_vaddr.set(LE, 1 << 30));
    check("dynamic section lies outside the loaded segments", &|o| o.program(elf::PT_DYNAMIC, 0).p_filesz.set(LE, 1 << 20));
    check("dynamic section lies outside the loaded segments", &|o| {
        let program = o.program(elf::PT_DYNAMIC, 0);
        program.p_offset.set(LE, program.p_offset.get(LE) + 16);
    });
    check("dynamic section is not writable", &|o| o.program(elf::PT_DYNAMIC, 0).p_flags.set(LE, elf::PF_R));
    check("dynamic section is not writable", &|o| o.program(elf::PT_LOAD, 3).p_flags.set(LE, elf::PF_R));
    check("a second dynamic section", &|o| {
        let dynamic = *o.program(elf::PT_DYNAMIC, 0);
        *o.program(elf::PT_GNU_EH_FRAME, 0) = dynamic;
    });
    check("program headers are not where it says", &|o| o.program(elf::PT_GNU_EH_FRAME, 0).p_type.set(LE, elf::PT_PHDR));
    check("unwind table lies outside", &|o| o.program(elf::PT_GNU_EH_FRAME, 0).p_vaddr.set(LE, 1 << 31));
    check("a second stack header", &|o| o.program(elf::PT_GNU_EH_FRAME, 0).p_type.set(LE, elf::PT_GNU_STACK));
    check("read-only data outside a writable segment", &|o| o.program(elf::PT_GNU_RELRO, 0).p_memsz.set(LE, 1 << 20));
    check("read-only data outside a writable segment", &|o| o.program(elf::PT_GNU_RELRO, 0).p_vaddr.set(LE, 0x1000));
    check("thread-local storage of an impossible size", &|o| o.program(elf::PT_TLS, 0).p_memsz.set(LE, 1 << 40));
    check("thread-local storage of an impossible size", &|o| o.program(elf::PT_TLS, 0).p_memsz.set(LE, 1));
    check("thread-local storage of an impossible alignment", &|o| o.program(elf::PT_TLS, 0).p_align.set(LE, 0));
    check("thread-local storage of an impossible alignment", &|o| o.program(elf::PT_TLS, 0).p_align.set(LE, 3));
    check("thread-local storage of an impossible alignment", &|o| o.program(elf::PT_TLS, 0).p_align.set(LE, 1 << 62));
    check("thread-local storage outside", &|o| o.program(elf::PT_TLS, 0).p_vaddr.set(LE, 1 << 31));
    check("a note lies outside the loaded segments", &|o| o.program(elf::PT_NOTE, 0).p_vaddr.set(LE, 1 << 31));
    check("alignment other than 4 or 8", &|o| o.program(elf::PT_NOTE, 0).p_align.set(LE, 16));
    for word in [0, 4] {
        check("a note lies outside its segment", &|o| {
            let at = o.program(elf::PT_NOTE, 0).p_offset.get(LE) as usize;
            o.put(at + word, &u32::MAX.to_le_bytes());
        });
    }
}

#[test]
fn dynamic_entries_that_lead_the_linker_astray_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "plain", &["-Wl,--hash-style=both"]));
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfMalformed, words);
    };
    const UNUSED: DynamicTag = elf::DT_DEBUG;
    check("has no end", &|o| {
        o.dynamic().iter_mut().filter(|e| e.d_tag.get(LE) == elf::DT_NULL).for_each(|e| e.d_tag.set(LE, elf::DT_NEEDED));
    });
    check("the name of DT_NEEDED is no name", &|o| {
        let strings = o.value(elf::DT_STRTAB);
        let at = o.offset(strings);
        let size = o.value(elf::DT_STRSZ) as usize;
        // One name that never seems to end.
        o.0[at + 1..at + size - 1].fill(b'x');
        let needed = o.dynamic().iter_mut().find(|e| e.d_tag.get(LE) == elf::DT_NEEDED).unwrap();
        needed.d_val.set(LE, 1);
    });
    check("the name of DT_NEEDED is no name", &|o| {
        let (strings, name) = (o.value(elf::DT_STRTAB), o.value(elf::DT_NEEDED) as usize);
        // What a terminal would obey.
        let at = o.offset(strings) + name;
        o.0[at] = 0x1b;
    });
    check("not a whole number of entries", &|o| {
        let program = o.program(elf::PT_DYNAMIC, 0);
        let size = program.p_filesz.get(LE) - 1;
        program.p_filesz.set(LE, size);
        program.p_memsz.set(LE, size);
    });
    check("entry 0x5 twice", &|o| o.add(elf::DT_STRTAB, 0));
    for (tag, words) in [
        (elf::DT_STRTAB, "string table only in part"),
        (elf::DT_STRSZ, "string table only in part"),
        (elf::DT_SYMTAB, "symbol table only in part"),
        (elf::DT_SYMENT, "symbol table only in part"),
        (elf::DT_RELA, "relocations only in part"),
        (elf::DT_RELASZ, "relocations only in part"),
        (elf::DT_RELAENT, "relocations only in part"),
        (elf::DT_JMPREL, "procedure linkage only in part"),
        (elf::DT_PLTRELSZ, "procedure linkage only in part"),
        (elf::DT_PLTREL, "procedure linkage only in part"),
        (elf::DT_INIT_ARRAY, "DT_INIT_ARRAY only in part"),
        (elf::DT_FINI_ARRAYSZ, "DT_FINI_ARRAY only in part"),
        (elf::DT_VERNEED, "needed versions only in part"),
        (elf::DT_VERNEEDNUM, "needed versions only in part"),
    ] {
        check(words, &|o| o.rename(tag, UNUSED));
    }
    check("has no string table", &|o| {
        o.rename(elf::DT_STRTAB, UNUSED);
        o.rename(elf::DT_STRSZ, elf::DT_SYMBOLIC);
    });
    check("has no hash table", &|o| {
        o.rename(elf::DT_HASH, UNUSED);
        o.rename(elf::DT_GNU_HASH, elf::DT_SYMBOLIC);
    });
    let astray = [1 << 20, 1 << 40, u64::MAX, u64::MAX - 7];
    for (tag, words) in [
        (elf::DT_STRTAB, "string table lies outside the file"),
        (elf::DT_STRSZ, "string table lies outside the file"),
        (elf::DT_SYMTAB, "symbol table lies outside the file"),
        (elf::DT_HASH, "hash table of DT_HASH is damaged"),
        (elf::DT_GNU_HASH, "hash table of DT_GNU_HASH is damaged"),
        (elf::DT_RELA, "relocations of DT_RELA lie outside the file"),
        (elf::DT_RELASZ, "relocations of DT_RELA lie outside the file"),
        (elf::DT_JMPREL, "relocations of DT_JMPREL lie outside the file"),
        (elf::DT_PLTRELSZ, "relocations of DT_JMPREL lie outside the file"),
        (elf::DT_INIT_ARRAY, "DT_INIT_ARRAY lies outside the file"),
        (elf::DT_INIT_ARRAYSZ, "DT_INIT_ARRAY lies outside the file"),
        (elf::DT_FINI_ARRAY, "DT_FINI_ARRAY lies outside the file"),
        (elf::DT_VERSYM, "versions of its symbols lie outside the file"),
        (elf::DT_VERNEED, "table of needed versions is damaged"),
        (elf::DT_VERNEEDNUM, "table of needed versions is damaged"),
        (elf::DT_INIT, "DT_INIT is not in the object's code"),
        (elf::DT_FINI, "DT_FINI is not in the object's code"),
        (elf::DT_PLTGOT, "DT_PLTGOT is not in the object's data"),
    ] {
        for value in astray {
            check(words, &|o| o.set(tag, value));
        }
    }
    check("DT_INIT is not in the object's code", &|o| o.set(elf::DT_INIT, 0));
    check("DT_PLTGOT is not in the object's data", &|o| o.set(elf::DT_PLTGOT, 0));
    check("does not end its last string", &|o| {
        let size = o.value(elf::DT_STRSZ);
        o.set(elf::DT_STRSZ, size - 1);
    });
    check("string table lies outside the file", &|o| o.set(elf::DT_STRSZ, 1 << 32));
    check("name of DT_NEEDED lies outside the string table", &|o| o.set(elf::DT_NEEDED, 1 << 20));
    check("name of DT_SONAME lies outside the string table", &|o| o.add(elf::DT_SONAME, u64::MAX));
    check("wrong size of symbols", &|o| o.set(elf::DT_SYMENT, 16));
    check("wrong kind of relocations for DT_RELA", &|o| o.set(elf::DT_RELAENT, 16));
    check("wrong kind of relocations for DT_JMPREL", &|o| o.set(elf::DT_PLTREL, elf::DT_REL.0 as u64));
    check("it has a table of versions, and its symbols have none", &|o| o.rename(elf::DT_VERSYM, UNUSED));
    check("its symbols have versions, and it has no table of them", &|o| {
        // The table of versions belongs to symbols that have none: glibc would index a null pointer.
        o.rename(elf::DT_VERNEED, UNUSED);
        o.rename(elf::DT_VERNEEDNUM, elf::DT_SYMBOLIC);
    });
}

#[test]
fn symbols_versions_and_hash_tables_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "plain", &["-Wl,--hash-style=both"]));
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfMalformed, words);
    };
    check("name outside the string table", &|o| set_symbol(o, "plugin_add", |s| s.st_name.set(LE, u32::MAX)));
    check("lies outside the object", &|o| set_symbol(o, "plugin_add", |s| s.st_value.set(LE, 0)));
    check("lies outside the object", &|o| set_symbol(o, "plugin_add", |s| s.st_value.set(LE, 1 << 40)));
    check("lies outside the object", &|o| set_symbol(o, "exported", |s| s.st_value.set(LE, u64::MAX)));
    check("lies outside the object", &|o| set_symbol(o, "counter", |s| s.st_value.set(LE, 1 << 20)));
    check("lies outside the object", &|o| set_symbol(o, "plugin_chosen", |s| s.st_value.set(LE, 8)));
    // At an address that is in no object, and that glibc would call while it relocates this one.
    check("lies outside the object", &|o| set_symbol(o, "plugin_chosen", |s| s.st_shndx.set(LE, elf::SHN_ABS)));
    check("is not the undefined one", &|o| o.table::<Sym64<LE>>(elf::DT_SYMTAB, 1)[0].st_info = elf::SymbolInfo(0x12));

    check("DT_HASH is damaged", &|o| o.table::<U32<LE>>(elf::DT_HASH, 2)[0].set(LE, u32::MAX));
    check("DT_HASH is damaged", &|o| o.table::<U32<LE>>(elf::DT_HASH, 2)[1].set(LE, 1));
    check("DT_HASH is damaged", &|o| {
        // A chain of one symbol that follows itself: `dlsym` would never return.
        let table = o.table::<U32<LE>>(elf::DT_HASH, 64);
        let buckets = table[0].get(LE) as usize;
        let first = (2..2 + buckets).map(|at| table[at].get(LE) as usize).find(|first| *first != 0).unwrap();
        table[2 + buckets + first].set(LE, first as u32);
    });
    check("DT_GNU_HASH is damaged", &|o| o.table::<U32<LE>>(elf::DT_GNU_HASH, 4)[0].set(LE, u32::MAX));
    check("DT_GNU_HASH is damaged", &|o| o.table::<U32<LE>>(elf::DT_GNU_HASH, 4)[2].set(LE, 0));
    check("DT_GNU_HASH is damaged", &|o| o.table::<U32<LE>>(elf::DT_GNU_HASH, 4)[2].set(LE, 3));

    check("which does not exist", &|o| o.table::<U32<LE>>(elf::DT_VERSYM, 2)[1].set(LE, 0x7fff_7fff));
    let need = |change: &dyn Fn(&mut Verneed<LE>)| {
        let mut object = base.clone();
        change(&mut object.table(elf::DT_VERNEED, 1)[0]);
        object
    };
    let damaged = "table of needed versions is damaged";
    refused(verify(&need(&|n| n.vn_version.set(LE, 2)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_cnt.set(LE, 999)), Kind::Plugin), Code::ElfMalformed, damaged);
    // glibc does not look at the count: it would read an entry all the same, and from anywhere.
    let none = |n: &mut Verneed<LE>| {
        n.vn_cnt.set(LE, 0);
        n.vn_aux.set(LE, 0x7fff_ffff);
    };
    refused(verify(&need(&none), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_aux.set(LE, u32::MAX)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_aux.set(LE, 0)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_next.set(LE, 1)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_next.set(LE, 0)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&need(&|n| n.vn_file.set(LE, u32::MAX)), Kind::Plugin), Code::ElfMalformed, "outside the string table");
    // glibc asserts that a library with versions is loaded, and it only is if it is needed.
    refused(verify(&need(&|n| n.vn_file.set(LE, 1)), Kind::Plugin), Code::ElfMalformed, "not in DT_NEEDED");
    let entry = |change: &dyn Fn(&mut Vernaux<LE>)| {
        let mut object = base.clone();
        let address = object.value(elf::DT_VERNEED) + 16;
        let at = object.offset(address);
        change(object::pod::from_bytes_mut(&mut object.0[at..]).unwrap().0);
        object
    };
    refused(verify(&entry(&|n| n.vna_next.set(LE, 4)), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&entry(&|n| n.vna_other.set(LE, elf::VersionIndex(0))), Kind::Plugin), Code::ElfMalformed, damaged);
    refused(verify(&entry(&|n| n.vna_name.set(LE, u32::MAX)), Kind::Plugin), Code::ElfMalformed, "outside the string table");
}

#[test]
fn relocations_that_reach_outside_their_object_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "plain", &[]));
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfMalformed, words);
    };
    let (relative, slot, address) = match Architecture::HERE {
        Architecture::X86_64 => (elf::R_X86_64_RELATIVE, elf::R_X86_64_JUMP_SLOT, elf::R_X86_64_64),
        Architecture::Aarch64 => (elf::R_AARCH64_RELATIVE, elf::R_AARCH64_JUMP_SLOT, elf::R_AARCH64_ABS64),
    };
    for target in [0, 0x1000, 1 << 31, u64::MAX, u64::MAX - 6] {
        check("outside the object's data", &|o| set_relocation(o, relative, |r| r.r_offset.set(LE, target)));
        check("outside the object's data", &|o| set_relocation(o, slot, |r| r.r_offset.set(LE, target)));
    }
    check("into the linker's own tables", &|o| {
        let dynamic = o.program(elf::PT_DYNAMIC, 0).p_vaddr.get(LE);
        set_relocation(o, address, |r| r.r_offset.set(LE, dynamic + 8));
    });
    let info = |symbol: u64, kind: RelocationType| symbol << 32 | u64::from(kind.0);
    check("symbol table lies outside the file", &|o| set_relocation(o, slot, |r| r.r_info.set(LE, info(u32::MAX.into(), slot))));
    check("does not belong into a shared object", &|o| {
        set_relocation(o, address, |r| r.r_info.set(LE, info(1, RelocationType(5))))
    });
    check("counted as relative and is not", &|o| set_relocation(o, relative, |r| r.r_info.set(LE, info(1, slot))));
    check("counted as relative and is not", &|o| o.set(elf::DT_RELACOUNT, 1 << 40));
    let thread_local = match Architecture::HERE {
        Architecture::X86_64 => elf::R_X86_64_TPOFF64,
        Architecture::Aarch64 => elf::R_AARCH64_TLS_TPREL,
    };
    check("by a symbol of another kind", &|o| set_relocation(o, address, |r| r.r_info.set(LE, info(1, thread_local))));
    check("lies outside the object", &|o| o.program(elf::PT_TLS, 0).p_type.set(LE, elf::PT_NULL));
    // Thread-local storage that only another object could have, and of those that it needs none has.
    let malloc = symbol_index(&mut base.clone(), "malloc");
    check("of the system's libraries, which share none", &|o| {
        set_symbol(o, "malloc", |s| s.st_info = elf::SymbolInfo::new(elf::STB_GLOBAL, elf::STT_TLS));
        set_relocation(o, address, |r| r.r_info.set(LE, info(malloc, thread_local)));
    });

    // What would be called: each function of the arrays.
    let array = base.clone().value(elf::DT_INIT_ARRAY);
    let of_array = |o: &mut Object, change: &dyn Fn(&mut Rela64<LE>)| {
        let count = o.value(elf::DT_RELASZ) as usize / 24;
        let table = o.table::<Rela64<LE>>(elf::DT_RELA, count);
        change(table.iter_mut().find(|entry| entry.r_offset.get(LE) == array).unwrap());
    };
    check("not in the object's code", &|o| of_array(o, &|r| r.r_addend.set(LE, 0)));
    check("not in the object's code", &|o| of_array(o, &|r| r.r_addend.set(LE, -1)));
    check("not in the object's code", &|o| of_array(o, &|r| r.r_addend.set(LE, array as i64)));
    check("overlapped by a relocation", &|o| of_array(o, &|r| r.r_offset.set(LE, array + 4)));
    // A function of another object may be called. One that is not there, and is local or hidden, glibc takes for the object's own, at
    // whatever address the symbol says.
    let foreign = |change: &dyn Fn(&mut Sym64<LE>)| {
        let mut object = base.clone();
        of_array(&mut object, &|r| r.r_info.set(LE, info(malloc, address)));
        of_array(&mut object, &|r| r.r_addend.set(LE, 0));
        object.set(elf::DT_RELACOUNT, 0);
        set_symbol(&mut object, "malloc", change);
        object
    };
    verify(&foreign(&|_| ()), Kind::Plugin).unwrap();
    let malformed = |object: Object| refused(verify(&object, Kind::Plugin), Code::ElfMalformed, "not in the object's code");
    malformed(foreign(&|s| s.st_info = elf::SymbolInfo::new(elf::STB_LOCAL, elf::STT_FUNC)));
    for visibility in [elf::STV_HIDDEN, elf::STV_INTERNAL, elf::STV_PROTECTED] {
        malformed(foreign(&|s| s.st_other = elf::SymbolOther(visibility.0)));
    }
    check("an entry is not relocated", &|o| {
        let data = o.value(elf::DT_PLTGOT);
        of_array(o, &|r| r.r_offset.set(LE, data));
    });
    check("relocated twice", &|o| set_relocation(o, relative, |r| r.r_offset.set(LE, array + 8)));
}

#[test]
fn packed_relocations_are_held_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let base = Object::read(&plugin(folder.path(), "packed", &["-Wl,-z,pack-relative-relocs"]));
    let check = |words: &str, change: &dyn Fn(&mut Object)| {
        let mut object = base.clone();
        change(&mut object);
        refused(verify(&object, Kind::Plugin), Code::ElfMalformed, words);
    };
    let first = |o: &mut Object, value: u64| o.table::<U64<LE>>(elf::DT_RELR, 1)[0].set(LE, value);
    check("begin without an address", &|o| first(o, 1));
    for address in [0, 0x1000, 1 << 40, u64::MAX - 1] {
        check("outside the object's data", &|o| first(o, address));
    }
    check("into the linker's own tables", &|o| {
        let dynamic = o.program(elf::PT_DYNAMIC, 0).p_vaddr.get(LE);
        first(o, dynamic);
    });
    check("wrong kind of relocations for DT_RELR", &|o| o.set(elf::DT_RELRENT, 4));
    check("packed relocations only in part", &|o| o.rename(elf::DT_RELRENT, elf::DT_DEBUG));
    check("relocations of DT_RELR lie outside the file", &|o| o.set(elf::DT_RELRSZ, 1 << 40));
    check("an entry is not in the object's code", &|o| {
        // What a packed relocation adds the load address to stands in the slot itself.
        let array = o.value(elf::DT_INIT_ARRAY);
        let at = o.offset(array);
        o.put(at, &array.to_le_bytes());
    });
}

/// What is read of a file is never more than a few times its size: a table that many records point to would be read for each of them.
#[test]
fn notes_and_versions_that_share_their_bytes_are_refused_before_they_cost() {
    let folder = tempfile::tempdir().unwrap();
    let source = r#"
        struct note { unsigned owner, size, type; char name[16]; char text[600000]; };
        __attribute__((section(".note.large"), used, aligned(4)))
        const struct note large = { 13, 600000, 1, "LambdaPlugin", { 1 } };
        const unsigned char room[9600] = "room for definitions";
        int puts(const char *); int say(void) { return puts("x"); }
    "#;
    let base = Object::read(&compile(folder.path(), "shared", source, &[]));
    assert_eq!(verify::elf::facts(&base.0).unwrap().abi_notes.len(), 1);
    let mut object = base.clone();
    let large = *object
        .programs()
        .iter()
        .find(|header| header.p_filesz.get(LE) > 600_000 && header.p_type.get(LE) == elf::PT_NOTE)
        .unwrap();
    *object.program(elf::PT_GNU_EH_FRAME, 0) = large;
    refused(verify::elf::facts(&object.0).map(drop), Code::ElfMalformed, "its notes are larger than 1 MiB together");

    let mut object = base;
    let at = object.0.windows(8).position(|bytes| bytes == b"room for").unwrap();
    let holds = |load: &&ProgramHeader64<LE>| {
        let start = load.p_offset.get(LE) as usize;
        load.p_type.get(LE) == elf::PT_LOAD && (start..start + load.p_filesz.get(LE) as usize).contains(&at)
    };
    let load = *object.programs().iter().find(|load| holds(load)).unwrap();
    let room = at as u64 - load.p_offset.get(LE) + load.p_vaddr.get(LE);
    let (definitions, names) = (64_u32, 1_000_u16);
    for number in 0..definitions {
        let next = if number + 1 == definitions { 0 } else { 20 };
        let words = [1, (100 + number) | u32::from(names) << 16, 0, (definitions - number) * 20, next];
        object.put(at + number as usize * 20, &words.map(u32::to_le_bytes).concat());
    }
    for number in 0..usize::from(names) {
        let next: u32 = if number + 1 == usize::from(names) { 0 } else { 8 };
        object.put(at + definitions as usize * 20 + number * 8, &[0, next].map(u32::to_le_bytes).concat());
    }
    object.add(elf::DT_VERDEF, room);
    object.add(elf::DT_VERDEFNUM, definitions.into());
    refused(verify::elf::facts(&object.0).map(drop), Code::ElfMalformed, "the table of defined versions is damaged");
}
