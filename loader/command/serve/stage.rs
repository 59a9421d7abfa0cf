//! The locked copy that `bootstrap` gets: a flat manifest, and the files that it names, in a private folder.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::from::Elsewhere;
use super::super::opened::Opened;
use super::super::{Common, Format, From, advice};
use super::Arguments;
use crate::fetch::Contents;
use crate::load::SPOKEN;
use crate::manifest::Manifest;
use crate::manifest::relocate::{self, Moved, Sha256, Target};
use crate::policy::{self, Artifact, Base, Source};
use crate::service::{check_handlers, wanted};
use crate::verify::{self, Kind, Rules};
use crate::{Architecture, Code, Digest, Refusal, environment};

/// Makes copies, each in a folder of its own.
pub(super) struct Stager {
    common: Common,
    from: From,
    /// Digests are taken from the files, and not from the manifest.
    relock: bool,
    quiet: bool,
    private: tempfile::TempDir,
    count: AtomicU64,
}

/// One copy.
pub(super) struct Staged {
    /// Its manifest.
    pub(super) manifest: PathBuf,
    /// The manifest's digest.
    pub(super) pin: Digest,
    /// What it was made from.
    pub(super) watched: Vec<PathBuf>,
    /// The plugins and libraries with the digests of their files, for messages.
    pub(super) artifacts: Vec<(String, Digest)>,
    /// The manifest's own folder.
    pub(super) root: PathBuf,
    /// Which functions the manifest is for.
    pub(super) functions: Vec<String>,
    folder: PathBuf,
}

impl Staged {
    /// Removes it.
    pub(super) fn remove(&self) {
        // What is left goes with the private folder.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Stager {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Refusal> {
        let private = tempfile::Builder::new().prefix("lambda-loader-").permissions(Permissions::from_mode(0o700)).tempdir();
        let private = private.map_err(|error| {
            let place = std::env::temp_dir().display().to_string();
            Refusal::new(Code::Usage, place, format!("no folder can be made there: {}", error.to_string().to_lowercase()))
                .hint("set TMPDIR to a folder that is writable")
        })?;
        let Arguments { common, from, watch, .. } = arguments;
        let common = Common { manifest: common.manifest.clone(), stage: common.stage.clone(), output: common.output };
        let from = From { from: from.from.clone() };
        Ok(Stager {
            common,
            from,
            relock: *watch,
            quiet: arguments.common.output.format == Format::Json,
            private,
            count: AtomicU64::new(0),
        })
    }

    /// Reads the manifest again and copies what it names.
    pub(super) fn again(&self) -> Result<Staged, Refusal> {
        self.stage(Opened::new(&self.common)?)
    }

    /// The files that a copy is made from, as far as they can be known: of a manifest that cannot be read, itself.
    pub(super) fn sources(&self) -> Vec<PathBuf> {
        let given = Opened::path(&self.common);
        let mut files = vec![std::path::absolute(&given).unwrap_or(given)];
        let places = self.from.from.iter().map(|entry| match entry.split_once('=').filter(|(name, _)| !name.contains('/')) {
            Some((_, file)) => PathBuf::from(file),
            None => PathBuf::from(entry),
        });
        files.extend(places);
        let Ok(opened) = Opened::new(&self.common) else { return files };
        let plan = policy::plan(&opened.manifest, opened.stage(), &opened.base, Architecture::HERE);
        let Ok(mut plan) = plan else { return files };
        // What is wrong with them is told where they are taken.
        let _elsewhere = Elsewhere::new(&self.from).and_then(|mut elsewhere| elsewhere.apply(&mut plan));
        files.extend(
            plan.libraries.iter().chain(plan.plugins.iter().map(|plugin| &plugin.artifact)).filter_map(|it| file(&it.source)),
        );
        files.extend(plan.settings.as_ref().and_then(|settings| file(&settings.source)));
        files
    }

