//! Opens a file beneath a root: by folder handle, through no symbolic link, and only a regular file of bounded size.
//!
//! The root is held to the same rule from `/` on: were a link allowed on the way to it, whoever can place one there (any Lambda
//! layer, below `/opt`) would choose the root. A project that is reached through a link is named by its real path.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statat};
use rustix::io::Errno;

use super::mount::Mount;
use crate::refusal::{Code, Refusal};

/// The largest artifact: Lambda's own limit for a function with all its layers, unpacked, is 250 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const LARGEST: u64 = 256 << 20;

/// How a path was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By the kernel in one call.
    Openat2,
    /// Component by component, where the sandbox has no `openat2`.
    Walk,
}

impl Lookup {
    /// For the start line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Lookup::Openat2 => "openat2",
            Lookup::Walk => "walk",
        }
    }
}

/// A regular file that was reached beneath its root.
#[derive(Debug)]
pub struct Opened {
    /// Open for reading.
    pub file: OwnedFd,
    /// In bytes, at most [`LARGEST`]; what is read later counts, not this.
    pub size: u64,
    /// Where it lies.
    pub mount: Mount,
    /// How it was reached.
    pub lookup: Lookup,
}

/// Opens `path` beneath `root`.
///
/// # Errors
/// `root-unusable`, `path-outside-roots`, `path-symlink`, `artifact-missing`, `artifact-unreadable`, `artifact-not-regular`,
/// `artifact-too-large`, `artifact-writable`; the place is left to the caller.
pub fn beneath(root: &Path, path: &Path) -> Result<Opened, Refusal> {
    match beneath_by(Lookup::Openat2, root, path) {
        Err(Failure::NoOpenat2) => beneath_by(Lookup::Walk, root, path),
        other => other,
    }
    .map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::NoOpenat2 => Refusal::new(Code::Internal, "", "walking a path asked for openat2"),
    })
}

/// Opens the regular file at an absolute path, if the path goes through no symbolic link and no `..`.
pub(super) fn regular_beneath_system_root(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |lookup| {
        let parent = root_folder(lookup, path.parent()?).ok()?;
        resolve(lookup, parent.as_fd(), Path::new(path.file_name()?), flags).ok()
    };
    open(Lookup::Openat2).or_else(|| open(Lookup::Walk))
}

enum Failure {
    /// The kernel or its sandbox has no `openat2`.
    NoOpenat2,
    Refused(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(refusal)
    }
}

fn beneath_by(lookup: Lookup, root: &Path, path: &Path) -> Result<Opened, Failure> {
    let folder = root_folder(lookup, root)?;
    let refuse = |errno| refuse_file(errno, path);
    if path.as_os_str().is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(refuse(Errno::XDEV).into());
    }
    // Not blocking: a fifo must not hang the start; no controlling terminal: nor may a device become one.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = resolve(lookup, folder.as_fd(), path, flags).map_err(|errno| match errno {
        None => Failure::NoOpenat2,
        Some(errno) => refuse(errno).into(),
    })?;
    let stat = fstat(&file).map_err(refuse)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => {
            let what = format!("{} is not a regular file: it is a folder", path.display());
            return Err(Refusal::new(Code::ArtifactNotRegular, "", what).hint("name the .so file in it").into());
        }
        _ => return Err(not_regular(path.display()).into()),
    }
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if size > LARGEST {
        return Err(too_large(path.display()).into());
    }
    let mount = Mount::of(&file).map_err(refuse)?;
    if !mount.read_only && stat.st_mode & 0o022 != 0 {
        let what = format!("{}: group or others may write it (mode {:o})", path.display(), stat.st_mode & 0o7777);
        return Err(Refusal::new(Code::ArtifactWritable, "", what)
            .hint(format!("run chmod go-w {}", root.join(path).display()))
            .into());
    }
    Ok(Opened { file, size, mount, lookup })
}

