//! `keygen`: a key pair to sign manifests with, in the files that minisign uses.

use clap::Args;
use minisign::KeyPair;
use serde_json::json;
use std::fs::Permissions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::password::Password;
use super::{Format, Output, print, print_json};
use crate::verify::trust::{Key, key};
use crate::{Code, Refusal};

/// Where a secret key is, unless it is said.
pub(super) const DEFAULT: &str = "manifest.key";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) output: Output,
    /// Where the secret key goes; the public key goes beside it, with the ending .pub
    #[arg(long, value_name = "FILE", default_value = DEFAULT)]
    out: PathBuf,
    #[command(flatten)]
    password: Password,
    /// Make a key that its file alone gives away
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Replace files that are there: what only the old key signed is worth nothing afterwards
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let (secret, public) = (&arguments.out, arguments.out.with_extension("pub"));
    if *secret == public || secret.file_name().is_none() {
        return Err(Refusal::new(
            Code::Usage,
            "--out",
            format!("{} is the name of a public key, or of a folder", secret.display()),
        )
        .hint("name the file of the secret key, such as manifest.key"));
    }
    // Before anybody is asked for a password.
    if let Some(there) = [secret, &public].into_iter().find(|path| !arguments.force && path.symlink_metadata().is_ok()) {
        return Err(is_there(there));
    }
    let internal = |error: minisign::PError| Refusal::new(Code::Internal, "key pair", error.to_string().to_lowercase());
    let (pair, comment) = match arguments.no_password {
        true => (KeyPair::generate_unencrypted_keypair(), "minisign secret key without a password"),
        false => {
            let password = arguments.password.new_one()?;
            derive_note();
            (KeyPair::generate_encrypted_keypair(Some(password)), "minisign encrypted secret key")
        }
    };
    let pair = pair.map_err(internal)?;
    let line = pair.pk.to_base64();
    let Some(id) = Key::parse(&line).map(|key| key.id()) else {
        return Err(Refusal::new(Code::Internal, "key pair", "the new public key is none"));
    };
    let secret_text = pair.sk.to_box(Some(comment)).map_err(internal)?.into_string();
    let public_text = format!("untrusted comment: minisign public key {id}\n{line}\n");
    write(secret, &secret_text, 0o600, arguments.force)?;
    if let Err(refusal) = write(&public, &public_text, 0o644, arguments.force) {
        // Half a pair would only be in the way of the next try. One that was replaced is gone already.
        let _gone = std::fs::remove_file(secret);
        return Err(refusal);
    }
    match arguments.output.format {
        Format::Json => print_json(&json!({
            "ok": true,
            "secret_key": secret.display().to_string(),
            "public_key": public.display().to_string(),
            "key": line,
            "key_id": id.to_string(),
        })),
        Format::Text => print(&format!(
            "written   {}  secret: whoever has it{} signs manifests\nwritten   {}\n{}={line}\n",
            secret.display(),
            if arguments.no_password { "" } else { " and its password" },
            public.display(),
            key::VARIABLE
        )),
    }
    Ok(0)
}

/// For whoever watches: making a password slow to guess takes its time.
pub(super) fn derive_note() {
    if std::io::stderr().is_terminal() {
        eprintln!("deriving the key from the password");
    }
}

fn is_there(path: &Path) -> Refusal {
    Refusal::new(Code::Usage, path.display().to_string(), "is there already, and a key that is lost cannot be made again")
        .hint("write elsewhere with --out, or replace it with --force")
}

/// Whole or not at all. A link is replaced, and never followed.
fn write(path: &Path, text: &str, mode: u32, force: bool) -> Result<(), Refusal> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".lambda-loader-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        match force {
            true => file.persist(path)?,
            false => file.persist_noclobber(path)?,
        };
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => is_there(path),
        _ => {
            let what = format!("could not be written: {}", error.to_string().to_lowercase());
            Refusal::new(Code::Usage, path.display().to_string(), what)
                .hint("make its folder writable, or write elsewhere with --out")
        }
    })
}
