//! The file header, and the two tables that it points to.

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::pod;

use super::{LE, Le, foreign, malformed};
use crate::machine::Architecture;
use crate::refusal::Refusal;

/// glibc copies the program headers to the stack, however many there are; a linker makes about a dozen.
const MOST_PROGRAM_HEADERS: u16 = 128;

/// A file header that fits this loader.
pub(super) struct Header<'a> {
    pub(super) architecture: Architecture,
    pub(super) programs: &'a [ProgramHeader64<Le>],
    /// Where the program headers are in the file.
    pub(super) programs_offset: u64,
}

/// For which architecture a file is, by its header alone.
pub(super) fn architecture(bytes: &[u8]) -> Result<Architecture, Refusal> {
    read_start(bytes).map(|(_, architecture)| architecture)
}

fn read_start(bytes: &[u8]) -> Result<(&FileHeader64<Le>, Architecture), Refusal> {
    if bytes.starts_with(b"!<arch>\n") {
        return Err(foreign("it is an archive: a static library or an rlib").hint(
            "write crate-type = [\"cdylib\", \"rlib\"] below [lib] in the crate's Cargo.toml, build again, and name the .so",
        ));
    }
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(foreign("it is not an ELF file").hint("name a shared object: a plugin's crate type is cdylib"));
    }
    let Ok((header, _)) = pod::from_bytes::<FileHeader64<Le>>(bytes) else { return Err(malformed("the file header is cut off")) };
    let ident = &header.e_ident;
    if ident.class != elf::ELFCLASS64 {
        return Err(foreign("it is not a 64-bit object"));
    }
    if ident.data != elf::ELFDATA2LSB {
        return Err(foreign("it is not a little-endian object"));
    }
    if ident.version != elf::EV_CURRENT || header.e_version.get(LE) != u32::from(elf::EV_CURRENT.0) {
        return Err(foreign("it is of an unknown ELF version"));
    }
    // GNU/Linux is what a linker writes for indirect functions and unique symbols; both are the System V interface here.
    if ![elf::ELFOSABI_SYSV, elf::ELFOSABI_GNU].contains(&ident.os_abi) || ident.abi_version != 0 || ident.padding != [0; 7] {
        return Err(foreign("it is for another system than Linux"));
    }
    let architecture = match header.e_machine.get(LE) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Aarch64,
        other => return Err(foreign(format!("it is for machine {}", other.0)).hint("build for x86_64 or aarch64")),
    };
    match header.e_type.get(LE) {
        elf::ET_DYN => Ok((header, architecture)),
        elf::ET_EXEC => Err(foreign("it is a program")),
        elf::ET_REL => Err(foreign("it is an object file that is not linked yet")),
        elf::ET_CORE => Err(foreign("it is a core dump")),
        _ => Err(foreign("it is no kind of ELF file that can be loaded")),
    }
}

/// Reads the header and the program headers, and checks that the section headers, which nothing here uses, are there too: they stand
/// last in the file, and where they are missing something was cut off.
pub(super) fn read(bytes: &[u8]) -> Result<Header<'_>, Refusal> {
    let (header, architecture) = read_start(bytes)?;
    if usize::from(header.e_ehsize.get(LE)) != size_of::<FileHeader64<Le>>()
        || usize::from(header.e_phentsize.get(LE)) != size_of::<ProgramHeader64<Le>>()
    {
        return Err(malformed("the file header gives wrong sizes of headers"));
    }
    let count = header.e_phnum.get(LE);
    if !(1..=MOST_PROGRAM_HEADERS).contains(&count) {
        return Err(malformed(format!("it has {count} program headers")));
    }
    let programs_offset = header.e_phoff.get(LE);
    if !programs_offset.is_multiple_of(8) {
        return Err(malformed("the program headers are not aligned"));
    }
    let Some(programs) = table(bytes, programs_offset, count.into()) else {
        return Err(malformed("the program headers lie outside the file"));
    };
    check_sections(bytes, header)?;
    Ok(Header { architecture, programs, programs_offset })
}

fn check_sections(bytes: &[u8], header: &FileHeader64<Le>) -> Result<(), Refusal> {
    let offset = header.e_shoff.get(LE);
    if offset == 0 {
        return Ok(());
    }
    let outside = || malformed("the section headers lie outside the file");
    if usize::from(header.e_shentsize.get(LE)) != size_of::<SectionHeader64<Le>>() {
        return Err(malformed("the file header gives a wrong size of section headers"));
    }
    let first: &[SectionHeader64<Le>] = table(bytes, offset, 1).ok_or_else(outside)?;
    // With very many sections the count stands in the first one.
    let count = match (header.e_shnum.get(LE), first.first()) {
        (0, Some(first)) => first.sh_size.get(LE),
        (count, _) => count.into(),
    };
    let sections: &[SectionHeader64<Le>] = table(bytes, offset, count).ok_or_else(outside)?;
    for (number, section) in sections.iter().enumerate().skip(1) {
        if [elf::SHT_NOBITS, elf::SHT_NULL].contains(&section.sh_type.get(LE)) {
            continue;
        }
        let end = section.sh_offset.get(LE).checked_add(section.sh_size.get(LE));
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(malformed(format!("section {number} lies outside the file")));
        }
    }
    Ok(())
}

/// `count` items at a file offset, if they are all there.
fn table<T: pod::Pod>(bytes: &[u8], offset: u64, count: u64) -> Option<&[T]> {
    let tail = bytes.get(usize::try_from(offset).ok()?..)?;
    Some(pod::slice_from_bytes(tail, usize::try_from(count).ok()?).ok()?.0)
}
