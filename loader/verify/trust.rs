//! Whether to believe the manifest: pinned, or part of the function's own read-only code. Signatures are not built yet.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::mount::Mount;
use super::open;
use crate::digest::Digest;
use crate::refusal::{Code, Refusal};

/// The largest manifest, in bytes.
pub const LARGEST_MANIFEST: u64 = 1 << 20;

/// A manifest as it was read: the one buffer that is pinned here and parsed later.
#[derive(Debug)]
pub struct ManifestFile {
    /// Where, as an absolute path.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Where it lies.
    pub mount: Mount,
    /// Whether the path is where the file really lies: no symbolic link and no `..` in it.
    pub direct: bool,
}

/// Reads a manifest. The last part of the path may not be a symbolic link.
///
/// # Errors
/// `manifest-missing`, `manifest-unreadable`, `manifest-too-large`.
pub fn read_manifest(path: &Path) -> Result<ManifestFile, Refusal> {
    let place = path.display().to_string();
    let unreadable = |errno: Errno| {
        let (code, hint) = match errno {
            Errno::NOENT | Errno::NOTDIR => (Code::ManifestMissing, "ship it there, or set LOADER_MANIFEST"),
            Errno::LOOP => (Code::ManifestUnreadable, "put the file itself there: it may not be a symbolic link"),
            _ => (Code::ManifestUnreadable, "make it readable for the process"),
        };
        Refusal::new(code, &*place, open::reason(errno)).hint(hint)
    };
    let path = std::path::absolute(path).map_err(|error| {
        Refusal::new(Code::ManifestUnreadable, &*place, error.to_string().to_lowercase()).hint("give its full path")
    })?;
    let (file, direct) = match open_direct(&path) {
        Some(file) => (file, true),
        None => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
            (openat(CWD, &path, flags, Mode::empty()).map_err(unreadable)?, false)
        }
    };
    if !FileType::from_raw_mode(fstat(&file).map_err(unreadable)?.st_mode).is_file() {
        return Err(Refusal::new(Code::ManifestUnreadable, place, "not a regular file").hint("put a plain file there"));
    }
    let mount = Mount::of(&file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = std::fs::File::from(file).take(LARGEST_MANIFEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| {
        Refusal::new(Code::ManifestUnreadable, &*place, error.to_string().to_lowercase())
            .hint("ship the file again: its disk may be broken")
    })?;
    if bytes.len() as u64 > LARGEST_MANIFEST {
        return Err(Refusal::new(Code::ManifestTooLarge, place, "larger than 1 MiB").hint("move configuration into settings"));
    }
    Ok(ManifestFile { path, bytes, mount, direct })
}

/// Opens the file if its path is its real place.
fn open_direct(path: &Path) -> Option<std::os::fd::OwnedFd> {
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    open::regular_beneath_system_root(path)
}

/// What the environment says about trust. Values stay as they were set: one that is wrong, even empty, is refused and not ignored.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// `LOADER_MANIFEST_SHA256`
    pub pin: Option<OsString>,
    /// `LOADER_MANIFEST_KEY`
    pub key: Option<OsString>,
    /// `LOADER_MANIFEST_MIN_SERIAL`
    pub min_serial: Option<OsString>,
    /// `AWS_LAMBDA_FUNCTION_NAME`
    pub function_name: Option<OsString>,
    /// `LAMBDA_TASK_ROOT`
    pub task_root: Option<OsString>,
}

impl TrustSettings {
    /// Reads the variables through `variable`.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        TrustSettings {
            pin: variable("LOADER_MANIFEST_SHA256"),
            key: variable("LOADER_MANIFEST_KEY"),
            min_serial: variable("LOADER_MANIFEST_MIN_SERIAL"),
            function_name: variable("AWS_LAMBDA_FUNCTION_NAME"),
            task_root: variable("LAMBDA_TASK_ROOT"),
        }
    }
}

/// Why the manifest is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its digest is the one that the function's configuration names.
    Pinned,
    /// It is part of the function's own code, on a read-only mount.
    OwnCode,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trust::Pinned => "pinned",
            Trust::OwnCode => "own-code",
        })
    }
}

/// Whether to believe a manifest: its bytes, which `functions` it is for (none: any), and its `serial`.
///
/// # Errors
/// `manifest-untrusted`, `manifest-pin-mismatch`, `function-not-listed`, `serial-too-old`.
pub fn check(file: &ManifestFile, settings: &TrustSettings, functions: &[String], serial: Option<u64>) -> Result<Trust, Refusal> {
    let trust = ground(file, settings)?;
    addressee(file, settings, functions, serial)?;
    Ok(trust)
}

