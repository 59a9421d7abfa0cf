//! What is uploaded: the files that one stage names, each verified as `bootstrap` will verify it, and the manifest that names them where
//! they are to lie. No code of a plugin runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::destination::Destination;
use super::locked::{self, Locked};
use super::object::{Bytes, Object};
use crate::command::from::Elsewhere;
use crate::command::opened::Opened;
use crate::command::{From, advice, progress};
use crate::load::SPOKEN;
use crate::manifest::edit::Change;
use crate::manifest::near::quoted;
use crate::manifest::relocate::{self, Moved, Sha256, Target};
use crate::manifest::{Manifest, Stage};
use crate::policy::{self, ARCH, Artifact, Base, Plan, Settings, Source};
use crate::service::{check_handlers, wanted};
use crate::verify::{self, GlibcVersion, Kind, Rules, Verified, closure};
use crate::{Architecture, Code, Digest, Refusal, environment};

/// A stage that may be uploaded.
pub(super) struct Contents {
    /// Its name, where the manifest has stages.
    pub(super) stage: Option<String>,
    /// What the manifest names and is not in S3 yet, as far as the manifest says.
    pub(super) objects: Vec<Object>,
    /// As it is uploaded: flat, and all that it names is in S3.
    pub(super) manifest: Manifest,
    /// Digests that the manifest did not have.
    pub(super) changes: Vec<Change>,
    pub(super) architectures: Vec<Architecture>,
    pub(super) functions: Vec<String>,
    pub(super) serial: Option<u64>,
}

/// Files to upload, by the section and name under which the manifest has them.
#[derive(Default)]
struct Files {
    artifacts: BTreeMap<(&'static str, String), Vec<File>>,
    settings: Option<(String, Bytes, Digest)>,
}

/// An artifact's file for one architecture.
struct File {
    architecture: Architecture,
    verified: Verified,
    /// The last component of its path.
    name: String,
    /// Whether it lies here; else it is in S3 already.
    here: bool,
}

/// Collects and checks.
pub(super) fn collect(
    opened: &Opened,
    from: &From,
    to: &Destination,
    glibc: GlibcVersion,
    quiet: bool,
) -> Result<Contents, Refusal> {
    let stage = opened.manifest.stage(opened.stage())?;
    check_bucket(opened, stage, to)?;
    let Locked { manifest, changes, architectures } = locked::stage(opened, stage, from, quiet)?;
    let mut files = Files::default();
    let mut elsewhere = Elsewhere::new(from)?;
    let (mut functions, mut serial) = (Vec::new(), None);
    for &architecture in &architectures {
        let mut plan = policy::plan(&manifest, None, &opened.base, architecture)?;
        elsewhere.apply(&mut plan)?;
        files.of_plan(opened, &plan, architecture, glibc, quiet)?;
        (functions, serial) = (plan.functions, plan.serial);
    }
    let (objects, manifest) = files.moved(&manifest, to)?;
    for &architecture in &architectures {
        // As a function will read it.
        policy::plan(&manifest, None, &Base::Remote, architecture)?;
    }
    Ok(Contents { stage: stage.name.clone(), objects, manifest, changes, architectures, functions, serial })
}

/// Functions would refuse a manifest with another bucket: so nothing is uploaded to one.
fn check_bucket(opened: &Opened, stage: &Stage, to: &Destination) -> Result<(), Refusal> {
    let allowed = stage.wire.allow.as_ref().and_then(|allow| allow.buckets.as_deref()).unwrap_or_default();
    if allowed.contains(&to.bucket) {
        return Ok(());
    }
    let place = opened.manifest.place(stage, &["allow", "buckets"]);
    let what = format!("the bucket {} is not allowed", quoted(&to.bucket));
    Err(Refusal::new(Code::BucketNotAllowed, place, what).hint("add it to allow.buckets"))
}

impl Files {
    /// Verifies what one architecture has.
    fn of_plan(
        &mut self,
        opened: &Opened,
        plan: &Plan,
        architecture: Architecture,
        glibc: GlibcVersion,
        quiet: bool,
    ) -> Result<(), Refusal> {
        let names: Vec<&str> = plan.libraries.iter().map(|library| library.name.as_str()).collect();
        let rules = Rules { architecture, ..Rules::here(&names, SPOKEN) }.with_glibc(glibc);
        let mut contents = opened.fetch(plan, &rules, quiet)?;
        environment::gather(plan, contents.settings()?)?;
        let mut progress = progress::of("checking", plan.artifacts().count(), quiet);
        let mut verified = |artifact: &Artifact, kind: Kind| {
            progress.next(&artifact.place);
            contents.verified(artifact, kind, &rules).map_err(|refusal| match (refusal.code, &artifact.source) {
                (Code::ArtifactMissing, Source::File { root, path }) => advice::missing(refusal, &root.join(path)),
                _ => refusal,
            })
        };
        let libraries: Vec<Verified> =
            plan.libraries.iter().map(|library| verified(library, Kind::Library)).collect::<Result<_, _>>()?;
        let mut plugins = Vec::new();
        for (index, plugin) in plan.plugins.iter().enumerate() {
            let file = verified(&plugin.artifact, Kind::Plugin)?;
            check_handlers(&wanted(plan, index), &file)?;
            plugins.push(file);
        }
        let (some, others): (Vec<&Verified>, Vec<&Verified>) = (libraries.iter().collect(), plugins.iter().collect());
        closure::load_order(&some)?;
        closure::check_used(&some, &others)?;
        for (artifact, verified) in plan.libraries.iter().zip(libraries) {
            self.keep("libraries", artifact, architecture, verified)?;
        }
        for (plugin, verified) in plan.plugins.iter().zip(plugins) {
            self.keep("plugins", &plugin.artifact, architecture, verified)?;
        }
        plan.settings.as_ref().map_or(Ok(()), |settings| self.keep_settings(settings))
    }

