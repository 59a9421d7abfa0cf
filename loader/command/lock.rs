//! `lock`: digests into the manifest.

pub(super) mod collect;

use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::from::Elsewhere;
use super::opened::Opened;
use super::{Common, Format, From, complain, print, print_json, replace};
use crate::manifest::Manifest;
use crate::manifest::edit::{self, Change, Edited};
use crate::policy::{self, Base};
use crate::verify::{self, trust};
use crate::{Class, Code, Digest, Refusal};
use collect::{Collected, artifact};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// Write nothing; fail where a digest is missing or stale
    #[arg(long, conflicts_with = "out")]
    check: bool,
    /// Leave the manifest as it is and write the locked one here: with --stage that stage alone, flat
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What came of it.
struct Locked {
    /// The file that holds the digests, as the caller called it.
    file: String,
    changes: Vec<Change>,
    /// Of the file.
    pin: Digest,
    written: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let opened = Opened::new(&arguments.common)?;
    if arguments.out.is_none() && !arguments.check {
        opened.path_for("lock")?;
    }
    // LOADER_STAGE chooses what runs; it must not make a manifest half locked.
    let stage = arguments.common.stage.as_deref();
    let mut elsewhere = Elsewhere::new(&arguments.from)?;
    let collected = collect::digests(&opened, stage, &mut elsewhere, arguments.common.output.format == Format::Json)?;
    let edited = edit::write(&opened.manifest, &collected.digests())?;
    let locked = match &arguments.out {
        Some(out) => write_out(&opened, stage, &collected, edited, out)?,
        None => {
            let written = !arguments.check && !edited.changes.is_empty();
            if written {
                replace::file(opened.path_for("lock")?, edited.text.as_bytes())?;
            }
            let pin = Digest::of(if written { edited.text.as_bytes() } else { &opened.file.bytes });
            Locked { file: opened.manifest.name().to_owned(), changes: edited.changes, pin, written }
        }
    };
    let signature = trust::signature_path(Path::new(&locked.file));
    if locked.written && signature.exists() {
        eprintln!("warning: {} is of the manifest as it was before: sign it again", signature.display());
    }
    let refusal = if arguments.check { stale(&locked.file, &locked.changes) } else { None };
    match arguments.common.output.format {
        Format::Json => show_json(&locked, refusal.as_ref()),
        Format::Text => show_text(&locked, arguments.check, refusal.as_ref()),
    }
    Ok(refusal.map_or(0, |refusal| Class::exit(refusal.code.class())))
}

/// The manifest's text with every digest in it, and which were not there before. Of one stage: that stage alone, flat.
///
/// # Errors
/// `digest-stale` among others: what is shipped is what the manifest names, where it names something.
pub(super) fn text(opened: &Opened, stage: Option<&str>, from: &From, quiet: bool) -> Result<(String, Vec<Change>), Refusal> {
    let mut elsewhere = Elsewhere::new(from)?;
    let collected = collect::digests(opened, stage, &mut elsewhere, quiet)?;
    let edited = edit::write(&opened.manifest, &collected.digests())?;
    none_replaced(opened, &edited.changes)?;
    let text = match stage {
        Some(stage) => Manifest::parse(opened.manifest.name(), edited.text.as_bytes())?.flatten(Some(stage))?,
        None => edited.text,
    };
    Ok((text, edited.changes))
}

/// Refuses files that are not those whose digests the manifest has already.
pub(super) fn none_replaced(opened: &Opened, changes: &[Change]) -> Result<(), Refusal> {
    let replaced = changes.iter().find_map(|change| Some((change, change.old?)));
    let Some((Change { path, architecture, new, .. }, old)) = replaced else { return Ok(()) };
    let what = format!("{path}: the file's SHA-256 for {architecture} is {new}, and the manifest's is {old}");
    Err(Refusal::new(Code::DigestStale, opened.manifest.name(), what)
        .hint("ship the file that was locked, or run lambda-loader lock if this one is meant"))
}

/// Refuses a manifest of which a digest is missing or not that of the file, in any stage.
pub(super) fn fresh(opened: &Opened, from: &From, quiet: bool) -> Result<(), Refusal> {
    let mut elsewhere = Elsewhere::new(from)?;
    let collected = collect::digests(opened, None, &mut elsewhere, quiet)?;
    elsewhere.check_used()?;
    let edited = edit::write(&opened.manifest, &collected.digests())?;
    stale(opened.manifest.name(), &edited.changes).map_or(Ok(()), Err)
}

