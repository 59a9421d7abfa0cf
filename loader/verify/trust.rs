//! Whether to believe the manifest: signed, pinned, or part of the function's own read-only code.
//!
//! A key is asked for first, and nothing else takes its place: not a pin, not where the manifest lies. Pin and signature are checked
//! on the one buffer that is parsed later.

pub mod addressee;
pub mod key;

mod read;

use std::ffi::OsString;
use std::fmt;
use std::path::{Component, Path};

pub use addressee::addressee;
pub use key::{Key, KeyId};
pub use read::{LARGEST_MANIFEST, LARGEST_SIGNATURE, ManifestFile, Origin, read_manifest, read_signature, signature_path};

use crate::digest::Digest;
use crate::fetch::signature_uri;
use crate::refusal::{Code, Refusal};

/// What says whom to trust. Values stay as they were set: one that is wrong, even empty, is refused and not ignored.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// The public key that was built in.
    pub built_in: Option<&'static str>,
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
    /// This program's own key, and the variables, read through `variable`.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        TrustSettings {
            built_in: key::built_in(),
            pin: variable("LOADER_MANIFEST_SHA256"),
            key: variable(key::VARIABLE),
            min_serial: variable("LOADER_MANIFEST_MIN_SERIAL"),
            function_name: variable("AWS_LAMBDA_FUNCTION_NAME"),
            task_root: variable("LAMBDA_TASK_ROOT"),
        }
    }

    /// The key that the manifest has to be signed with.
    ///
    /// # Errors
    /// `key-invalid`.
    pub fn key(&self) -> Result<Option<Key>, Refusal> {
        key::in_force(self.built_in, self.key.as_deref())
    }
}

/// Why the manifest is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is signed by the key of that id.
    Signed {
        /// Of the key that was built in or configured.
        key: KeyId,
        /// Whether its digest is also the one that the function's configuration names.
        pinned: bool,
    },
    /// Its digest is the one that the function's configuration names.
    Pinned,
    /// It is part of the function's own code, on a read-only mount.
    OwnCode,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::Signed { key, pinned: false } => write!(f, "signed by {key}"),
            Trust::Signed { key, pinned: true } => write!(f, "signed by {key}, pinned"),
            Trust::Pinned => f.write_str("pinned"),
            Trust::OwnCode => f.write_str("own-code"),
        }
    }
}

/// Whether to believe a manifest: its bytes, which `functions` it is for (none: any), and its `serial`.
///
/// # Errors
/// Those of [`ground`], `function-not-listed`, `serial-too-old`.
pub fn check(file: &ManifestFile, settings: &TrustSettings, functions: &[String], serial: Option<u64>) -> Result<Trust, Refusal> {
    let trust = ground(file, settings)?;
    addressee(file, settings, functions, serial)?;
    Ok(trust)
}

/// Whether the bytes are believed, before anything of them is parsed. With a key, reads the signature beside the manifest.
///
/// # Errors
/// `key-invalid`, `manifest-unsigned`, `signature-invalid`, `manifest-pin-mismatch`, `manifest-untrusted`.
pub fn ground(file: &ManifestFile, settings: &TrustSettings) -> Result<Trust, Refusal> {
    let signed = match settings.key()? {
        Some(key) => {
            let (signature, place) = signature(file)?;
            key.verify(&file.bytes, &signature).map_err(|refusal| refusal.at(place))?;
            Some(key.id())
        }
        None => None,
    };
    let pinned = check_pin(file, settings)?;
    match signed {
        Some(key) => Ok(Trust::Signed { key, pinned }),
        None if pinned => Ok(Trust::Pinned),
        None => own_code(file, settings),
    }
}

/// The signature of a manifest, and where it stands.
fn signature(file: &ManifestFile) -> Result<(Vec<u8>, String), Refusal> {
    match &file.origin {
        Origin::File { path, .. } => Ok((read_signature(path)?, signature_path(path).display().to_string())),
        Origin::Object { uri, signature: Some(signature) } => Ok((signature.clone()?, signature_uri(uri))),
        Origin::Object { uri, signature: None } => Err(Refusal::new(Code::Internal, uri, "its signature was not fetched")),
    }
}

/// Whether there is a pin; one that does not fit is an error.
fn check_pin(file: &ManifestFile, settings: &TrustSettings) -> Result<bool, Refusal> {
    let Some(pin) = &settings.pin else { return Ok(false) };
    let refuse = |code, what: String, hint: &'static str| Err(Refusal::new(code, file.place(), what).hint(hint));
    let Some(pin) = pin.to_str().and_then(Digest::parse) else {
        let what = "LOADER_MANIFEST_SHA256 is not 64 lower-case hexadecimal digits".to_owned();
        let hint = "set it to the manifest's SHA-256, as `lambda-loader lock` and `sha256sum` print it";
        return refuse(Code::ManifestUntrusted, what, hint);
    };
    let found = Digest::of(&file.bytes);
    if found != pin {
        let what = format!("its SHA-256 is {found}, and LOADER_MANIFEST_SHA256 is {pin}");
        return refuse(Code::ManifestPinMismatch, what, "ship the pinned manifest, or pin this one if it is meant");
    }
    Ok(true)
}

/// The last ground: neither key nor pin is set.
fn own_code(file: &ManifestFile, settings: &TrustSettings) -> Result<Trust, Refusal> {
    let what = match &file.origin {
        Origin::File { path, mount, direct } => {
            let own = |task_root| *direct && is_own_code(path, task_root);
            match settings.task_root.as_deref().map(Path::new).is_some_and(own) {
                true if mount.read_only => return Ok(Trust::OwnCode),
                true => "nothing vouches for it: it is not pinned, and its mount is writable",
                false => "nothing vouches for it: it is not pinned, and not part of the function's own code",
            }
        }
        Origin::Object { .. } => "nothing vouches for it: it is not pinned, and whoever may write to its bucket may replace it",
    };
    let hint = "set LOADER_MANIFEST_SHA256 to its SHA-256, or sign it and set LOADER_MANIFEST_KEY, or ship it in the function's own \
                package";
    Err(Refusal::new(Code::ManifestUntrusted, file.place(), what).hint(hint))
}

/// Whether the file really lies below the task root. `/` is nobody's own.
fn is_own_code(path: &Path, task_root: &Path) -> bool {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    task_root.is_absolute() && task_root.parent().is_some() && task_root.components().all(plain) && path.starts_with(task_root)
}

#[cfg(test)]
mod tests;
