//! The dynamic section: only entries that are known, each once.

use std::collections::BTreeMap;

use object::elf::{self, Dyn64, DynamicTag};
use object::pod;

use super::image::Image;
use super::{LE, Le, foreign, malformed};
use crate::refusal::{Code, Refusal};

/// The entries of a dynamic section.
pub(super) struct Dynamic {
    entries: BTreeMap<DynamicTag, u64>,
    /// Offsets of names.
    pub(super) needed: Vec<u64>,
}

impl Dynamic {
    pub(super) fn get(&self, tag: DynamicTag) -> Option<u64> {
        self.entries.get(&tag).copied()
    }

    /// Entries that only mean something together: all of them, or none.
    pub(super) fn together<const N: usize>(&self, tags: [DynamicTag; N], what: &str) -> Result<Option<[u64; N]>, Refusal> {
        let found = tags.map(|tag| self.get(tag));
        if found.iter().all(Option::is_none) {
            return Ok(None);
        }
        // glibc follows the missing one through a null pointer.
        let incomplete = || malformed(format!("the dynamic section describes {what} only in part"));
        if found.iter().any(Option::is_none) { Err(incomplete()) } else { Ok(Some(found.map(Option::unwrap_or_default))) }
    }

    /// The same, where the first must be there.
    pub(super) fn required<const N: usize>(&self, tags: [DynamicTag; N], what: &str) -> Result<[u64; N], Refusal> {
        self.together(tags, what)?.ok_or_else(|| malformed(format!("the dynamic section has no {what}")))
    }
}

