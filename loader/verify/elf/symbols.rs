//! The dynamic symbols.

use std::ops::Range;

use object::elf::{self, Sym64};

use super::dynamic::Dynamic;
use super::image::Image;
use super::strings::Strings;
use super::{LE, Le, malformed};
use crate::refusal::Refusal;

/// All symbols that a hash table or a relocation reaches.
pub(super) struct Symbols<'a> {
    table: &'a [Sym64<Le>],
    address: u64,
}

impl<'a> Symbols<'a> {
    /// `count`: as many as are reached. The format does not say how many there are.
    pub(super) fn new(image: &Image<'a>, dynamic: &Dynamic, count: usize) -> Result<Self, Refusal> {
        let [address, entry] = dynamic.required([elf::DT_SYMTAB, elf::DT_SYMENT], "symbol table")?;
        if entry != size_of::<Sym64<Le>>() as u64 {
            return Err(malformed("the dynamic section gives a wrong size of symbols"));
        }
        // Symbol 0 is always there.
        let size = (count.max(1) as u64).saturating_mul(entry);
        let table = image.table(address, size).ok_or_else(|| malformed("the symbol table lies outside the file"))?;
        Ok(Symbols { table, address })
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Sym64<Le>> {
        self.table.get(usize::try_from(index).ok()?)
    }

    /// Functions that say where an indirect function is.
    pub(super) fn resolvers(&self) -> Vec<u64> {
        let resolvers = self.table.iter().filter(|symbol| symbol.st_type() == elf::STT_GNU_IFUNC && !is_undefined(symbol));
        resolvers.map(|symbol| symbol.st_value.get(LE)).collect()
    }

    pub(super) fn range(&self) -> Range<u64> {
        self.address..self.address + size_of_val(self.table) as u64
    }

    /// Every name in the string table, every value in the object.
    pub(super) fn check(&self, image: &Image<'_>, strings: &Strings<'_>, thread_local: Option<u64>) -> Result<(), Refusal> {
        let span = image.span();
        for (index, symbol) in self.table.iter().enumerate() {
            let refuse = |what: &str| Err(malformed(format!("symbol {index} {what}")));
            let (value, kind) = (symbol.st_value.get(LE), symbol.st_type());
            if !strings.has(symbol.st_name.get(LE).into()) {
                return refuse("has its name outside the string table");
            }
            if index == 0 && (symbol.st_info.0 != 0 || symbol.st_shndx.get(LE) != elf::SHN_UNDEF) {
                return refuse("is not the undefined one");
            }
            let fits = match kind {
                _ if is_undefined(symbol) => continue,
                // An address in no object, and yet one that is called.
                elf::STT_GNU_IFUNC if is_absolute(symbol) => false,
                _ if is_absolute(symbol) => continue,
                elf::STT_TLS => thread_local.is_some_and(|size| value <= size),
                // Called while the object is relocated.
                elf::STT_GNU_IFUNC => image.code(value),
                elf::STT_FUNC => image.code_or_its_end(value),
                // Marks such as `_end` stand behind the last byte.
                _ => (span.start..=span.end).contains(&value),
            };
            if !fits {
                return refuse("lies outside the object");
            }
        }
        Ok(())
    }
}

/// Whether the object itself has no such symbol.
fn is_undefined(symbol: &Sym64<Le>) -> bool {
    symbol.st_shndx.get(LE) == elf::SHN_UNDEF
}

/// Whether its value is an address of no object.
pub(super) fn is_absolute(symbol: &Sym64<Le>) -> bool {
    symbol.st_shndx.get(LE) == elf::SHN_ABS
}

/// Whether a relocation gets another object's symbol. A local or hidden one that is not there glibc takes for the object's own, and a
/// protected one too (`RESOLVE_MAP` in `elf/dl-reloc.c`, `_dl_lookup_symbol_x`).
pub(super) fn is_foreign(symbol: &Sym64<Le>) -> bool {
    is_undefined(symbol) && symbol.st_bind() != elf::STB_LOCAL && symbol.st_visibility() == elf::STV_DEFAULT
}
