//! The program headers beside the loadable segments.

use std::ops::Range;

use object::elf::{self, ProgramHeader64};

use super::header::Header;
use super::image::Image;
use super::{LE, Le, foreign, malformed, notes};
use crate::refusal::{Code, Refusal};

/// The plugin ABI's owner name in a note, with its final NUL.
const OWNER: &[u8] = b"LambdaPlugin\0";
/// glibc ends the process when it cannot allocate thread-local storage.
const LARGEST_THREAD_LOCAL: u64 = 16 << 20;
const COARSEST_THREAD_LOCAL: u64 = 1 << 20;
/// The most bytes of notes, counted for each header that names them: many headers may name the same ones.
const LARGEST_NOTES: usize = 1 << 20;

/// What the program headers say.
pub(super) struct Programs<'a> {
    /// The dynamic section.
    pub(super) dynamic: &'a [u8],
    pub(super) dynamic_range: Range<u64>,
    /// Where the program headers themselves stand in memory.
    pub(super) headers_range: Range<u64>,
    /// Size of the thread-local storage, where there is any.
    pub(super) thread_local: Option<u64>,
    pub(super) build_id: Option<String>,
    pub(super) abi_notes: Vec<(u32, Vec<u8>)>,
}

/// Reads and checks them.
pub(super) fn read<'a>(image: &Image<'a>, header: &Header<'a>, findings: &mut Vec<Refusal>) -> Result<Programs<'a>, Refusal> {
    let headers_range = headers_in_memory(image, header)?;
    let mut dynamic = None;
    let mut thread_local = None;
    let mut stack = None;
    let mut build_id = None;
    let mut abi_notes = Vec::new();
    let mut note_bytes = 0_usize;
    for (number, program) in header.programs.iter().enumerate() {
        let refuse = |what: &str| malformed(format!("program header {number}: {what}"));
        let once = |seen: bool, what: &str| if seen { Err(refuse(&format!("a second {what}"))) } else { Ok(()) };
        let address = program.p_vaddr.get(LE);
        let mapped =
            |what: &str| mapped(image, program).ok_or_else(|| refuse(&format!("{what} lies outside the loaded segments")));
        match program.p_type.get(LE) {
            elf::PT_DYNAMIC => {
                once(dynamic.is_some(), "dynamic section")?;
                let bytes = mapped("the dynamic section")?;
                // glibc adds the load address to entries in place, up to 2.34 whatever the flags say.
                if !program.p_flags.get(LE).contains(elf::PF_W) || !image.writable(address, bytes.len() as u64) {
                    return Err(refuse("the dynamic section is not writable"));
                }
                dynamic = Some((bytes, address..address + bytes.len() as u64));
            }
            elf::PT_INTERP => return Err(foreign("it is a program: it names an interpreter")),
            // The unwinder reads the program headers at this address (`dl_iterate_phdr`).
            elf::PT_PHDR if image.offset(address) != Some(header.programs_offset) => {
                return Err(refuse("the program headers are not where it says"));
            }
            elf::PT_TLS if program.p_memsz.get(LE) > 0 => {
                once(thread_local.is_some(), "segment of thread-local storage")?;
                check_thread_local(image, program).map_err(refuse)?;
                thread_local = Some(program.p_memsz.get(LE));
            }
            elf::PT_GNU_STACK => {
                once(stack.is_some(), "stack header")?;
                stack = Some(program.p_flags.get(LE));
            }
            elf::PT_GNU_RELRO => check_relro(image, program).map_err(refuse)?,
            elf::PT_NOTE | elf::PT_GNU_PROPERTY => {
                let collect = program.p_type.get(LE) == elf::PT_NOTE;
                let segment = mapped("a note")?;
                note_bytes = note_bytes.saturating_add(segment.len());
                if note_bytes > LARGEST_NOTES {
                    return Err(malformed("its notes are larger than 1 MiB together"));
                }
                notes::each(segment, program.p_align.get(LE), |note| {
                    if collect && note.owner == OWNER {
                        abi_notes.push((note.kind, note.descriptor.to_vec()));
                    } else if collect && note.owner == b"GNU\0" && note.kind == elf::NT_GNU_BUILD_ID.0 {
                        let id = note.descriptor.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
                        build_id.get_or_insert(id);
                    }
                })
                .map_err(|refusal| refuse(&refusal.what))?;
            }
            elf::PT_GNU_EH_FRAME if mapped("the unwind table")?.len() < 4 => return Err(refuse("the unwind table is cut off")),
            _ => {}
        }
    }
    let stack_finding = match stack {
        None => Some("it has no PT_GNU_STACK, so loading it would make every stack executable"),
        Some(flags) if flags.contains(elf::PF_X) => Some("it asks for an executable stack"),
        Some(_) => None,
    };
    if let Some(what) = stack_finding {
        findings.push(
            Refusal::new(Code::ElfExecutableMemory, "", what)
                .hint("link with -z noexecstack; hand-written assembly needs a .note.GNU-stack section"),
        );
    }
    let (dynamic, dynamic_range) = dynamic.ok_or_else(|| foreign("it has no dynamic section"))?;
    Ok(Programs { dynamic, dynamic_range, headers_range, thread_local, build_id, abi_notes })
}

