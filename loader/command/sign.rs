//! `sign`: the signature of a manifest, beside it, as minisign makes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use minisign::{PublicKey, SecretKey, SecretKeyBox};
use serde_json::json;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::opened::Opened;
use super::password::Password;
use super::{Common, Format, From, Output, keygen, lock, print, print_json, replace};
use crate::verify::trust::{self, Key, KeyId, key};
use crate::{Architecture, Code, Digest, Refusal};

/// The most that is read of a secret key, in bytes: comment and key are two lines.
const LARGEST_KEY: u64 = 16 << 10;

/// The longest trusted comment, in bytes: half of what minisign reads.
const LONGEST_COMMENT: usize = 4096;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The manifest [default: LOADER_MANIFEST, else manifest.json]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: Output,
    #[command(flatten)]
    from: From,
    /// The secret key
    #[arg(long, value_name = "FILE", default_value = keygen::DEFAULT)]
    key: PathBuf,
    #[command(flatten)]
    password: Password,
    /// A line that is signed with the manifest [default: when, and the file's name]
    #[arg(long, value_name = "TEXT")]
    trusted_comment: Option<String>,
    /// Do not compare the digests with the files, where those are not at hand
    #[arg(long)]
    unchecked: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let quiet = arguments.output.format == Format::Json;
    let opened = Opened::new(&Common { manifest: arguments.manifest.clone(), stage: None, output: arguments.output })?;
    let manifest = opened.path_for("sign")?;
    let comment = match &arguments.trusted_comment {
        Some(comment) => checked_comment(comment)?.to_owned(),
        None => default_comment(manifest),
    };
    // What bootstrap would not take must not be signed.
    match arguments.unchecked {
        true => digests_are_there(&opened)?,
        false => lock::fresh(&opened, &arguments.from, quiet)?,
    }
    let (anybody, serial) = addressee(&opened)?;
    let warnings = warnings(anybody, serial);
    let secret = read_key(&arguments.key, &arguments.password)?;
    let (signature, line, id) = sign(&opened.file.bytes, &secret, &comment)?;
    let path = trust::signature_path(manifest);
    replace::file(&path, signature.as_bytes()).map_err(|refusal| refusal.hint("make its folder writable"))?;
    let shown = trust::signature_path(Path::new(opened.manifest.name())).display().to_string();
    match arguments.output.format {
        Format::Json => print_json(&json!({
            "ok": true,
            "manifest": opened.manifest.name(),
            "signature": shown,
            "key": line,
            "key_id": id.to_string(),
            "trusted_comment": comment,
            "serial": serial,
            "sha256": Digest::of(&opened.file.bytes).to_string(),
            "warnings": warnings,
        })),
        Format::Text => {
            for warning in warnings {
                eprintln!("warning: {warning}");
            }
            let least = serial.map(|serial| format!("LOADER_MANIFEST_MIN_SERIAL={serial}\n")).unwrap_or_default();
            print(&format!("signed    {shown}  by {id}\n{}={line}\n{least}", key::VARIABLE));
        }
    }
    Ok(0)
}

/// The text of the signature, the line and the number of the key that it is by.
pub(super) fn sign(bytes: &[u8], secret: &SecretKey, comment: &str) -> Result<(String, String, KeyId), Refusal> {
    let internal = |error: minisign::PError| Refusal::new(Code::Internal, "signature", error.to_string().to_lowercase());
    let public = PublicKey::from_secret_key(secret).map_err(internal)?;
    // It is checked below, by what bootstrap will check it with.
    let signature = minisign::sign(None, secret, bytes, Some(comment), Some("signature by lambda-loader"));
    let (text, line) = (signature.map_err(internal)?.into_string(), public.to_base64());
    let Some(key) = Key::parse(&line) else { return Err(Refusal::new(Code::Internal, "signature", "its key is none")) };
    key.verify(bytes, text.as_bytes()).map_err(|_| {
        Refusal::new(Code::Usage, "signature", "the secret key is damaged: what it signs does not verify")
            .hint("take the key file from where it is kept safe, or make another key with lambda-loader keygen")
    })?;
    Ok((text, line, key.id()))
}

