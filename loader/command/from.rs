//! `--from`: artifacts from elsewhere than the manifest says, such as a build folder.

use std::path::{Path, PathBuf};

use super::From;
use crate::policy::{Artifact, Plan, Source};
use crate::{Code, Refusal};

/// Replaces the sources of artifacts in `plan`.
///
/// An artifact may be found in at most one place; every `NAME=` has to name one.
pub(super) fn apply(from: &From, plan: &mut Plan) -> Result<(), Refusal> {
    let mut folders = Vec::new();
    let mut named: Vec<(&str, PathBuf)> = Vec::new();
    for entry in &from.from {
        // A folder whose name holds `=` can be given as `./a=b`.
        match entry.split_once('=').filter(|(name, _)| !name.contains('/')) {
            Some((name, path)) => named.push((name, absolute(Path::new(path))?)),
            None => {
                let folder = absolute(Path::new(entry))?;
                if !folder.is_dir() {
                    return Err(usage(format!("{entry} is not a folder")).hint("give a folder, or NAME=FILE"));
                }
                folders.push(folder);
            }
        }
    }
    let mut used = vec![false; named.len()];
    for artifact in plan.libraries.iter_mut().chain(plan.plugins.iter_mut().map(|plugin| &mut plugin.artifact)) {
        let mut candidates = Vec::new();
        for ((name, path), used) in named.iter().zip(&mut used) {
            if *name == artifact.name {
                *used = true;
                candidates.push(path.clone());
            }
        }
        if candidates.is_empty() {
            let file = file_name(artifact);
            candidates
                .extend(folders.iter().filter_map(|folder| Some(folder.join(file.as_deref()?))).filter(|path| path.exists()));
        }
        match &candidates[..] {
            [] => {}
            [path] => artifact.source = source(path)?,
            [first, second, ..] => {
                let what = format!("{} is found twice: {} and {}", artifact.place, first.display(), second.display());
                return Err(usage(what).hint("name the one that is meant: --from NAME=FILE"));
            }
        }
    }
    match named.iter().zip(used).find(|(_, used)| !used) {
        Some(((name, _), _)) => Err(usage(format!("the manifest has no plugin or library \"{name}\""))),
        None => Ok(()),
    }
}

fn usage(what: String) -> Refusal {
    Refusal::new(Code::Usage, "--from", what)
}

/// Without links and `..`, as the verified lookup wants it: the caller chose this file, wherever it lies.
fn absolute(path: &Path) -> Result<PathBuf, Refusal> {
    path.canonicalize().map_err(|error| usage(format!("{}: {}", path.display(), error.to_string().to_lowercase())))
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