fn stale(file: &str, changes: &[Change]) -> Option<Refusal> {
    let what = match changes.len() {
        0 => return None,
        1 => "1 digest is missing or stale".to_owned(),
        count => format!("{count} digests are missing or stale"),
    };
    Some(Refusal::new(Code::DigestStale, file, what).hint("run lambda-loader lock, if these files are meant"))
}

/// Writes the locked manifest elsewhere; of one stage, flat.
fn write_out(opened: &Opened, stage: Option<&str>, collected: &Collected, edited: Edited, out: &Path) -> Result<Locked, Refusal> {
    let file = out.display().to_string();
    let text = match stage {
        Some(stage) => Manifest::parse(opened.manifest.name(), edited.text.as_bytes())?.flatten(Some(stage))?,
        None => edited.text,
    };
    let (path, folder) = place(out)?;
    if opened.base != Base::Folder(folder.clone()) {
        check_moved(&Manifest::parse(&file, text.as_bytes())?, stage, &Base::Folder(folder), collected)?;
    }
    let written = std::fs::read(&path).map_or(true, |old| old != text.as_bytes());
    if written {
        replace::file(&path, text.as_bytes())?;
    }
    Ok(Locked { file, changes: edited.changes, pin: Digest::of(text.as_bytes()), written })
}

/// The absolute path of a file that need not be there yet, and its folder without links.
fn place(out: &Path) -> Result<(PathBuf, PathBuf), Refusal> {
    let usage = |what: String| Refusal::new(Code::Usage, "--out", what);
    let name = out.file_name().filter(|_| !out.is_dir());
    let Some(name) = name else { return Err(usage(format!("{} is not a file", out.display())).hint("give the path of a file")) };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().map_err(|error| {
        usage(format!("{}: {}", folder.display(), error.to_string().to_lowercase())).hint("make the folder first")
    })?;
    Ok((folder.join(name), folder))
}

/// Relative paths mean other files in another folder: so what was locked must lie there as well.
fn check_moved(moved: &Manifest, stage: Option<&str>, base: &Base, collected: &Collected) -> Result<(), Refusal> {
    for found in &collected.found {
        // A flat manifest has no stages.
        let wanted = if stage.is_some() { None } else { found.stage.as_deref() };
        let plan = policy::plan(moved, wanted, base, found.architecture)?;
        let Some(artifact) = artifact(&plan, found.kind, &found.name) else { continue };
        if matches!(artifact.source, policy::Source::S3 { .. }) {
            continue;
        }
        let taken = verify::take(artifact).map_err(|refusal| {
            let what = format!("{} cannot be had there: {}", artifact.place, refusal.what);
            Refusal::new(refusal.code, moved.name(), what).hint("copy the plugins there first, or write it beside the manifest")
        })?;
        if taken.content.digest != found.digest {
            let what = format!("{} is another file there: its SHA-256 is {}", artifact.place, taken.content.digest);
            return Err(Refusal::new(Code::DigestMismatch, moved.name(), what)
                .hint("copy the plugins there first, or write it beside the manifest"));
        }
    }
    Ok(())
}

fn show_text(locked: &Locked, check: bool, refusal: Option<&Refusal>) {
    let widest = locked.changes.iter().map(|change| change.path.len()).max().unwrap_or(0);
    for change in &locked.changes {
        let word = match (check, change.old) {
            (false, _) => "locked",
            (true, None) => "missing",
            (true, Some(_)) => "stale",
        };
        let (path, architecture) = (&change.path, change.architecture.name());
        let old = change.old.map(|old| format!(" (was {})", old.prefix())).unwrap_or_default();
        print(&format!("{word:<9} {path:<widest$}  {architecture:<7}  {}{old}\n", change.new));
    }
    if let Some(refusal) = refusal {
        complain::refusal(refusal);
        return;
    }
    let done = if locked.written { "written" } else { "unchanged" };
    print(&format!("{done:<9} {}\nLOADER_MANIFEST_SHA256={}\n", locked.file, locked.pin));
}

fn show_json(locked: &Locked, refusal: Option<&Refusal>) {
    let changes = locked.changes.iter().map(|change| {
        json!({
            "path": change.path,
            "architecture": change.architecture.name(),
            "old": change.old.map(|old| old.to_string()),
            "new": change.new.to_string(),
        })
    });
    let mut result = json!({
        "ok": refusal.is_none(),
        "manifest": locked.file,
        "sha256": locked.pin.to_string(),
        "written": locked.written,
        "changed": changes.collect::<Vec<_>>(),
    });
    if let Some(refusal) = refusal {
        result["error"] = super::error_json(refusal);
    }
    print_json(&result);
}
