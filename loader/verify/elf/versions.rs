//! Symbol versions: which are needed of which library, and which symbol has which.

use std::ops::Range;

use object::elf::{self, Verdaux, Verdef, Vernaux, Verneed, Versym};
use object::pod;

use super::dynamic::Dynamic;
use super::image::Image;
use super::strings::Strings;
use super::symbols::Symbols;
use super::{LE, Le, malformed};
use crate::refusal::Refusal;

/// A symbol version that the object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededVersion {
    /// The library, as in `DT_NEEDED`.
    pub library: String,
    /// `GLIBC_2.34`
    pub version: String,
    /// The first symbol that needs it.
    pub symbol: Option<String>,
    /// A missing one is only reported (`VER_FLG_WEAK`).
    pub weak: bool,
}

/// Both version tables, read.
pub(super) struct Versions {
    pub(super) needed: Vec<NeededVersion>,
    /// By version index: an index into `needed`.
    by_index: Vec<Option<usize>>,
    /// The highest version index: glibc allocates so many entries and indexes them by what a symbol says.
    highest: Option<u16>,
    pub(super) ranges: Vec<Range<u64>>,
}

/// Reads what is needed and what is defined.
pub(super) fn read(image: &Image<'_>, dynamic: &Dynamic, strings: &Strings<'_>, libraries: &[&str]) -> Result<Versions, Refusal> {
    let mut versions = Versions { needed: Vec::new(), by_index: Vec::new(), highest: None, ranges: Vec::new() };
    if let Some([address, count]) = dynamic.together([elf::DT_VERNEED, elf::DT_VERNEEDNUM], "needed versions")? {
        let bytes = image.rest(address).ok_or_else(|| damaged("needed"))?;
        let used = read_needed(bytes, count, strings, libraries, &mut versions)?;
        versions.ranges.push(address..address + used as u64);
    }
    if let Some([address, count]) = dynamic.together([elf::DT_VERDEF, elf::DT_VERDEFNUM], "defined versions")? {
        let bytes = image.rest(address).ok_or_else(|| damaged("defined"))?;
        let used = read_defined(bytes, count, strings, &mut versions)?;
        versions.ranges.push(address..address + used as u64);
    }
    Ok(versions)
}

fn damaged(which: &str) -> Refusal {
    malformed(format!("the table of {which} versions is damaged"))
}

/// A record that lies `step` behind another. Only ever forwards, and never within the last: so no list loops.
fn ahead<T: pod::Pod>(bytes: &[u8], at: usize, step: u32, least: usize) -> Option<(usize, &T)> {
    let step = usize::try_from(step).ok().filter(|step| *step >= least)?;
    at_offset(bytes, at.checked_add(step)?)
}

fn at_offset<T: pod::Pod>(bytes: &[u8], at: usize) -> Option<(usize, &T)> {
    Some((at, pod::from_bytes(bytes.get(at..)?).ok()?.0))
}

/// Bytes used. glibc follows the links and never looks at the counts, other tools do the reverse: they must agree.
fn read_needed(
    bytes: &[u8],
    count: u64,
    strings: &Strings<'_>,
    libraries: &[&str],
    versions: &mut Versions,
) -> Result<usize, Refusal> {
    let broken = || damaged("needed");
    let mut used = 0;
    let mut next = Some(at_offset::<Verneed<Le>>(bytes, 0).ok_or_else(broken)?);
    let mut seen = 0;
    while let Some((at, need)) = next {
        seen += 1;
        // Whatever the count says, glibc reads one entry and follows its links.
        if need.vn_version.get(LE) != elf::VER_NEED_CURRENT || seen > count || need.vn_cnt.get(LE) == 0 {
            return Err(broken());
        }
        let library = strings.text(need.vn_file.get(LE).into(), "a library with versions")?;
        // glibc asserts that it has loaded it.
        if !libraries.contains(&library) {
            return Err(malformed(format!("it needs versions of {library}, which is not in DT_NEEDED")));
        }
        let mut found = ahead::<Vernaux<Le>>(bytes, at, need.vn_aux.get(LE), size_of::<Verneed<Le>>());
        for left in (0..need.vn_cnt.get(LE)).rev() {
            let (at, entry) = found.ok_or_else(broken)?;
            used = used.max(at + size_of::<Vernaux<Le>>());
            let version = strings.text(entry.vna_name.get(LE).into(), "a needed version")?;
            versions.note(entry.vna_other.get(LE).0, Some(versions.needed.len())).ok_or_else(broken)?;
            versions.needed.push(NeededVersion {
                library: library.to_owned(),
                version: version.to_owned(),
                symbol: None,
                weak: entry.vna_flags.get(LE).contains(elf::VER_FLG_WEAK),
            });
            found = match (left, entry.vna_next.get(LE)) {
                (0, 0) => None,
                (0, _) => return Err(broken()),
                (_, step) => ahead(bytes, at, step, size_of::<Vernaux<Le>>()),
            };
        }
        next = match need.vn_next.get(LE) {
            0 => None,
            step => Some(ahead(bytes, at, step, size_of::<Verneed<Le>>()).ok_or_else(broken)?),
        };
        used = used.max(at + size_of::<Verneed<Le>>());
    }
    if seen == count { Ok(used) } else { Err(broken()) }
}

