//! One bit of a plugin, flipped after it was locked.

use lambda_loader::Code;
use object::LittleEndian as LE;
use object::elf;
use serde_json::json;

use crate::check::bootstrap_refuses;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::verify_fixture::Object;

/// A byte in each part of a shared object.
fn parts(object: &mut Object) -> Vec<(&'static str, usize)> {
    let programs = object.header().e_phoff.get(LE) as usize;
    let sections = object.header().e_shoff.get(LE) as usize;
    let dynamic = object.program(elf::PT_DYNAMIC, 0).p_offset.get(LE) as usize;
    let executable = |program: &&object::elf::ProgramHeader64<LE>| {
        program.p_type.get(LE) == elf::PT_LOAD && program.p_flags.get(LE).contains(elf::PF_X)
    };
    let code = *object.programs().iter().find(executable).unwrap();
    let code = (code.p_offset.get(LE) + code.p_filesz.get(LE) / 2) as usize;
    let note = object.0.windows(12).position(|bytes| bytes == b"LambdaPlugin").unwrap();
    let table = |object: &mut Object, tag| {
        let address = object.value(tag);
        object.offset(address)
    };
    vec![
        ("magic", 0),
        ("header", 24),
        ("program headers", programs + 4),
        ("dynamic section", dynamic + 8),
        ("code", code),
        ("note's owner", note),
        ("note", note + 20),
        ("strings", table(object, elf::DT_STRTAB) + 3),
        ("symbols", table(object, elf::DT_SYMTAB) + 32),
        ("hash table", table(object, elf::DT_GNU_HASH) + 8),
        ("relocations", table(object, elf::DT_RELA) + 16),
        ("constructors", table(object, elf::DT_INIT_ARRAY)),
        ("section headers", sections + 64),
        ("last byte", object.0.len() - 1),
    ]
}

#[test]
fn one_bit_flipped_in_any_part_of_a_plugin() {
    let plugin = Build::plugin("misbehave").path();
    let folder = Folder::new(&[("misbehave", &plugin)], json!({ "routes": {} }));
    let file = folder.path().join("plugins/libmisbehave.so");
    let good = Object::read(&file);
    for (number, (part, at)) in parts(&mut good.clone()).into_iter().enumerate() {
        let mut bytes = good.0.clone();
        bytes[at] ^= 1 << (number % 8);
        std::fs::write(&file, bytes).unwrap();
        println!("{part}: byte {at}");
        let words = ["plugin \"misbehave\": the file's SHA-256 is ", "and the manifest's is "];
        bootstrap_refuses(&folder, &file, Code::DigestMismatch, &words, None);
    }
}