    /// Verifies what a manifest names, as `bootstrap` will, and copies it. No code of a plugin runs.
    fn stage(&self, opened: Opened) -> Result<Staged, Refusal> {
        let mut plan = opened.plan()?;
        let mut elsewhere = Elsewhere::new(&self.from)?;
        elsewhere.apply(&mut plan)?;
        elsewhere.check_used()?;
        let names: Vec<String> = plan.libraries.iter().map(|library| library.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rules = Rules { digest_optional: self.relock, ..Rules::here(&names, SPOKEN) };
        if self.relock {
            let artifacts = plan.libraries.iter_mut().chain(plan.plugins.iter_mut().map(|plugin| &mut plugin.artifact));
            artifacts.for_each(|artifact| artifact.digest = None);
            plan.settings.iter_mut().for_each(|settings| settings.digest = None);
        }
        let mut contents = opened.fetch(&plan, &rules, self.quiet)?;
        environment::gather(&plan, contents.settings()?)?;
        let copy = Copy::new(self.private.path(), self.count.fetch_add(1, Ordering::Relaxed))?;
        let mut watched: Vec<PathBuf> = opened.file.path().map(Path::to_owned).into_iter().collect();
        let mut placed: Vec<(Vec<&str>, String, Digest)> = Vec::new();
        for (index, library) in plan.libraries.iter().enumerate() {
            let path = format!("libraries/{index}.so");
            let digest = copy.artifact(library, Kind::Library, (&rules, &mut contents), &path, |_| Ok(()))?;
            watched.extend(file(&library.source));
            placed.push((vec!["libraries", &library.name], path, digest));
        }
        for (index, plugin) in plan.plugins.iter().enumerate() {
            let artifact = &plugin.artifact;
            let path = format!("plugins/{}.so", artifact.name);
            let handlers = |verified: &verify::Verified| check_handlers(&wanted(&plan, index), verified);
            let digest = copy.artifact(artifact, Kind::Plugin, (&rules, &mut contents), &path, handlers)?;
            watched.extend(file(&artifact.source));
            placed.push((vec!["plugins", &artifact.name], path, digest));
        }
        if let Some(settings) = &plan.settings {
            let (name, place) = (String::new(), "settings".to_owned());
            let artifact = Artifact { name, place, source: settings.source.clone(), digest: settings.digest };
            let digest = match contents.settings()? {
                Some(bytes) => copy.write("settings.json", bytes).map(|_| Digest::of(bytes))?,
                None => copy.bytes(&artifact, "settings.json")?,
            };
            watched.extend(file(&artifact.source));
            placed.push((vec!["settings"], "settings.json".to_owned(), digest));
        }
        // A folder may get a file that it does not have yet.
        watched.extend(self.from.from.iter().filter(|entry| Path::new(entry).is_dir()).map(PathBuf::from));
        let flat = Manifest::parse(opened.manifest.name(), opened.manifest.flatten(opened.stage())?.as_bytes())?;
        let moved = placed.iter().map(|(entry, path, digest)| Moved {
            entry,
            to: Target::Path(path.clone()),
            sha256: Sha256::One(*digest),
        });
        let moved: Vec<_> = moved.collect();
        let root = match &opened.base {
            Base::Folder(folder) => folder.clone(),
            // It lies in no folder of the function's.
            Base::Remote => copy.path().to_owned(),
        };
        let text = relocate::write(&flat, &moved)?;
        let manifest = copy.write("manifest.json", text.as_bytes())?;
        let artifacts = placed.iter().map(|(entry, _, digest)| (entry.join("."), *digest)).collect();
        let (pin, functions) = (Digest::of(text.as_bytes()), plan.functions.clone());
        Ok(Staged { manifest, pin, watched, artifacts, root, functions, folder: copy.keep() })
    }
}

fn file(source: &Source) -> Option<PathBuf> {
    match source {
        Source::File { root, path } => Some(root.join(path)),
        Source::S3 { .. } => None,
    }
}

/// A folder that goes again unless it is kept.
struct Copy(Option<PathBuf>);

impl Copy {
    fn new(private: &Path, number: u64) -> Result<Self, Refusal> {
        let private = private.canonicalize().map_err(|error| unwritable(private, &error))?;
        let folder = private.join(number.to_string());
        let made =
            ["", "libraries", "plugins"].iter().try_for_each(|name| DirBuilder::new().mode(0o700).create(folder.join(name)));
        let copy = Copy(Some(folder));
        made.map_err(|error| unwritable(copy.path(), &error))?;
        Ok(copy)
    }

    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn keep(mut self) -> PathBuf {
        self.0.take().unwrap_or_default()
    }

    /// Verifies a file and copies the very bytes that were verified.
    fn artifact(
        &self,
        artifact: &Artifact,
        kind: Kind,
        (rules, contents): (&Rules<'_>, &mut Contents),
        path: &str,
        more: impl Fn(&verify::Verified) -> Result<(), Refusal>,
    ) -> Result<Digest, Refusal> {
        let verified = contents.verified(artifact, kind, rules).map_err(|refusal| match refusal.code {
            Code::DigestMissing | Code::DigestMismatch => {
                refusal.hint("run lambda-loader lock, or serve with --watch, which takes files as they are")
            }
            Code::ArtifactMissing => match file(&artifact.source) {
                Some(path) => advice::missing(refusal, &path),
                None => refusal,
            },
            _ => refusal,
        })?;
        more(&verified)?;
        let target = self.path().join(path);
        let mut from = std::fs::File::from(verified.descriptor);
        let copied = create(&target).and_then(|mut to| {
            use std::io::Seek as _;
            from.rewind()?;
            std::io::copy(&mut from, &mut to)
        });
        copied.map_err(|error| unwritable(&target, &error))?;
        Ok(verified.digest)
    }

    /// Copies a file that is no shared object.
    fn bytes(&self, artifact: &Artifact, path: &str) -> Result<Digest, Refusal> {
        let taken = verify::take(artifact)?;
        self.write(path, taken.content.bytes())?;
        Ok(taken.content.digest)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Refusal> {
        let path = self.path().join(name);
        create(&path).and_then(|mut file| file.write_all(bytes)).map_err(|error| unwritable(&path, &error))?;
        Ok(path)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(folder) = self.0.take() {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

fn create(path: &Path) -> std::io::Result<std::fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Refusal {
    let what = format!("could not be written: {}", error.to_string().to_lowercase());
    Refusal::new(Code::Usage, path.display().to_string(), what).hint("set TMPDIR to a folder that is writable and has room")
}