/// What a tag is to this loader.
enum Meaning {
    /// Read here.
    Known,
    /// Of no consequence.
    Ignored,
    /// Would make the linker load or search what nothing has verified.
    Forbidden(&'static str),
}

fn meaning(tag: DynamicTag) -> Meaning {
    match tag {
        elf::DT_STRTAB
        | elf::DT_STRSZ
        | elf::DT_SYMTAB
        | elf::DT_SYMENT
        | elf::DT_HASH
        | elf::DT_GNU_HASH
        | elf::DT_SONAME
        | elf::DT_RELA
        | elf::DT_RELASZ
        | elf::DT_RELAENT
        | elf::DT_RELACOUNT
        | elf::DT_RELR
        | elf::DT_RELRSZ
        | elf::DT_RELRENT
        | elf::DT_JMPREL
        | elf::DT_PLTREL
        | elf::DT_PLTRELSZ
        | elf::DT_PLTGOT
        | elf::DT_INIT
        | elf::DT_FINI
        | elf::DT_INIT_ARRAY
        | elf::DT_INIT_ARRAYSZ
        | elf::DT_FINI_ARRAY
        | elf::DT_FINI_ARRAYSZ
        | elf::DT_VERSYM
        | elf::DT_VERDEF
        | elf::DT_VERDEFNUM
        | elf::DT_VERNEED
        | elf::DT_VERNEEDNUM
        | elf::DT_FLAGS
        | elf::DT_FLAGS_1
        | elf::DT_TEXTREL
        | elf::DT_TLSDESC_PLT
        | elf::DT_TLSDESC_GOT => Meaning::Known,
        // Of AArch64: protected entry points of the procedure linkage table, which full binding at load does not use.
        DynamicTag(0x7000_0001 | 0x7000_0003 | 0x7000_0005) => Meaning::Ignored,
        elf::DT_SYMBOLIC | elf::DT_BIND_NOW | elf::DT_DEBUG => Meaning::Ignored,
        elf::DT_RPATH => Meaning::Forbidden("DT_RPATH"),
        elf::DT_RUNPATH => Meaning::Forbidden("DT_RUNPATH"),
        elf::DT_AUXILIARY => Meaning::Forbidden("DT_AUXILIARY"),
        elf::DT_FILTER => Meaning::Forbidden("DT_FILTER"),
        elf::DT_AUDIT => Meaning::Forbidden("DT_AUDIT"),
        elf::DT_DEPAUDIT => Meaning::Forbidden("DT_DEPAUDIT"),
        // glibc compares some tags by their lower 32 bits, so that DT_FILTER has many spellings: hence a list of what is allowed.
        _ => Meaning::Forbidden(""),
    }
}

/// `DT_FLAGS_1` that change nothing, or only what this loader wants anyway: binding at load, never unloaded.
const HARMLESS_FLAGS_1: u64 =
    elf::DF_1_NOW.0 | elf::DF_1_NODELETE.0 | elf::DF_1_ORIGIN.0 | elf::DF_1_NODEFLIB.0 | elf::DF_1_NODUMP.0;
const HARMLESS_FLAGS: u64 = elf::DF_ORIGIN.0 | elf::DF_SYMBOLIC.0 | elf::DF_BIND_NOW.0 | elf::DF_STATIC_TLS.0 | elf::DF_TEXTREL.0;

/// The most libraries that an object may need: what is done for each must stay little, whatever the file says.
const MOST_NEEDED: usize = 256;

/// The most findings that are kept.
const MOST_FINDINGS: usize = 64;

/// Reads a dynamic section up to its end mark, which must be there.
pub(super) fn read(section: &[u8], findings: &mut Vec<Refusal>) -> Result<Dynamic, Refusal> {
    let Ok(entries) = pod::slice_from_all_bytes::<Dyn64<Le>>(section) else {
        return Err(malformed("the dynamic section is not a whole number of entries"));
    };
    let mut dynamic = Dynamic { entries: BTreeMap::new(), needed: Vec::new() };
    let mut ended = false;
    for entry in entries {
        let (tag, value) = (entry.d_tag.get(LE), entry.d_val.get(LE));
        match (tag, meaning(tag)) {
            (elf::DT_NULL, _) => {
                ended = true;
                break;
            }
            (elf::DT_NEEDED, _) if dynamic.needed.len() < MOST_NEEDED => dynamic.needed.push(value),
            (elf::DT_NEEDED, _) => return Err(malformed(format!("it needs more than {MOST_NEEDED} libraries"))),
            (_, Meaning::Known | Meaning::Ignored) => {
                // glibc takes the last, other tools the first.
                if dynamic.entries.insert(tag, value).is_some() {
                    return Err(malformed(format!("the dynamic section has entry {:#x} twice", tag.0)));
                }
            }
            // The first few say enough.
            (_, Meaning::Forbidden(name)) if findings.len() < MOST_FINDINGS => findings.push(forbidden(name, tag)),
            (_, Meaning::Forbidden(_)) => {}
        }
    }
    if !ended {
        return Err(malformed("the dynamic section has no end"));
    }
    check_flags(&dynamic, findings)?;
    Ok(dynamic)
}

fn forbidden(name: &str, tag: DynamicTag) -> Refusal {
    let (what, hint) = match name {
        "" => (
            format!("it has dynamic entry {:#x}, which this loader does not know", tag.0),
            "link it for Linux, without that entry",
        ),
        "DT_RPATH" | "DT_RUNPATH" => {
            (format!("it has {name}, a search path of its own"), "link without -rpath; list the library in `libraries`")
        }
        _ => (format!("it has {name}, which loads a library that nothing verifies"), "link without it"),
    };
    Refusal::new(Code::ElfForbiddenEntry, "", what).hint(hint)
}

fn check_flags(dynamic: &Dynamic, findings: &mut Vec<Refusal>) -> Result<(), Refusal> {
    let flags = dynamic.get(elf::DT_FLAGS).unwrap_or(0);
    let flags_1 = dynamic.get(elf::DT_FLAGS_1).unwrap_or(0);
    if flags_1 & elf::DF_1_PIE.0 != 0 {
        return Err(foreign("it is a program"));
    }
    if dynamic.get(elf::DT_TEXTREL).is_some() || flags & elf::DF_TEXTREL.0 != 0 {
        // No finding among others: its relocations go to its code, so they cannot be followed like those of other objects.
        return Err(Refusal::new(
            Code::ElfExecutableMemory,
            "",
            "it has text relocations: its code would be writable while it is loaded",
        )
        .hint("compile everything in it with -fPIC"));
    }
    for (name, extra) in [("DT_FLAGS", flags & !HARMLESS_FLAGS), ("DT_FLAGS_1", flags_1 & !HARMLESS_FLAGS_1)] {
        if extra != 0 {
            let what = format!("it has {name} {extra:#x}, which reaches beyond the object");
            findings.push(
                Refusal::new(Code::ElfForbiddenEntry, "", what).hint("link without -z options other than now and nodelete"),
            );
        }
    }
    Ok(())
}

/// Addresses that glibc calls or writes to without looking.
pub(super) fn check_addresses(image: &Image<'_>, dynamic: &Dynamic) -> Result<(), Refusal> {
    for (name, tag) in [("DT_INIT", elf::DT_INIT), ("DT_FINI", elf::DT_FINI), ("DT_TLSDESC_PLT", elf::DT_TLSDESC_PLT)] {
        if dynamic.get(tag).is_some_and(|address| !image.code(address)) {
            return Err(malformed(format!("{name} is not in the object's code")));
        }
    }
    // The linker keeps two words of its own there.
    for (name, tag, size) in [("DT_PLTGOT", elf::DT_PLTGOT, 24), ("DT_TLSDESC_GOT", elf::DT_TLSDESC_GOT, 8)] {
        if dynamic.get(tag).is_some_and(|address| !image.writable(address, size)) {
            return Err(malformed(format!("{name} is not in the object's data")));
        }
    }
    Ok(())
}