/// Whether a manifest that is believed is for this function, and new enough: the second half of [`check`].
///
/// # Errors
/// `function-not-listed`, `serial-too-old`.
pub fn addressee(
    file: &ManifestFile,
    settings: &TrustSettings,
    functions: &[String],
    serial: Option<u64>,
) -> Result<(), Refusal> {
    check_function(file, settings, functions)?;
    check_serial(file, settings, serial)
}

/// Whether the bytes are believed, before anything of them is parsed.
///
/// # Errors
/// `manifest-untrusted`, `manifest-pin-mismatch`.
pub fn ground(file: &ManifestFile, settings: &TrustSettings) -> Result<Trust, Refusal> {
    let refuse = |code, what: &str, hint: &'static str| Err(Refusal::new(code, file.path.display().to_string(), what).hint(hint));
    if settings.key.is_some() {
        // Whatever else vouches for it: who configures a key does not want less.
        let hint = "unset LOADER_MANIFEST_KEY and pin the manifest by LOADER_MANIFEST_SHA256";
        return refuse(Code::ManifestUntrusted, "LOADER_MANIFEST_KEY is set, and signature checking is not built yet", hint);
    }
    if let Some(pin) = &settings.pin {
        let hint = "set it to the manifest's SHA-256, as `lambda-loader lock` and `sha256sum` print it";
        let Some(pin) = pin.to_str().and_then(Digest::parse) else {
            return refuse(Code::ManifestUntrusted, "LOADER_MANIFEST_SHA256 is not 64 lower-case hexadecimal digits", hint);
        };
        let found = Digest::of(&file.bytes);
        if found != pin {
            let what = format!("its SHA-256 is {found}, and LOADER_MANIFEST_SHA256 is {pin}");
            return refuse(Code::ManifestPinMismatch, &what, "ship the pinned manifest, or pin this one if it is meant");
        }
        return Ok(Trust::Pinned);
    }
    let own = settings.task_root.as_deref().map(Path::new).is_some_and(|task_root| is_own_code(file, task_root));
    if own && file.mount.read_only {
        return Ok(Trust::OwnCode);
    }
    let what = match own {
        true => "nothing vouches for it: it is not pinned, and its mount is writable",
        false => "nothing vouches for it: it is not pinned, and not part of the function's own code",
    };
    refuse(Code::ManifestUntrusted, what, "set LOADER_MANIFEST_SHA256 to its SHA-256, or ship it in the function's own package")
}

/// Whether the file really lies below the task root. `/` is nobody's own.
fn is_own_code(file: &ManifestFile, task_root: &Path) -> bool {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    file.direct
        && task_root.is_absolute()
        && task_root.parent().is_some()
        && task_root.components().all(plain)
        && file.path.starts_with(task_root)
}

fn check_function(file: &ManifestFile, settings: &TrustSettings, functions: &[String]) -> Result<(), Refusal> {
    if functions.is_empty() {
        return Ok(());
    }
    let name = settings.function_name.as_deref().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.is_empty() && functions.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes())) {
        return Ok(());
    }
    let what = match name {
        "" => "it is for certain functions, and AWS_LAMBDA_FUNCTION_NAME does not say which this is".to_owned(),
        // The function's name stands in every one of its log lines: no secret.
        name => {
            format!("it is for {}, not for {name:?}", functions.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(", "))
        }
    };
    let place = format!("{}: functions", file.path.display());
    Err(Refusal::new(Code::FunctionNotListed, place, what).hint("deploy the manifest of this function, or add the function"))
}

/// `*` stands for any characters, also none.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    // The leftmost place for each piece in between leaves the most for what follows.
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.windows(piece.len()).position(|window| window == piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

fn check_serial(file: &ManifestFile, settings: &TrustSettings, serial: Option<u64>) -> Result<(), Refusal> {
    let Some(wanted) = &settings.min_serial else { return Ok(()) };
    let place = format!("{}: serial", file.path.display());
    let number = wanted.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok());
    let Some(wanted): Option<u64> = number else {
        return Err(Refusal::new(Code::ManifestUntrusted, place, "LOADER_MANIFEST_MIN_SERIAL is not a whole number")
            .hint("set it to the lowest serial that the function may run, or unset it"));
    };
    let what = match serial {
        Some(serial) if serial >= wanted => return Ok(()),
        Some(serial) => format!("{serial} is below LOADER_MANIFEST_MIN_SERIAL, which is {wanted}"),
        None => format!("it has none, and LOADER_MANIFEST_MIN_SERIAL is {wanted}"),
    };
    Err(Refusal::new(Code::SerialTooOld, place, what).hint("deploy the current manifest"))
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
