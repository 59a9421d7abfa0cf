//! The manifest and its signature as they are read: once, bounded, through no symbolic link at the end.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use crate::refusal::{Code, Refusal};
use crate::verify::mount::Mount;
use crate::verify::open;

/// The largest manifest, in bytes.
pub const LARGEST_MANIFEST: u64 = 1 << 20;

/// The largest signature file, in bytes. minisign reads 1,024 of the one comment and 8,192 of the other
/// (<https://github.com/jedisct1/minisign/blob/master/src/minisign.h>).
pub const LARGEST_SIGNATURE: u64 = 16 << 10;

/// A manifest as it was read: the one buffer that is pinned here and parsed later.
#[derive(Debug)]
pub struct ManifestFile {
    /// Where it comes from.
    pub origin: Origin,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Where a manifest comes from.
#[derive(Debug)]
pub enum Origin {
    /// A file.
    File {
        /// Where, as an absolute path.
        path: PathBuf,
        /// Where it lies.
        mount: Mount,
        /// Whether the path is where the file really lies: no symbolic link and no `..` in it.
        direct: bool,
    },
    /// An object of S3. Nothing vouches for it by where it lies.
    Object {
        /// The whole `s3://` URI.
        uri: String,
        /// What was found beside it, if a signature was asked for.
        signature: Option<Result<Vec<u8>, Refusal>>,
    },
}

impl ManifestFile {
    /// Path or URI, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.origin {
            Origin::File { path, .. } => path.display().to_string(),
            Origin::Object { uri, .. } => uri.clone(),
        }
    }

    /// Its path; `None` for an object.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File { path, .. } => Some(path),
            Origin::Object { .. } => None,
        }
    }
}

/// Reads a manifest. The last part of the path may not be a symbolic link.
///
/// # Errors
/// `manifest-missing`, `manifest-unreadable`, `manifest-too-large`.
pub fn read_manifest(path: &Path) -> Result<ManifestFile, Refusal> {
    let place = path.display().to_string();
    let refuse = |fault| match fault {
        Fault::System(errno @ (Errno::NOENT | Errno::NOTDIR)) => {
            Refusal::new(Code::ManifestMissing, &*place, open::reason(errno)).hint("ship it there, or set LOADER_MANIFEST")
        }
        Fault::TooLarge => {
            Refusal::new(Code::ManifestTooLarge, &*place, "larger than 1 MiB").hint("move configuration into settings")
        }
        other => other.refusal(Code::ManifestUnreadable, &place),
    };
    let path = std::path::absolute(path).map_err(|error| {
        Refusal::new(Code::ManifestUnreadable, &*place, error.to_string().to_lowercase()).hint("give its full path")
    })?;
    let (file, direct) = match open_direct(&path) {
        Some(file) => (file, true),
        None => (open_plain(&path).map_err(refuse)?, false),
    };
    let (mount, bytes) = read(file, LARGEST_MANIFEST).map_err(refuse)?;
    Ok(ManifestFile { origin: Origin::File { path, mount, direct }, bytes })
}

/// Where the signature of a manifest lies: beside it, as minisign puts it.
#[must_use]
pub fn signature_path(manifest: &Path) -> PathBuf {
    let mut path = manifest.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Reads the signature beside a manifest, by the rules that hold for the manifest.
///
/// # Errors
/// `manifest-unsigned`, `signature-invalid`.
pub fn read_signature(manifest: &Path) -> Result<Vec<u8>, Refusal> {
    let path = signature_path(manifest);
    let place = path.display().to_string();
    let refuse = |fault| match fault {
        Fault::System(errno @ (Errno::NOENT | Errno::NOTDIR)) => {
            let what = format!("{}: a key is configured, and takes signed manifests alone", open::reason(errno));
            Refusal::new(Code::ManifestUnsigned, &*place, what)
                .hint("sign the manifest with lambda-loader sign, and ship both files")
        }
        Fault::TooLarge => Refusal::new(Code::SignatureInvalid, &*place, "larger than 16 KiB").hint("sign the manifest again"),
        other => other.refusal(Code::SignatureInvalid, &place),
    };
    let file = open_plain(&path).map_err(refuse)?;
    Ok(read(file, LARGEST_SIGNATURE).map_err(refuse)?.1)
}

/// Why a file was not read.
enum Fault {
    System(Errno),
    NotRegular,
    TooLarge,
    Read(std::io::Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Fault::System(errno)
    }
}

impl Fault {
    fn refusal(self, code: Code, place: &str) -> Refusal {
        let (what, hint) = match self {
            Fault::System(errno @ Errno::LOOP) => {
                (open::reason(errno), "put the file itself there: it may not be a symbolic link")
            }
            Fault::System(errno) => (open::reason(errno), "make it readable for the process"),
            Fault::NotRegular => ("not a regular file".to_owned(), "put a plain file there"),
            Fault::TooLarge => ("too large".to_owned(), "ship the right file"),
            Fault::Read(error) => (error.to_string().to_lowercase(), "ship the file again: its disk may be broken"),
        };
        Refusal::new(code, place, what).hint(hint)
    }
}

/// Opens the file if its path is its real place.
fn open_direct(path: &Path) -> Option<OwnedFd> {
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    open::regular_beneath_system_root(path)
}

/// Not blocking: a fifo must not hang the start; no controlling terminal: nor may a device become one.
fn open_plain(path: &Path) -> Result<OwnedFd, Fault> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// All of a regular file of at most that many bytes.
fn read(file: OwnedFd, most: u64) -> Result<(Mount, Vec<u8>), Fault> {
    if !FileType::from_raw_mode(fstat(&file)?.st_mode).is_file() {
        return Err(Fault::NotRegular);
    }
    let mount = Mount::of(&file)?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(most + 1).read_to_end(&mut bytes).map_err(Fault::Read)?;
    if bytes.len() as u64 > most {
        return Err(Fault::TooLarge);
    }
    Ok((mount, bytes))
}