    fn keep(
        &mut self,
        section: &'static str,
        artifact: &Artifact,
        architecture: Architecture,
        verified: Verified,
    ) -> Result<(), Refusal> {
        let (name, here) = match &artifact.source {
            Source::File { path, .. } => (file_name(path, &artifact.place)?, true),
            Source::S3 { uri } => (uri.split('?').next().and_then(|uri| uri.rsplit('/').next()).unwrap_or(uri).to_owned(), false),
        };
        let files = self.artifacts.entry((section, artifact.name.clone())).or_default();
        files.push(File { architecture, verified, name, here });
        Ok(())
    }

    /// Keeps settings that are a file. Those in S3 stay there: they may change without a new manifest.
    fn keep_settings(&mut self, settings: &Settings) -> Result<(), Refusal> {
        let Source::File { path, .. } = &settings.source else { return Ok(()) };
        let place = "settings".to_owned();
        let name = file_name(path, &place)?;
        let artifact = Artifact { name: String::new(), place, source: settings.source.clone(), digest: settings.digest };
        let content = verify::take(&artifact)?.content;
        let (size, digest) = (content.bytes().len() as u64, content.digest);
        self.settings = Some((name, Bytes::sealed(content.into_descriptor(), size), digest));
        Ok(())
    }

    /// What is uploaded, and the manifest that names it there.
    fn moved(self, manifest: &Manifest, to: &Destination) -> Result<(Vec<Object>, Manifest), Refusal> {
        let mut objects: Vec<Object> = Vec::new();
        let mut targets: Vec<(Vec<String>, String, Sha256)> = Vec::new();
        for ((section, entry), files) in self.artifacts {
            if !files.iter().any(|file| file.here) {
                continue;
            }
            let digests: Vec<_> = files.iter().map(|file| (file.architecture, file.verified.digest)).collect();
            let uri = to.artifact(&digests, &shared_name(&files, &entry));
            for File { architecture, verified, .. } in files {
                let uri = uri.replace(ARCH, architecture.name());
                // Two names for the same file are one object.
                if !objects.iter().any(|object| object.uri == uri) {
                    let bytes = Bytes::sealed(verified.descriptor, verified.size);
                    objects.push(Object::artifact(verified.place, uri, bytes, verified.digest));
                }
            }
            let sha256 = match digests.as_slice() {
                [(_, digest)] => Sha256::One(*digest),
                _ => Sha256::Each(digests),
            };
            targets.push((vec![section.to_owned(), entry], uri, sha256));
        }
        if let Some((name, bytes, digest)) = self.settings {
            let uri = to.artifact(&[(Architecture::HERE, digest)], &name);
            objects.push(Object::artifact("settings".to_owned(), uri.clone(), bytes, digest));
            targets.push((vec!["settings".to_owned()], uri, Sha256::One(digest)));
        }
        let entries: Vec<Vec<&str>> = targets.iter().map(|(entry, ..)| entry.iter().map(String::as_str).collect()).collect();
        let moved = targets.iter().zip(&entries).map(|((_, uri, sha256), entry)| Moved {
            entry,
            to: Target::Object(uri.clone()),
            sha256: sha256.clone(),
        });
        let text = relocate::write(manifest, &moved.collect::<Vec<_>>())?;
        let text = Manifest::parse(manifest.name(), text.as_bytes())?.flatten(None)?;
        Ok((objects, Manifest::parse(manifest.name(), text.as_bytes())?))
    }
}

/// What the files of all architectures are called under their common key.
fn shared_name(files: &[File], entry: &str) -> String {
    match files {
        [first, rest @ ..] if rest.iter().all(|file| file.name == first.name) => first.name.clone(),
        _ => format!("{}.so", entry.trim_end_matches(".so")),
    }
}

fn file_name(path: &std::path::Path, place: &str) -> Result<String, Refusal> {
    // What a key of S3 can hold, and this project's URIs, and every shell.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+@=,".contains(letter);
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).filter(|name| name.chars().all(plain));
    name.map(str::to_owned).ok_or_else(|| {
        let what = format!("its file {} cannot be named in S3", PathBuf::from(path.file_name().unwrap_or_default()).display());
        Refusal::new(Code::Usage, place, what).hint("give the file a name of letters, digits, - _ and .")
    })
}
