//! `--from`: artifacts from elsewhere than the manifest says, such as a build folder.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::{From, advice};
use crate::manifest::near;
use crate::policy::{Artifact, Plan, Source};
use crate::{Code, Refusal};

/// Where artifacts are taken from instead; what was of use in no plan is a mistake.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    named: Vec<Place>,
    folders: Vec<Place>,
    known: Vec<String>,
    /// What the artifacts' files are called.
    files: Vec<PathBuf>,
}

#[derive(Debug)]
struct Place {
    /// The artifact's name; of a folder, what the caller called it.
    name: String,
    path: PathBuf,
    used: Cell<bool>,
}

/// Replaces the sources of artifacts in `plan`.
pub(super) fn apply(from: &From, plan: &mut Plan) -> Result<(), Refusal> {
    let mut elsewhere = Elsewhere::new(from)?;
    elsewhere.apply(plan)?;
    elsewhere.check_used()
}

impl Elsewhere {
    /// Reads the options.
    pub(super) fn new(from: &From) -> Result<Self, Refusal> {
        let mut elsewhere = Elsewhere::default();
        for entry in &from.from {
            // A folder whose name holds `=` can be given as `./a=b`.
            let (list, name, path) = match entry.split_once('=').filter(|(name, _)| !name.contains('/')) {
                Some((name, path)) => (&mut elsewhere.named, name, absolute(path)?),
                None => (&mut elsewhere.folders, entry.as_str(), absolute(entry)?),
            };
            let place = Place { name: name.to_owned(), path, used: Cell::new(false) };
            let is_folder = place.path.is_dir();
            if name.len() < entry.len() && is_folder {
                return Err(usage(format!("{entry} names a folder")).hint("give the file, or the folder without the name"));
            }
            if name.len() == entry.len() && !is_folder {
                return Err(usage(format!("{entry} is not a folder")).hint("give a folder, or NAME=FILE"));
            }
            // The same place twice is one place.
            if !list.iter().any(|known| known.path == place.path && (is_folder || known.name == place.name)) {
                list.push(place);
            }
        }
        Ok(elsewhere)
    }

    /// Replaces the sources of artifacts in `plan`. An artifact may be found in at most one place; a name beats the folders.
    pub(super) fn apply(&mut self, plan: &mut Plan) -> Result<(), Refusal> {
        for artifact in plan.libraries.iter_mut().chain(plan.plugins.iter_mut().map(|plugin| &mut plugin.artifact)) {
            let file = file_name(artifact);
            if !self.known.contains(&artifact.name) {
                self.known.push(artifact.name.clone());
                self.files.extend(file.clone());
            }
            let named = self.named.iter().filter(|place| place.name == artifact.name);
            let mut candidates: Vec<_> = named.map(|place| (place, place.path.clone())).collect();
            let in_folders = self.folders.iter().filter_map(|place| Some((place, place.path.join(file.as_deref()?))));
            let in_folders: Vec<_> = in_folders.filter(|(_, path)| path.exists()).collect();
            in_folders.iter().for_each(|(place, _)| place.used.set(true));
            if candidates.is_empty() {
                candidates = in_folders;
            }
            match &candidates[..] {
                [] => {}
                [(place, path)] => {
                    place.used.set(true);
                    artifact.source = source(path)?;
                    artifact.place = format!("{} from {}", artifact.place, path.display());
                }
                [(_, first), (_, second), ..] => {
                    let what = format!("{} is found twice: {} and {}", artifact.place, first.display(), second.display());
                    let hint = format!("name the one that is meant, and only that: --from {}=FILE", artifact.name);
                    return Err(usage(what).hint(hint));
                }
            }
        }
        Ok(())
    }

    /// Refuses what no plan had a use for.
    pub(super) fn check_used(&self) -> Result<(), Refusal> {
        let unused = |list: &'_ [Place]| list.iter().find(|place| !place.used.get()).map(|place| place.name.clone());
        let known = || self.known.iter().map(String::as_str);
        if let Some(name) = unused(&self.named) {
            let refusal = usage(format!("the manifest has no plugin or library {}", near::quoted(&name)));
            return Err(match near::nearest(&name, known()) {
                Some(meant) => refusal.hint(format!("is {} meant", near::quoted(meant))),
                None => refusal.hint(format!("it has {}", near::all(known()))),
            });
        }
        let Some(folder) = self.folders.iter().find(|place| !place.used.get()) else { return Ok(()) };
        let refusal = usage(format!("{} has none of the manifest's files", folder.name));
        Err(match self.files.iter().find_map(|file| advice::archive_beside(&folder.path.join(file))) {
            Some(archive) => refusal.hint(advice::no_cdylib(&archive)),
            None => refusal.hint("build them first, correct the folder, or name the file: --from NAME=FILE"),
        })
    }
}

fn usage(what: String) -> Refusal {
    Refusal::new(Code::Usage, "--from", what)
}

/// Without links and `..`, as the verified lookup wants it: the caller chose this file, wherever it lies.
fn absolute(path: &str) -> Result<PathBuf, Refusal> {
    Path::new(path).canonicalize().map_err(|error| {
        usage(format!("{}: {}", near::quoted(path), error.to_string().to_lowercase())).hint("build it first, or correct the path")
    })
}

fn file_name(artifact: &Artifact) -> Option<PathBuf> {
    match &artifact.source {
        Source::File { path, .. } => path.file_name().map(PathBuf::from),
        Source::S3 { uri } => uri.split('?').next()?.rsplit('/').next().map(PathBuf::from),
    }
}

fn source(path: &Path) -> Result<Source, Refusal> {
    match (path.parent(), path.file_name()) {
        (Some(root), Some(name)) => Ok(Source::File { root: root.to_owned(), path: name.into() }),
        _ => Err(usage(format!("{} is not a file", path.display()))),
    }
}
