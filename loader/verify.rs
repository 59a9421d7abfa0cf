//! A plan's files to [`Verified`] ones: opened beneath a root, sealed, digest matched, ELF checked, note read. Nothing of a file
//! executes here, and nothing is kept between calls: several artifacts may be verified on several threads.

pub mod closure;
pub mod dependencies;
pub mod elf;
pub mod glibc;
pub mod mount;
pub mod note;
pub mod open;
pub mod process;
pub mod seal;
pub mod trust;

mod map;

use std::os::fd::OwnedFd;
use std::path::Path;

pub use elf::Facts;
pub use glibc::GlibcVersion;
pub use mount::Mount;
pub use note::Note;
pub use open::Lookup;
pub use seal::{Content, Mechanism};

use crate::digest::Digest;
use crate::machine::Architecture;
use crate::policy::{Artifact, Source};
use crate::refusal::{Code, Refusal};

/// What an artifact is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It carries an ABI note and is called.
    Plugin,
    /// It carries its soname and is loaded before what needs it.
    Library,
}

/// What all artifacts of a plan are held to.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The keys of the manifest's `libraries`.
    pub libraries: &'a [&'a str],
    /// The generations of the ABI that this loader speaks.
    pub spoken: &'a [u32],
    /// The glibc that must suffice; `None`: any.
    pub glibc: Option<GlibcVersion>,
    /// The major version of gcc whose libgcc must suffice; `None`: the dynamic linker is to judge.
    pub gcc: Option<u32>,
    /// The architecture to run on.
    pub architecture: Architecture,
    /// Whether an artifact without a digest is taken, as `inspect` and `lock` must.
    pub digest_optional: bool,
}

impl<'a> Rules<'a> {
    /// The rules of this process: digests are required, this glibc and this architecture must do.
    #[must_use]
    pub fn here(libraries: &'a [&'a str], spoken: &'a [u32]) -> Self {
        let glibc = GlibcVersion::running();
        Rules { libraries, spoken, glibc, gcc: None, architecture: Architecture::HERE, digest_optional: false }
    }

    /// The same for a system with another glibc, and the libgcc of its time.
    #[must_use]
    pub fn with_glibc(self, glibc: GlibcVersion) -> Self {
        Rules { glibc: Some(glibc), gcc: Some(glibc.gcc()), ..self }
    }
}

/// A file of which everything was checked before anything of it runs.
#[derive(Debug)]
pub struct Verified {
    /// Plugin name, or a library's soname.
    pub name: String,
    /// `plugin "orders"`, for messages.
    pub place: String,
    /// Of exactly the bytes behind `descriptor`.
    pub digest: Digest,
    /// What is mapped later, as `/proc/self/fd/N`. It must stay open as long as the process lives: glibc knows a library by that
    /// name, and the next file with the same number would be taken for this one.
    pub descriptor: OwnedFd,
    /// What keeps the bytes as they were checked.
    pub mechanism: Mechanism,
    /// Where the file lay.
    pub mount: Mount,
    /// How its path was resolved; `None`: it has none, it was fetched.
    pub lookup: Option<Lookup>,
    /// In bytes.
    pub size: u64,
    /// What the object says of itself.
    pub facts: Facts,
    /// A plugin's ABI note; `None` for a library.
    pub note: Option<Note>,
}

/// The bytes of a file, taken and hashed, with nothing looked at yet.
#[derive(Debug)]
pub struct Taken {
    /// The bytes and the descriptor behind them.
    pub content: Content,
    /// Where the file lies.
    pub mount: Mount,
    /// How its path was resolved; `None`: it has none, it was fetched.
    pub lookup: Option<Lookup>,
}

/// Takes the bytes of an artifact that is a file, and hashes them; what `lock` needs, and the first half of [`artifact`].
///
/// # Errors
/// What [`open::beneath`] and [`seal::take`] refuse; the place is the artifact's.
pub fn take(artifact: &Artifact) -> Result<Taken, Refusal> {
    let at = |refusal: Refusal| refusal.at(&artifact.place);
    match &artifact.source {
        Source::File { root, path } => {
            let opened = open::beneath(root, path).map_err(at)?;
            let (mount, lookup) = (opened.mount, Some(opened.lookup));
            Ok(Taken { content: seal::take(opened).map_err(at)?, mount, lookup })
        }
        Source::S3 { uri } => {
            Err(Refusal::new(Code::Internal, &artifact.place, format!("{uri} is no file: it has to be fetched first")))
        }
    }
}