/// Bytes that a header names by address *and* by offset: the dynamic linker goes by the one, tools by the other, so they must agree.
fn mapped<'a>(image: &Image<'a>, program: &ProgramHeader64<Le>) -> Option<&'a [u8]> {
    let (address, size) = (program.p_vaddr.get(LE), program.p_filesz.get(LE));
    if size != program.p_memsz.get(LE) {
        return None;
    }
    if size != 0 && image.offset(address)? != program.p_offset.get(LE) {
        return None;
    }
    image.bytes(address, size)
}

fn headers_in_memory(image: &Image<'_>, header: &Header<'_>) -> Result<Range<u64>, Refusal> {
    let size = size_of_val(header.programs) as u64;
    let is_there =
        |address: &u64| image.offset(*address) == Some(header.programs_offset) && image.bytes(*address, size).is_some();
    // Where PT_PHDR says, as tools do that move the table to add segments; it holds for glibc too, the last where there are several.
    let told = header.programs.iter().rev().find(|program| program.p_type.get(LE) == elf::PT_PHDR);
    let told = told.map(|program| program.p_vaddr.get(LE)).filter(is_there);
    // Without it in the first segment, which holds the file from its start.
    let start = told.or_else(|| image.span().start.checked_add(header.programs_offset).filter(is_there));
    start.map(|start| start..start + size).ok_or_else(|| malformed("the program headers are not part of a loaded segment"))
}

fn check_thread_local(image: &Image<'_>, program: &ProgramHeader64<Le>) -> Result<(), &'static str> {
    let (address, file_size, size) = (program.p_vaddr.get(LE), program.p_filesz.get(LE), program.p_memsz.get(LE));
    let alignment = program.p_align.get(LE);
    if file_size > size || size > LARGEST_THREAD_LOCAL {
        return Err("thread-local storage of an impossible size");
    }
    // Not 0 either: glibc divides by it.
    if !alignment.is_power_of_two() || alignment > COARSEST_THREAD_LOCAL {
        return Err("thread-local storage of an impossible alignment");
    }
    if file_size > 0 && (image.bytes(address, file_size).is_none() || image.offset(address) != Some(program.p_offset.get(LE))) {
        return Err("thread-local storage outside the loaded segments");
    }
    Ok(())
}

/// What becomes read-only after relocation: glibc takes write access from whole pages of it, and must not take any other.
fn check_relro(image: &Image<'_>, program: &ProgramHeader64<Le>) -> Result<(), &'static str> {
    let (address, size) = (program.p_vaddr.get(LE), program.p_memsz.get(LE));
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096).max(4096);
    // lld and mold round the size up to the end of the segment's last page.
    let fits = || {
        let last = image.writable_end(address)?.checked_next_multiple_of(page)?;
        Some(address.checked_add(size)? <= last)
    };
    if size == 0 || fits() == Some(true) { Ok(()) } else { Err("relocated read-only data outside a writable segment") }
}
