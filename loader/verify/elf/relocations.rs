//! Relocations: what the dynamic linker writes into the object, and where.

use std::ops::Range;

use object::elf::{self, Rela64, RelocationType};
use object::{U64, elf::Sym64};

use super::arrays::{Arrays, Written};
use super::dynamic::Dynamic;
use super::image::Image;
use super::symbols::{Symbols, is_absolute, is_foreign};
use super::{LE, Le, malformed};
use crate::machine::Architecture;
use crate::refusal::Refusal;

/// The three tables.
pub(super) struct Tables<'a> {
    /// `DT_RELA`, then `DT_JMPREL`.
    explicit: [&'a [Rela64<Le>]; 2],
    /// So many of `DT_RELA` come first and are relative.
    relative: u64,
    packed: &'a [U64<Le>],
    pub(super) ranges: Vec<Range<u64>>,
}

/// What one word of bits in `DT_RELR` covers.
const PACKED_SPAN: u64 = 63 * 8;

/// What a relocation is checked against.
pub(super) struct Context<'a, 'b> {
    pub(super) image: &'b Image<'a>,
    pub(super) architecture: Architecture,
    pub(super) symbols: &'b Symbols<'a>,
    pub(super) thread_local: bool,
    /// Whether it needs a library other than the system's, which may share its thread-local storage.
    pub(super) shared_thread_local: bool,
    /// Tables that the linker still reads while it relocates, as far as they can be written.
    pub(super) protected: &'b [Range<u64>],
}

/// What a relocation does, on either machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    /// The load address and the addend.
    Relative,
    /// What a function of the object returns, which the linker calls.
    Indirect,
    /// A symbol's address and the addend.
    Address,
    /// A symbol's address.
    Slot,
    /// Something of thread-local storage, so many bytes.
    ThreadLocal(u64),
}

fn action(architecture: Architecture, kind: RelocationType) -> Option<Action> {
    Some(match (architecture, kind) {
        (Architecture::X86_64, elf::R_X86_64_NONE) => Action::Nothing,
        (Architecture::X86_64, elf::R_X86_64_RELATIVE) => Action::Relative,
        (Architecture::X86_64, elf::R_X86_64_IRELATIVE) => Action::Indirect,
        (Architecture::X86_64, elf::R_X86_64_64) => Action::Address,
        (Architecture::X86_64, elf::R_X86_64_GLOB_DAT | elf::R_X86_64_JUMP_SLOT) => Action::Slot,
        (Architecture::X86_64, elf::R_X86_64_DTPMOD64 | elf::R_X86_64_DTPOFF64 | elf::R_X86_64_TPOFF64) => Action::ThreadLocal(8),
        (Architecture::X86_64, elf::R_X86_64_TLSDESC) => Action::ThreadLocal(16),
        (Architecture::Aarch64, elf::R_AARCH64_NONE | RelocationType(256)) => Action::Nothing,
        (Architecture::Aarch64, elf::R_AARCH64_RELATIVE) => Action::Relative,
        (Architecture::Aarch64, elf::R_AARCH64_IRELATIVE) => Action::Indirect,
        (Architecture::Aarch64, elf::R_AARCH64_ABS64) => Action::Address,
        (Architecture::Aarch64, elf::R_AARCH64_GLOB_DAT | elf::R_AARCH64_JUMP_SLOT) => Action::Slot,
        (Architecture::Aarch64, elf::R_AARCH64_TLS_DTPMOD | elf::R_AARCH64_TLS_DTPREL | elf::R_AARCH64_TLS_TPREL) => {
            Action::ThreadLocal(8)
        }
        (Architecture::Aarch64, elf::R_AARCH64_TLSDESC) => Action::ThreadLocal(16),
        _ => return None,
    })
}