fn read_defined(bytes: &[u8], count: u64, strings: &Strings<'_>, versions: &mut Versions) -> Result<usize, Refusal> {
    let broken = || damaged("defined");
    let mut used = 0;
    // Each name has its own place: definitions that share a list would have it read once for each of them.
    let mut room = bytes.len() / size_of::<Verdaux<Le>>();
    let mut next = Some(at_offset::<Verdef<Le>>(bytes, 0).ok_or_else(broken)?);
    let mut seen = 0;
    while let Some((at, definition)) = next {
        seen += 1;
        if definition.vd_version.get(LE) != elf::VER_DEF_CURRENT || seen > count || definition.vd_cnt.get(LE) == 0 {
            return Err(broken());
        }
        versions.note(definition.vd_ndx.get(LE).0, None).ok_or_else(broken)?;
        let mut found = ahead::<Verdaux<Le>>(bytes, at, definition.vd_aux.get(LE), size_of::<Verdef<Le>>());
        for left in (0..definition.vd_cnt.get(LE)).rev() {
            let (at, entry) = found.ok_or_else(broken)?;
            room = room.checked_sub(1).ok_or_else(broken)?;
            used = used.max(at + size_of::<Verdaux<Le>>());
            if !strings.has(entry.vda_name.get(LE).into()) {
                return Err(broken());
            }
            found = match (left, entry.vda_next.get(LE)) {
                (0, 0) => None,
                (0, _) => return Err(broken()),
                (_, step) => ahead(bytes, at, step, size_of::<Verdaux<Le>>()),
            };
        }
        next = match definition.vd_next.get(LE) {
            0 => None,
            step => Some(ahead(bytes, at, step, size_of::<Verdef<Le>>()).ok_or_else(broken)?),
        };
        used = used.max(at + size_of::<Verdef<Le>>());
    }
    if seen == count { Ok(used) } else { Err(broken()) }
}

impl Versions {
    /// Takes down a version index. Each belongs to one version; that also bounds lists that share records.
    fn note(&mut self, index: u16, needed: Option<usize>) -> Option<()> {
        let index = index & elf::VERSYM_VERSION;
        let slot = usize::from(index);
        if self.by_index.len() <= slot {
            self.by_index.resize(slot + 1, None);
        }
        // Index 1 is the object itself, which only a definition may have; definitions have no entry in `needed`.
        let place = self.by_index.get_mut(slot)?;
        if index == 0 || place.is_some() || (needed.is_some() && index == 1) {
            return None;
        }
        *place = Some(needed.unwrap_or(usize::MAX));
        self.highest = self.highest.max(Some(index));
        Some(())
    }

    /// Checks the version of every symbol, and takes down the first that needs each.
    pub(super) fn check_symbols(
        &mut self,
        image: &Image<'_>,
        dynamic: &Dynamic,
        symbols: &Symbols<'_>,
        strings: &Strings<'_>,
    ) -> Result<(), Refusal> {
        // glibc follows the one through a null pointer where there is only the other.
        let (address, highest) = match (dynamic.get(elf::DT_VERSYM), self.highest) {
            (Some(address), Some(highest)) => (address, highest),
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(malformed("its symbols have versions, and it has no table of them")),
            (None, Some(_)) => return Err(malformed("it has a table of versions, and its symbols have none")),
        };
        let size = symbols.len() as u64 * 2;
        let table: &[Versym<Le>] =
            image.table(address, size).ok_or_else(|| malformed("the versions of its symbols lie outside the file"))?;
        self.ranges.push(address..address + size);
        for (index, version) in (0..).zip(table) {
            let version = version.0.get(LE).index().0;
            if version > highest {
                return Err(malformed(format!("symbol {index} has version {version}, which does not exist")));
            }
            let needed = self.by_index.get(usize::from(version)).copied().flatten();
            let Some(needed) = needed.and_then(|at| self.needed.get_mut(at)).filter(|needed| needed.symbol.is_none()) else {
                continue;
            };
            if let Some(symbol) = symbols.get(index) {
                needed.symbol = strings.text(symbol.st_name.get(LE).into(), "a symbol").ok().map(str::to_owned);
            }
        }
        Ok(())
    }
}