fn root_folder(lookup: Lookup, root: &Path) -> Result<OwnedFd, Failure> {
    let Ok(inside) = root.strip_prefix("/") else {
        let what = format!("root {} is not absolute", root.display());
        return Err(Refusal::new(Code::RootUnusable, "", what).hint("give its full path").into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let system = openat(CWD, "/", flags | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| refuse_root(errno, root))?;
    if inside.as_os_str().is_empty() {
        return Ok(system);
    }
    if !inside.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(refuse_root(Errno::XDEV, root).into());
    }
    resolve(lookup, system.as_fd(), inside, flags).map_err(|errno| match errno {
        None => Failure::NoOpenat2,
        Some(errno) => refuse_root(errno, root).into(),
    })
}

/// Opens `path`, which has normal components only. `Err(None)`: there is no `openat2` here.
fn resolve(lookup: Lookup, folder: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Option<Errno>> {
    let flags = flags | OFlags::CLOEXEC;
    match lookup {
        Lookup::Openat2 => {
            // Not O_NOFOLLOW: together with O_PATH it would open a link itself instead of refusing it.
            let rules = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            openat2(folder, path, flags, Mode::empty(), rules).map_err(|errno| match errno {
                Errno::NOSYS | Errno::PERM => None,
                other => Some(other),
            })
        }
        Lookup::Walk => walk(folder, path, flags | OFlags::NOFOLLOW).map_err(Some),
    }
}

fn walk(start: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut parts = path.iter().peekable();
    let mut folder: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        let here = folder.as_ref().map_or(start, AsFd::as_fd);
        if parts.peek().is_none() {
            return step(here, part, flags);
        }
        folder = Some(step(here, part, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC)?);
    }
    Err(Errno::NOENT)
}

fn step(folder: BorrowedFd<'_>, part: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(folder, part, flags, Mode::empty()).map_err(|errno| {
        // With O_DIRECTORY a link is "not a directory"; `openat2` says "too many links", and so does this.
        let is_link = || {
            statat(folder, part, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink())
        };
        if errno == Errno::NOTDIR && is_link() { Errno::LOOP } else { errno }
    })
}

fn refuse_root(errno: Errno, root: &Path) -> Refusal {
    let root = root.display();
    match errno {
        Errno::LOOP => Refusal::new(Code::RootUnusable, "", format!("root {root} is reached through a symbolic link"))
            .hint("name the real folder, as `readlink -f` prints it"),
        Errno::NOENT | Errno::NOTDIR => Refusal::new(Code::RootUnusable, "", format!("root {root} is not a folder"))
            .hint("ship the folder, or correct allow.roots"),
        Errno::XDEV => {
            Refusal::new(Code::RootUnusable, "", format!("root {root} is not a plain path")).hint("write it without `..`")
        }
        other => Refusal::new(Code::RootUnusable, "", format!("root {root}: {}", reason(other)))
            .hint("let the process open the folder"),
    }
}

fn refuse_file(errno: Errno, path: &Path) -> Refusal {
    let path = path.display();
    match errno {
        Errno::LOOP => Refusal::new(Code::PathSymlink, "", format!("{path}: a symbolic link stands in the path"))
            .hint("put the file itself there, or name the place that the link leads to"),
        Errno::XDEV => Refusal::new(Code::PathOutsideRoots, "", format!("{path} leaves its root"))
            .hint("name a file below one of allow.roots"),
        Errno::NOENT | Errno::NOTDIR => {
            Refusal::new(Code::ArtifactMissing, "", format!("{path} is not there")).hint("build or ship it, or correct the path")
        }
        Errno::NXIO | Errno::NODEV => not_regular(path),
        other => Refusal::new(Code::ArtifactUnreadable, "", format!("{path}: {}", reason(other)))
            .hint("make it readable for the process"),
    }
}

fn not_regular(path: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ArtifactNotRegular, "", format!("{path} is not a regular file")).hint("put a plain file there")
}

pub(super) fn too_large(path: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ArtifactTooLarge, "", format!("{path} is larger than {} MiB", LARGEST >> 20)).hint("strip the file")
}

/// The system's word for an error, in the form that messages here have.
pub(crate) fn reason(errno: Errno) -> String {
    std::io::Error::from(errno).to_string().to_lowercase()
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
