//! What to type next: the mend of a refusal in the words of the command line that it came from.

use std::path::{Path, PathBuf};

use super::{Common, From};
use crate::policy::{Artifact, Plan, Source};
use crate::{Code, Refusal};

/// What a command was told, and the files that it works on.
#[derive(Debug)]
pub(super) struct Advice {
    /// `lambda-loader lock`, with the options of the command that was given.
    lock: String,
    artifacts: Vec<Artifact>,
}

impl Advice {
    pub(super) fn new(common: &Common, from: &From, plan: &Plan) -> Self {
        let mut lock = "lambda-loader lock".to_owned();
        // What lies in S3 is locked before it is uploaded.
        if let Some(manifest) = common.manifest.as_ref().filter(|manifest| !manifest.starts_with("s3:")) {
            lock += &format!(" --manifest {}", word(&manifest.display().to_string()));
        }
        for entry in &from.from {
            lock += &format!(" --from {}", word(entry));
        }
        let plugins = plan.plugins.iter().map(|plugin| &plugin.artifact);
        Advice { lock, artifacts: plan.libraries.iter().chain(plugins).cloned().collect() }
    }

    /// The command that locks these files into this manifest.
    pub(super) fn lock(&self) -> &str {
        &self.lock
    }

    /// The refusal with the best mend that is known.
    pub(super) fn give(&self, refusal: Refusal) -> Refusal {
        match refusal.code {
            Code::DigestMissing => refusal.hint(format!("run {}", self.lock)),
            Code::DigestMismatch => {
                refusal.hint(format!("ship the file that was locked, or run {} if this one is meant", self.lock))
            }
            Code::ArtifactMissing => match self.artifacts.iter().find(|artifact| artifact.place == refusal.place) {
                Some(Artifact { source: Source::File { root, path }, .. }) => missing(refusal, &root.join(path)),
                _ => refusal,
            },
            _ => refusal,
        }
    }
}

/// A file that is not there: how cargo can be made to build it, or where it has been built.
pub(super) fn missing(refusal: Refusal, path: &Path) -> Refusal {
    let built: Vec<PathBuf> =
        path.file_name().map(|name| build_folders(path).map(|folder| folder.join(name)).collect()).unwrap_or_default();
    let archive = std::iter::once(path).chain(built.iter().map(PathBuf::as_path)).find_map(archive_beside);
    let hint = match (built.iter().find(|path| path.is_file()), archive) {
        (Some(built), _) => {
            let folder = built.parent().unwrap_or(built);
            format!("it was built in {folder}: add --from {}", word(&folder.display().to_string()), folder = folder.display())
        }
        (None, Some(archive)) => no_cdylib(&archive),
        (None, None) => "build it, correct the path, or give --from the folder that it is built in".to_owned(),
    };
    Refusal { what: format!("{} is not there", path.display()), ..refusal }.hint(hint)
}

/// What cargo made of the same crate instead of a shared object.
pub(super) fn archive_beside(path: &Path) -> Option<PathBuf> {
    ["rlib", "a"].into_iter().map(|extension| path.with_extension(extension)).find(|path| path.is_file())
}

/// The mend of a crate that makes the archive, and no shared object.
pub(super) fn no_cdylib(archive: &Path) -> String {
    let archive = archive.display();
    format!(
        "cargo made {archive} of the crate: write crate-type = [\"cdylib\", \"rlib\"] below [lib] in its Cargo.toml, and build again"
    )
}

/// Where cargo may have put a plugin whose manifest lies near: `target/` of the file's folder and those above, and of the working
/// directory's. Nearest first, and of two the newer profile is for the person to choose: debug is what plain `cargo build` makes.
fn build_folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let here = std::env::current_dir().ok();
    let above = path.ancestors().skip(1).chain(here.iter().flat_map(|here| here.ancestors()));
    let projects: Vec<PathBuf> =
        above.filter(|folder| folder.join("target/CACHEDIR.TAG").is_file()).map(Path::to_owned).collect();
    projects.into_iter().flat_map(|project| ["target/debug", "target/release"].map(|profile| project.join(profile)))
}

/// A word of a command line as a shell takes it.
fn word(text: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-=+@%:,".contains(letter);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_as_a_shell_takes_it() {
        for (text, expected) in
            [("target/debug", "target/debug"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(word(text), expected);
        }
    }
}
