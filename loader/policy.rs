//! Manifest and stage to a [`Plan`]: allowlist, paths, conflicts. Pure: nothing here touches a file.

mod check;
pub mod name;
mod path;
pub(crate) mod problem;
mod routes;
pub mod s3;
pub mod variable;

#[cfg(test)]
mod rejections;
#[cfg(test)]
mod sample;

use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;
use crate::machine::Architecture;
use crate::manifest::{Manifest, Stage, wire};
use crate::refusal::{Code, Refusal};
use crate::route;

pub use crate::manifest::wire::{Load, Lockdown};
pub(crate) use path::ARCH;
use problem::Problem;

/// Where the manifest lies: what relative paths in it are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The manifest's own folder, absolute and without `..`.
    Folder(PathBuf),
    /// The manifest is an S3 object: there is no folder, and relative paths are refused.
    Remote,
}

/// Checks every stage of `manifest` and plans the one that is wanted (else the default one).
///
/// `architecture` is the one whose digests are wanted and that `{arch}` stands for.
///
/// # Errors
/// The stage cannot be chosen, or any stage, the wanted one or not, breaks a rule of the manifest; the place names line, column
/// and JSON path.
pub fn plan(manifest: &Manifest, stage: Option<&str>, base: &Base, architecture: Architecture) -> Result<Plan, Refusal> {
    if let Base::Folder(folder) = base
        && !path::is_clean(folder)
    {
        let what = format!("the manifest's folder {folder:?} is not an absolute path without \"..\"");
        return Err(Refusal::new(Code::Internal, manifest.name(), what));
    }
    let wanted = manifest.stage(stage)?;
    let mut chosen = None;
    for stage in manifest.stages() {
        let mut warnings = Vec::new();
        let checked = check::stage(stage, base, architecture, &mut warnings);
        let mut plan = checked.map_err(|problem| manifest.refuse(stage, &problem))?;
        if stage.name == wanted.name {
            plan.warnings = worded(manifest, stage, &warnings);
            chosen = Some(plan);
        }
    }
    chosen.ok_or_else(|| Refusal::new(Code::Internal, manifest.name(), "the chosen stage was lost"))
}

/// The most warnings that are put into words.
const WARNINGS: usize = 50;

fn worded(manifest: &Manifest, stage: &Stage, warnings: &[Problem]) -> Vec<String> {
    let worded = warnings.iter().map(|warning| manifest.refuse(stage, warning).to_string());
    let mut words: Vec<_> = manifest.idle_nulls(stage).chain(worded).take(WARNINGS + 1).collect();
    if words.len() > WARNINGS {
        words.truncate(WARNINGS);
        words.push(format!("{}: there are more warnings", manifest.name()));
    }
    words
}

/// What one stage of a manifest asks for, checked against its own allowlist.
#[derive(Debug)]
pub struct Plan {
    /// The stage, where the manifest has stages.
    pub stage: Option<String>,
    /// The functions that may use the manifest, as patterns; empty: any.
    pub functions: Vec<String>,
    /// The manifest's serial.
    pub serial: Option<u64>,
    /// Shared libraries, in the order of the file; which needs which is known only from the ELF files.
    pub libraries: Vec<Artifact>,
    /// The plugins, in the order of the file.
    pub plugins: Vec<Plugin>,
    /// The routes, in the order in which they are tried: the more specific first.
    pub routes: Vec<Route>,
    /// Receives failures.
    pub on_error: Option<Target>,
    /// More variables, from a file or S3.
    pub settings: Option<Settings>,
    /// Variables to set before the first thread, sorted by name. Their values never enter a log.
    pub environment: Vec<(String, String)>,
    /// `allow.environment`: which names `settings` may set.
    pub variables_allowed: Vec<String>,
    /// Whether to lock the process down once all plugins are up.
    pub lockdown: Lockdown,
    /// Overrides the margin kept before Lambda's deadline.
    pub deadline_margin: Option<Duration>,
    /// What is allowed and yet probably not meant.
    pub warnings: Vec<String>,
}

impl Plan {
    /// All that is loaded: libraries, then plugins, each in the order of the file.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        self.libraries.iter().chain(self.plugins.iter().map(|plugin| &plugin.artifact))
    }

    /// Where all bytes come from: those of libraries, plugins and settings.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.artifacts().map(|artifact| &artifact.source).chain(self.settings.iter().map(|settings| &settings.source))
    }
}

/// A file with a digest.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Plugin name, or a library's soname.
    pub name: String,
    /// `plugin "orders"` or `library "libpq.so.5"`, for messages.
    pub place: String,
    /// Where its bytes are.
    pub source: Source,
    /// What they must hash to on this architecture. `None` only while people edit.
    pub digest: Option<Digest>,
}

/// Where an artifact's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file, reached from the folder `root` through `path` and never outside it.
    File {
        /// An allowed root, absolute.
        root: PathBuf,
        /// Relative to `root`, without `.` and `..`.
        path: PathBuf,
    },
    /// An S3 object of an allowed bucket.
    S3 {
        /// The whole `s3://` URI.
        uri: String,
    },
}

/// A plugin to verify, load and start.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its file.
    pub artifact: Artifact,
    /// Its `config` as JSON text; `null` where the manifest has none.
    pub config: String,
    /// When it is loaded.
    pub load: Load,
}

/// A handler of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index into [`Plan::plugins`].
    pub plugin: usize,
    /// The handler; `None`: the plugin's only one.
    pub handler: Option<String>,
}

/// Which events go where, and how they are answered.
#[derive(Debug)]
pub struct Route {
    /// Its name in the manifest and in every log line.
    pub name: String,
    /// Which events it takes.
    pub matching: route::Match,
    /// The handler.
    pub to: Target,
    /// HTTP: buffered or streamed.
    pub reply: wire::Reply,
    /// HTTP: what a failure becomes.
    pub on_failure: wire::OnFailure,
    /// Batches: whole or one record at a time.
    pub batch: wire::Batch,
    /// Batches: whether single records may be reported as failed.
    pub report_batch_item_failures: bool,
    /// Batches one record at a time: how many at once; at least 1.
    pub concurrency: u32,
}

/// Where `settings` come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A file or an S3 object.
    pub source: Source,
    /// Its digest, where the manifest pins it.
    pub digest: Option<Digest>,
    /// Whether the manifest's variables win over those that the function has already.
    pub overrides: bool,
}