/// Whether any function may use the manifest, and its serial. Both are the same in all stages.
fn addressee(opened: &Opened) -> Result<(bool, Option<u64>), Refusal> {
    let stage = opened.manifest.stages().first().and_then(|stage| stage.name.as_deref());
    let plan = opened.plan_for(stage, Architecture::HERE)?;
    Ok((plan.functions.is_empty(), plan.serial))
}

/// What a signature does not do without the manifest's help.
pub(super) fn warnings(anybody: bool, serial: Option<u64>) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if anybody {
        warnings.push("the manifest has no `functions`: every function that has this key takes it");
    }
    if serial.is_none() {
        warnings.push("the manifest has no `serial`: a function cannot tell it from an older one that you have signed");
    }
    warnings
}

/// Every artifact of every stage names a digest for one architecture at least.
fn digests_are_there(opened: &Opened) -> Result<(), Refusal> {
    for stage in opened.manifest.stages() {
        let mut missing: Option<Vec<String>> = None;
        for architecture in Architecture::ALL {
            let plan = opened.plan_for(stage.name.as_deref(), architecture)?;
            let artifacts = plan.libraries.iter().chain(plan.plugins.iter().map(|plugin| &plugin.artifact));
            let without: Vec<_> = artifacts.filter(|artifact| artifact.digest.is_none()).map(|a| a.place.clone()).collect();
            missing = Some(match missing {
                None => without,
                Some(before) => before.into_iter().filter(|place| without.contains(place)).collect(),
            });
        }
        if let Some(place) = missing.into_iter().flatten().next() {
            return Err(Refusal::new(Code::DigestMissing, place, "it has no sha256").hint("run lambda-loader lock"));
        }
    }
    Ok(())
}

/// The comment is one line of the signature file, and other readers trim it.
fn checked_comment(comment: &str) -> Result<&str, Refusal> {
    let what = if comment.chars().any(|letter| letter.is_control() && letter != '\t') {
        "it holds control characters".to_owned()
    } else if comment.trim() != comment {
        "it begins or ends with white space".to_owned()
    } else if comment.len() > LONGEST_COMMENT {
        format!("it is longer than {LONGEST_COMMENT} bytes")
    } else {
        return Ok(comment);
    };
    Err(Refusal::new(Code::Usage, "--trusted-comment", what).hint("give one line of text"))
}

/// As minisign writes it.
pub(super) fn default_comment(manifest: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let name = manifest.file_name().map(|name| name.display().to_string()).filter(|name| checked_comment(name).is_ok());
    format!("timestamp:{now}\tfile:{}\thashed", name.as_deref().unwrap_or("manifest.json"))
}

/// Reads a secret key, with its password if it has one.
pub(super) fn read_key(path: &Path, password: &Password) -> Result<SecretKey, Refusal> {
    let refuse = |what: String, hint: &'static str| Refusal::new(Code::Usage, path.display().to_string(), what).hint(hint);
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| {
        let mode = file.metadata()?.permissions().mode();
        file.take(LARGEST_KEY).read_to_string(&mut text)?;
        Ok(mode)
    });
    let mode = read.map_err(|error| {
        let hint = "give the secret key with --key, or make one with lambda-loader keygen";
        refuse(error.to_string().to_lowercase(), hint)
    })?;
    let none =
        || refuse("it is not a secret key of minisign".to_owned(), "give the file that lambda-loader keygen wrote, not its .pub");
    if mode & 0o077 != 0 {
        eprintln!("warning: {} may be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o7777);
    }
    // Bytes 2 and 3 say how the key is made from the password; zero: there is none.
    let bytes = text.lines().nth(1).and_then(|line| STANDARD.decode(line).ok()).ok_or_else(none)?;
    let free = match bytes.get(..4) {
        Some([b'E', b'd', 0, 0]) => true,
        Some([b'E', b'd', b'S', b'c']) => false,
        _ => return Err(none()),
    };
    if free {
        // Not through the box: minisign leaves the checksum of such a key zero. A key that is damaged makes no signature that verifies.
        return SecretKey::from_bytes(&bytes).map_err(|_| none());
    }
    let stored = SecretKeyBox::from(text);
    let password = password.of(path)?;
    keygen::derive_note();
    stored.into_secret_key(Some(password)).map_err(|error| match error.kind() {
        minisign::ErrorKind::Verify => refuse("the password is not that of this key".to_owned(), "give the key's password"),
        _ => none(),
    })
}