impl<'a> Tables<'a> {
    /// Finds the tables. glibc asserts the sizes of entries, and ends the process where they are others.
    pub(super) fn new(image: &Image<'a>, dynamic: &Dynamic) -> Result<Self, Refusal> {
        let mut tables = Tables { explicit: [&[]; 2], relative: 0, packed: &[], ranges: Vec::new() };
        let outside = |name: &str| malformed(format!("the relocations of {name} lie outside the file"));
        let wrong = |name: &str| malformed(format!("the dynamic section gives a wrong kind of relocations for {name}"));
        let [rela, jmprel] = &mut tables.explicit;
        if let Some([address, size, entry]) =
            dynamic.together([elf::DT_RELA, elf::DT_RELASZ, elf::DT_RELAENT], "relocations").or_else(|refusal| {
                // A linker may leave the size of entries without a table.
                match dynamic.get(elf::DT_RELA) {
                    None if dynamic.get(elf::DT_RELASZ).unwrap_or(0) == 0 => Ok(None),
                    _ => Err(refusal),
                }
            })?
        {
            if entry != size_of::<Rela64<Le>>() as u64 {
                return Err(wrong("DT_RELA"));
            }
            *rela = image.table(address, size).ok_or_else(|| outside("DT_RELA"))?;
            tables.ranges.push(address..address + size);
        }
        if let Some([address, size, kind]) =
            dynamic.together([elf::DT_JMPREL, elf::DT_PLTRELSZ, elf::DT_PLTREL], "procedure linkage")?
        {
            if kind != elf::DT_RELA.0 as u64 {
                return Err(wrong("DT_JMPREL"));
            }
            *jmprel = image.table(address, size).ok_or_else(|| outside("DT_JMPREL"))?;
            tables.ranges.push(address..address + size);
        }
        if let Some([address, size, entry]) =
            dynamic.together([elf::DT_RELR, elf::DT_RELRSZ, elf::DT_RELRENT], "packed relocations")?
        {
            if entry != 8 {
                return Err(wrong("DT_RELR"));
            }
            tables.packed = image.table(address, size).ok_or_else(|| outside("DT_RELR"))?;
            tables.ranges.push(address..address + size);
        }
        tables.relative = dynamic.get(elf::DT_RELACOUNT).unwrap_or(0);
        Ok(tables)
    }

    /// One more than the highest symbol index used.
    pub(super) fn symbols(&self) -> usize {
        let highest = self.explicit.iter().flat_map(|table| table.iter()).map(|entry| entry.r_sym(LE, false)).max();
        highest.map_or(0, |highest| usize::try_from(highest).unwrap_or(usize::MAX).saturating_add(1))
    }

    /// Checks every relocation; how many there are. Functions that the linker calls meanwhile are added to `entered`.
    pub(super) fn check(
        &self,
        context: &Context<'_, '_>,
        arrays: &mut Arrays<'_>,
        entered: &mut Vec<u64>,
    ) -> Result<usize, Refusal> {
        let mut count = self.check_packed(context, arrays)?;
        for (table, relative) in self.explicit.iter().zip([self.relative, 0]) {
            for (number, entry) in (0..).zip(*table) {
                check_entry(context, arrays, entry, number < relative)
                    .map_err(|refusal| malformed(format!("relocation {number}: {}", refusal.what)))?;
                if action(context.architecture, entry.r_type(LE, false)) == Some(Action::Indirect) {
                    entered.push(entry.r_addend.get(LE).cast_unsigned());
                }
            }
            count += table.len();
        }
        Ok(count)
    }

