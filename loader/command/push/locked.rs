//! One stage with all its digests, in memory, and for which architectures its files are there.

use crate::command::From;
use crate::command::from::Elsewhere;
use crate::command::lock::collect::{self, Collected, Found};
use crate::command::lock::none_replaced;
use crate::command::opened::Opened;
use crate::manifest::edit::{self, Change};
use crate::manifest::{Manifest, Stage};
use crate::{Architecture, Code, Refusal};

/// A flat manifest.
pub(super) struct Locked {
    pub(super) manifest: Manifest,
    /// Digests that the manifest did not have.
    pub(super) changes: Vec<Change>,
    /// Those that have every file; never empty.
    pub(super) architectures: Vec<Architecture>,
}

/// Locks one stage. An architecture that has some files and lacks others is left out, with a word.
pub(super) fn stage(opened: &Opened, stage: &Stage, from: &From, quiet: bool) -> Result<Locked, Refusal> {
    let stage = stage.name.as_deref();
    let mut elsewhere = Elsewhere::new(from)?;
    let collected = collect::digests(opened, stage, &mut elsewhere, quiet)?;
    let edited = edit::write(&opened.manifest, &collected.digests())?;
    none_replaced(opened, &edited.changes)?;
    let text = Manifest::parse(opened.manifest.name(), edited.text.as_bytes())?.flatten(stage)?;
    let manifest = Manifest::parse(opened.manifest.name(), text.as_bytes())?;
    let mut architectures = Vec::new();
    let mut lacking = None;
    for architecture in Architecture::ALL {
        let Some(found) = missing(&collected, architecture) else {
            architectures.push(architecture);
            continue;
        };
        if collected.found.iter().any(|found| found.architecture == architecture) {
            eprintln!("warning: {architecture} is left out: {} has no file for it", found.name);
        }
        if lacking.is_none() || architecture == Architecture::HERE {
            lacking = Some((architecture, found));
        }
    }
    match lacking {
        Some((architecture, found)) if architectures.is_empty() => {
            let what = format!("no architecture has all files: {} has none for {architecture}", found.name);
            Err(Refusal::new(Code::ElfForeign, opened.manifest.name(), what).hint("build all of them for one architecture"))
        }
        _ => Ok(Locked { manifest, changes: edited.changes, architectures }),
    }
}

/// What an architecture has no file of.
fn missing(collected: &Collected, architecture: Architecture) -> Option<&Found> {
    let there = |one: &Found| {
        let mut all = collected.found.iter();
        all.any(|other| other.kind == one.kind && other.name == one.name && other.architecture == architecture)
    };
    collected.found.iter().find(|one| !there(one))
}
