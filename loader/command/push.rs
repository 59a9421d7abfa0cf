//! `push`: one stage to S3. All is verified first; then what the stage names goes under keys that hold its digest, and at last the locked
//! manifest, under such a key too. Nothing is ever overwritten: a function goes on with the manifest that it was given.

mod bars;
mod body;
mod contents;
mod destination;
mod locked;
mod object;
mod upload;

use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::opened::Opened;
use super::password::Password;
use super::{Common, Format, From, print, print_json, sign, verify};
use crate::fetch::signature_uri;
use crate::verify::GlibcVersion;
use crate::verify::trust::{Key, key};
use crate::{Code, Refusal};
use bars::Bars;
use contents::Contents;
use destination::Destination;
use object::{Object, State};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to: a bucket that the manifest's allow.buckets has, and what all keys begin with
    #[arg(value_name = "s3://BUCKET/PREFIX")]
    to: String,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// The glibc that plugins and libraries have to run with
    #[arg(long, value_name = "VERSION", value_parser = verify::glibc_version, default_value_t = GlibcVersion::AL2023)]
    glibc: GlibcVersion,
    /// Sign the manifest with this secret key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    password: Password,
    /// Upload nothing, and tell what would be
    #[arg(long)]
    dry_run: bool,
}

/// A signature, and what a function needs to believe it.
struct Signed {
    object: Object,
    line: String,
    warnings: Vec<&'static str>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let quiet = arguments.common.output.format == Format::Json;
    let to = Destination::parse(&arguments.to)?;
    let opened = Opened::new(&arguments.common)?;
    let contents = contents::collect(&opened, &arguments.from, &to, arguments.glibc, quiet)?;
    // Connections that have fetched are not those that upload.
    drop(opened);
    let uri = to.manifest(contents.stage.as_deref(), contents.manifest.digest());
    let signed = arguments.key.as_deref().map(|key| signed(&contents, &uri, key, &arguments.password)).transpose()?;
    for warning in signed.iter().flat_map(|signed| &signed.warnings) {
        eprintln!("warning: {warning}");
    }
    let manifest = Object::manifest(&uri, &contents.manifest);
    // Whoever finds the manifest finds all that it names, and its signature.
    let mut steps = vec![contents.objects.iter().collect::<Vec<_>>()];
    steps.extend(signed.as_ref().map(|signed| vec![&signed.object]));
    steps.push(vec![&manifest]);
    let states = upload::all(&steps, arguments.dry_run, Bars::new(&steps, quiet))?;
    let all: Vec<(&Object, State)> = steps.concat().into_iter().zip(states).collect();
    match arguments.common.output.format {
        Format::Text => show_text(&contents, &uri, signed.as_ref(), &all),
        Format::Json => show_json(&contents, &uri, signed.as_ref(), &all),
    }
    Ok(0)
}

fn signed(contents: &Contents, uri: &str, key: &Path, password: &Password) -> Result<Signed, Refusal> {
    let secret = sign::read_key(key, password)?;
    let bytes = contents.manifest.text().as_bytes();
    let (text, line, _) = sign::sign(bytes, &secret, &sign::default_comment(Path::new(uri)))?;
    let public = Key::parse(&line).ok_or_else(|| Refusal::new(Code::Internal, "signature", "its key is none"))?;
    Ok(Signed {
        object: Object::signature(&signature_uri(uri), text, public, &contents.manifest),
        line,
        warnings: sign::warnings(contents.functions.is_empty(), contents.serial),
    })
}

/// What the function's environment has to hold.
fn variables(contents: &Contents, uri: &str, signed: Option<&Signed>) -> Vec<(&'static str, String)> {
    let mut variables =
        vec![("LOADER_MANIFEST", uri.to_owned()), ("LOADER_MANIFEST_SHA256", contents.manifest.digest().to_string())];
    if let Some(signed) = signed {
        variables.push((key::VARIABLE, signed.line.clone()));
        variables.extend(contents.serial.map(|serial| ("LOADER_MANIFEST_MIN_SERIAL", serial.to_string())));
    }
    variables
}

fn show_text(contents: &Contents, uri: &str, signed: Option<&Signed>, all: &[(&Object, State)]) {
    for change in &contents.changes {
        print(&format!("locked    {}  {}  {}\n", change.path, change.architecture.name(), change.new));
    }
    for (object, state) in all {
        print(&format!("{:<9} {}  {} bytes\n", state.word(), object.uri, object.bytes.size()));
    }
    if all.iter().all(|(_, state)| *state == State::There) {
        print(&format!("nothing to upload: all {} objects are there\n", all.len()));
    }
    for (name, value) in variables(contents, uri, signed) {
        print(&format!("{name}={value}\n"));
    }
}

fn show_json(contents: &Contents, uri: &str, signed: Option<&Signed>, all: &[(&Object, State)]) {
    let changes = contents
        .changes
        .iter()
        .map(|change| json!({ "path": change.path, "architecture": change.architecture.name(), "new": change.new.to_string() }));
    let objects = all.iter().map(|(object, state)| {
        json!({
            "uri": object.uri,
            "bytes": object.bytes.size(),
            "sha256": object.digest.to_string(),
            "state": state.word(),
        })
    });
    let variables = variables(contents, uri, signed).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    print_json(&json!({
        "ok": true,
        "stage": contents.stage,
        "architectures": contents.architectures.iter().map(|architecture| architecture.name()).collect::<Vec<_>>(),
        "manifest": uri,
        "sha256": contents.manifest.digest().to_string(),
        "signed": signed.is_some(),
        "uploaded": all.iter().filter(|(_, state)| *state == State::Uploaded).count(),
        "changed": changes.collect::<Vec<_>>(),
        "objects": objects.collect::<Vec<_>>(),
        "variables": variables.collect::<serde_json::Map<_, _>>(),
        "warnings": signed.map(|signed| signed.warnings.clone()).unwrap_or_default(),
    }));
}
