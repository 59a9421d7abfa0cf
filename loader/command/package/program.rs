//! The `bootstrap` that is packed: for which architecture it is, and that it starts on the system that it goes to.

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;
use std::path::{Path, PathBuf};

use crate::verify::elf::{self, NeededVersion};
use crate::verify::{GlibcVersion, Rules, dependencies};
use crate::{Architecture, Code, Refusal};

/// The most bytes that are read of it: as many as Lambda takes, and more than that is told.
const LARGEST: u64 = super::limits::UNZIPPED;

/// A `bootstrap` that was read.
pub(super) struct Program {
    pub(super) bytes: Vec<u8>,
    pub(super) architecture: Architecture,
}

/// Reads the one that is given, else the one called `name` beside this program.
pub(super) fn read(given: Option<&PathBuf>, name: &str, glibc: GlibcVersion) -> Result<Program, Refusal> {
    let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(name)));
    let path = given.cloned().or_else(beside).unwrap_or_else(|| name.into());
    let bytes = bytes(&path, name)?;
    let place = path.display().to_string();
    let architecture = elf::architecture(&bytes).map_err(|refusal| {
        refusal.at(&*place).hint("name the program that cargo build --release --bin bootstrap --no-default-features makes")
    })?;
    let versions = versions(&bytes).map_err(|error| {
        Refusal::new(Code::ElfMalformed, &*place, error.to_string().to_lowercase()).hint("build bootstrap again")
    })?;
    dependencies::check_versions(&versions, &Rules::here(&[], &[]).with_glibc(glibc)).map_err(|refusal| refusal.at(&*place))?;
    Ok(Program { bytes, architecture })
}

fn bytes(path: &Path, name: &str) -> Result<Vec<u8>, Refusal> {
    let place = || path.display().to_string();
    if !path.is_file() {
        return Err(Refusal::new(Code::Usage, place(), format!("there is no {name} to pack"))
            .hint(format!("build it beside this program with cargo build --release --bin {name}, or give --bootstrap FILE")));
    }
    let unreadable = |error: std::io::Error| {
        Refusal::new(Code::Usage, place(), error.to_string().to_lowercase()).hint("let this user read it")
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(super::limits::too_large(place(), size));
    }
    std::fs::read(path).map_err(unreadable)
}

/// The versions that a program needs. It is whoever packs it who vouches for it: this finds a wrong build, not an attack.
fn versions(bytes: &[u8]) -> object::read::Result<Vec<NeededVersion>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut versions = Vec::new();
    let Some((mut libraries, strings)) = sections.gnu_verneed(endian, bytes)? else { return Ok(versions) };
    let strings = sections.strings(endian, bytes, strings)?;
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    while let Some((library, mut needed)) = libraries.next()? {
        let library = text(library.file(endian, strings)?);
        while let Some(version) = needed.next()? {
            let weak = version.vna_flags.get(endian).0 & object::elf::VER_FLG_WEAK.0 != 0;
            let version = text(version.name(endian, strings)?);
            versions.push(NeededVersion { library: library.clone(), version, symbol: None, weak });
        }
    }
    Ok(versions)
}