    /// `DT_RELR`: an even word is an address, an odd one a bit for each of the 63 words that follow
    /// (<https://sourceware.org/bugzilla/show_bug.cgi?id=27924>).
    fn check_packed(&self, context: &Context<'_, '_>, arrays: &mut Arrays<'_>) -> Result<usize, Refusal> {
        let mut next: Option<u64> = None;
        let mut count = 0;
        let relocate = |arrays: &mut Arrays<'_>, address: u64| {
            check_target(context, address, 8)?;
            arrays.write(context.image, address, 8, Written::InPlace)
        };
        for word in self.packed {
            let word = word.get(LE);
            if word & 1 == 0 {
                count += 1;
                relocate(arrays, word)?;
                // In the image, as it may be written: far from the largest number.
                next = Some(word + 8);
                continue;
            }
            let Some(start) = next else { return Err(malformed("packed relocations begin without an address")) };
            next = Some(start.saturating_add(PACKED_SPAN));
            // Mostly all of them are in plain data: so a file of nothing else is looked through in a second, not in a minute.
            if check_target(context, start, PACKED_SPAN).is_ok() && !arrays.touched_by(start, PACKED_SPAN) {
                count += (word >> 1).count_ones() as usize;
                continue;
            }
            for bit in (0..63).filter(|bit| word >> (bit + 1) & 1 == 1) {
                count += 1;
                relocate(arrays, start.saturating_add(bit * 8))?;
            }
        }
        Ok(count)
    }
}

fn check_target(context: &Context<'_, '_>, address: u64, size: u64) -> Result<(), Refusal> {
    if !context.image.writable(address, size) {
        return Err(malformed(format!("it writes to {address:#x}, outside the object's data")));
    }
    if context.protected.iter().any(|range| address < range.end && range.start < address + size) {
        return Err(malformed(format!("it writes to {address:#x}, into the linker's own tables")));
    }
    Ok(())
}

fn check_entry(
    context: &Context<'_, '_>,
    arrays: &mut Arrays<'_>,
    entry: &Rela64<Le>,
    must_be_relative: bool,
) -> Result<(), Refusal> {
    let (kind, index) = (entry.r_type(LE, false), entry.r_sym(LE, false));
    let Some(action) = action(context.architecture, kind) else {
        return Err(malformed(format!("type {} does not belong into a shared object", kind.0)));
    };
    // glibc asserts it.
    if must_be_relative && action != Action::Relative {
        return Err(malformed("it is counted as relative and is not"));
    }
    let Some(symbol) = context.symbols.get(index) else { return Err(malformed("its symbol does not exist")) };
    let size = match action {
        Action::Nothing => return Ok(()),
        Action::ThreadLocal(size) => size,
        _ => 8,
    };
    let address = entry.r_offset.get(LE);
    check_target(context, address, size)?;
    let addend = entry.r_addend.get(LE);
    let written = match action {
        Action::Relative => Written::Address(addend.cast_unsigned()),
        Action::Indirect if !context.image.code(addend.cast_unsigned()) => return Err(malformed("it calls what is not code")),
        Action::Address | Action::Slot if is_foreign(symbol) && index != 0 => Written::Foreign,
        Action::Address if !is_absolute(symbol) => Written::Address(symbol.st_value.get(LE).wrapping_add_signed(addend)),
        Action::ThreadLocal(_) => {
            check_thread_local(context, index, symbol)?;
            Written::Other
        }
        _ => Written::Other,
    };
    arrays.write(context.image, address, size, written)
}

/// glibc divides by the alignment of the storage, which is 0 where an object has none.
fn check_thread_local(context: &Context<'_, '_>, index: u32, symbol: &Sym64<Le>) -> Result<(), Refusal> {
    let foreign = index != 0 && is_foreign(symbol);
    if !foreign && !context.thread_local {
        return Err(malformed("it refers to thread-local storage, and there is none"));
    }
    // Symbols of a section, or none at all, stand for the start of the object's own storage.
    if index != 0 && ![elf::STT_TLS, elf::STT_SECTION].contains(&symbol.st_type()) {
        return Err(malformed("it refers to thread-local storage by a symbol of another kind"));
    }
    // The system's libraries share none; of a symbol that is no such storage glibc would take the alignment all the same.
    if foreign && !context.shared_thread_local {
        return Err(malformed("it refers to thread-local storage of the system's libraries, which share none"));
    }
    Ok(())
}