/// Takes and hashes the file at any path, for people who look at one file.
///
/// # Errors
/// As [`take`]; the place is the path.
pub fn take_file(path: &Path) -> Result<Taken, Refusal> {
    let place = path.display().to_string();
    let real = path.canonicalize().map_err(|error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { Code::ArtifactMissing } else { Code::ArtifactUnreadable };
        Refusal::new(code, &*place, error.to_string().to_lowercase()).hint("correct the path")
    })?;
    let (Some(root), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(Refusal::new(Code::ArtifactNotRegular, place, "not a regular file").hint("name a shared object"));
    };
    let opened = open::beneath(root, Path::new(name)).map_err(|refusal| refusal.at(&*place))?;
    let (mount, lookup) = (opened.mount, Some(opened.lookup));
    Ok(Taken { content: seal::take(opened).map_err(|refusal| refusal.at(&*place))?, mount, lookup })
}

/// What can be said of an artifact without a look at its file: that the manifest names its digest.
///
/// # Errors
/// `digest-missing`; the place is the artifact's.
pub fn expected(artifact: &Artifact, rules: &Rules<'_>) -> Result<(), Refusal> {
    if artifact.digest.is_none() && !rules.digest_optional {
        return Err(Refusal::new(Code::DigestMissing, &artifact.place, format!("it has no sha256 for {}", rules.architecture))
            .hint("run lambda-loader lock"));
    }
    Ok(())
}

/// Verifies one artifact that is a file, in the order of the design: path, digest, ELF, ABI note. What lies in S3 is fetched first, and
/// goes to [`taken`].
///
/// # Errors
/// The first thing that is wrong; the place is the artifact's.
pub fn artifact(artifact: &Artifact, kind: Kind, rules: &Rules<'_>) -> Result<Verified, Refusal> {
    expected(artifact, rules)?;
    taken(artifact, kind, rules, take(artifact)?)
}

/// Verifies one artifact by bytes that were taken already: digest, ELF, ABI note.
///
/// # Errors
/// The first thing that is wrong; the place is the artifact's.
pub fn taken(artifact: &Artifact, kind: Kind, rules: &Rules<'_>, taken: Taken) -> Result<Verified, Refusal> {
    // Whoever has taken them may not have asked.
    expected(artifact, rules)?;
    let Taken { content, mount, lookup } = taken;
    let digest = content.digest;
    if let Some(wanted) = artifact.digest.filter(|wanted| *wanted != digest) {
        let what = format!("the file's SHA-256 is {digest}, and the manifest's is {wanted}");
        return Err(Refusal::new(Code::DigestMismatch, &artifact.place, what)
            .hint("ship the file that was locked, or run lambda-loader lock if this one is meant"));
    }
    let (facts, note) = object(content.bytes(), &artifact.name, kind, rules).map_err(|refusal| refusal.at(&artifact.place))?;
    Ok(Verified {
        name: artifact.name.clone(),
        place: artifact.place.clone(),
        digest,
        mechanism: content.mechanism,
        mount,
        lookup,
        size: content.bytes().len() as u64,
        facts,
        note,
        descriptor: content.into_descriptor(),
    })
}

/// Checks the bytes of a shared object that is to become `name`.
///
/// # Errors
/// `elf-…`, `needed-library-not-allowed`, `glibc-version-missing`, `abi-…`, `library-is-plugin`; without a place.
pub fn object(bytes: &[u8], name: &str, kind: Kind, rules: &Rules<'_>) -> Result<(Facts, Option<Note>), Refusal> {
    let found = elf::architecture(bytes)?;
    if found != rules.architecture {
        return Err(Refusal::new(Code::ElfForeign, "", format!("it is for {found}, and this is {}", rules.architecture))
            .hint("build it for this architecture, or give one path and digest for each with {arch}"));
    }
    let facts = elf::facts(bytes)?;
    if let Some(finding) = facts.findings.first() {
        return Err(finding.clone());
    }
    dependencies::check(name, kind, &facts, rules)?;
    let note = match kind {
        Kind::Plugin => Some(note::read(&facts.abi_notes, rules.spoken)?),
        // Whoever needs it would find the plugin's entry point through it, and take it for its own.
        Kind::Library if !facts.abi_notes.is_empty() => {
            return Err(Refusal::new(Code::LibraryIsPlugin, "", "it carries the ABI note of a plugin")
                .hint("name it in `plugins`, or build it without lambda_plugin_abi::export!"));
        }
        Kind::Library => None,
    };
    Ok((facts, note))
}
