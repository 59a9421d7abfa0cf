//! Whether a shared object is one that the dynamic linker can take without reading or writing outside it.
//!
//! glibc's `dlopen` trusts what it maps: it follows the addresses, offsets, indices and counts of the dynamic section without a
//! look, and asserts where it does look. So all that it will follow is followed here first, over the very bytes that it will map.
//! What each module checks is said there, with what in glibc makes it necessary (`dl-load.c`, `dl-reloc.c`, `do-rel.h`,
//! `dl-version.c`, `dl-lookup.c` in <https://sourceware.org/git/?p=glibc.git;a=tree;f=elf>). The work is linear in the file's size.
//!
//! What cannot be checked: machine code, and data that only machine code follows. Initialisers run inside `dlopen`, and they do what
//! they do; the digest says whose they are.

mod arrays;
mod dynamic;
mod hash;
mod header;
mod image;
mod notes;
mod programs;
mod relocations;
mod strings;
mod symbols;
mod versions;

use std::ops::Range;

use object::{LittleEndian, elf};

pub use versions::NeededVersion;

use super::dependencies::is_system;
use crate::machine::Architecture;
use crate::refusal::{Code, Refusal};

/// Both architectures of Lambda are little-endian.
type Le = LittleEndian;
const LE: Le = LittleEndian;

/// What a shared object says of itself, after all of it was found to lie inside the file.
#[derive(Clone, Debug)]
pub struct Facts {
    /// For which machine it is.
    pub architecture: Architecture,
    /// `DT_SONAME`
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// The symbol versions that it needs of those.
    pub versions: Vec<NeededVersion>,
    /// The GNU build id, in hexadecimal.
    pub build_id: Option<String>,
    /// Entries of the dynamic symbol table.
    pub symbols: usize,
    /// Relocations of all kinds; one of `DT_RELR` counts for each address.
    pub relocations: usize,
    /// Where the dynamic linker will enter the object's code when it is loaded and when the process ends: initialisers,
    /// finalisers, resolvers of indirect functions. Ascending.
    pub entered: Vec<u64>,
    /// Bytes of thread-local storage.
    pub thread_local: u64,
    /// The notes with the plugin ABI's owner name: type and descriptor.
    pub abi_notes: Vec<(u32, Vec<u8>)>,
    /// What is well-formed and yet never loaded: search paths, executable stacks. The first is the refusal.
    pub findings: Vec<Refusal>,
}

/// For which architecture a shared object is, by its header alone.
///
/// # Errors
/// `elf-foreign`, `elf-malformed`.
pub fn architecture(bytes: &[u8]) -> Result<Architecture, Refusal> {
    header::architecture(bytes)
}

/// Checks all that the dynamic linker would follow.
///
/// # Errors
/// `elf-foreign`, `elf-malformed`; `elf-executable-memory` for text relocations. What is well-formed but forbidden is in
/// [`Facts::findings`], so that `inspect` can show it.
pub fn facts(bytes: &[u8]) -> Result<Facts, Refusal> {
    let header = header::read(bytes)?;
    let mut findings = Vec::new();
    let image = image::Image::new(bytes, header.programs, &mut findings)?;
    let programs = programs::read(&image, &header, &mut findings)?;
    let dynamic = dynamic::read(programs.dynamic, &mut findings)?;
    let strings = strings::Strings::new(&image, &dynamic)?;
    let soname = dynamic.get(elf::DT_SONAME).map(|offset| strings.text(offset, "DT_SONAME")).transpose()?;
    let needed = dynamic.needed.iter().map(|offset| strings.text(*offset, "DT_NEEDED")).collect::<Result<Vec<_>, _>>()?;
    let tables = relocations::Tables::new(&image, &dynamic)?;
    let hashed = hash::read(&image, &dynamic)?;
    let symbols = symbols::Symbols::new(&image, &dynamic, hashed.count.max(tables.symbols()))?;
    symbols.check(&image, &strings, programs.thread_local)?;
    let mut versions = versions::read(&image, &dynamic, &strings, &needed)?;
    versions.check_symbols(&image, &dynamic, &symbols, &strings)?;
    dynamic::check_addresses(&image, &dynamic)?;
    let mut arrays = arrays::Arrays::new(&image, &dynamic)?;

    let mut protected = vec![programs.dynamic_range, programs.headers_range, strings.range(), symbols.range()];
    for ranges in [&hashed.ranges, &versions.ranges, &tables.ranges] {
        protected.extend_from_slice(ranges);
    }
    let protected = writable_apart(&image, protected)?;
    let context = relocations::Context {
        image: &image,
        architecture: header.architecture,
        symbols: &symbols,
        thread_local: programs.thread_local.is_some(),
        shared_thread_local: needed.iter().any(|library| !is_system(library)),
        protected: &protected,
    };
    let mut entered = symbols.resolvers();
    entered.extend([elf::DT_INIT, elf::DT_FINI].iter().filter_map(|tag| dynamic.get(*tag)));
    let relocations = tables.check(&context, &mut arrays, &mut entered)?;
    arrays.check_filled()?;
    entered.extend_from_slice(arrays.entered());
    entered.sort_unstable();
    entered.dedup();

    Ok(Facts {
        architecture: header.architecture,
        soname: soname.map(str::to_owned),
        needed: needed.into_iter().map(str::to_owned).collect(),
        versions: versions.needed,
        build_id: programs.build_id,
        symbols: symbols.len(),
        relocations,
        entered,
        thread_local: programs.thread_local.unwrap_or(0),
        abi_notes: programs.abi_notes,
        findings,
    })
}

/// The tables that can be written when they are mapped; relocations must leave those alone, and the linker, which writes into the
/// dynamic section, must not change another table by that.
fn writable_apart(image: &image::Image<'_>, mut tables: Vec<Range<u64>>) -> Result<Vec<Range<u64>>, Refusal> {
    tables.retain(|table| !table.is_empty() && image.writable(table.start, 1));
    tables.sort_unstable_by_key(|table| table.start);
    match tables.windows(2).any(|pair| matches!(pair, [one, other] if other.start < one.end)) {
        true => Err(malformed("two of the linker's tables overlap")),
        false => Ok(tables),
    }
}

fn malformed(what: impl Into<String>) -> Refusal {
    Refusal::new(Code::ElfMalformed, "", what).hint("build it again, or copy it whole: it is cut off or damaged")
}

fn foreign(what: impl Into<String>) -> Refusal {
    Refusal::new(Code::ElfForeign, "", what).hint("build a shared object for this machine: a plugin's crate type is cdylib")
}
