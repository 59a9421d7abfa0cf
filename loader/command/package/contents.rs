//! What goes into the layer: the manifest with its digests, its signature, and the files that it names, each verified as `bootstrap`
//! will verify it. No code of a plugin runs.
//!
//! The layer is the manifest's folder, moved: what lies beside the manifest lies beside it in `/opt/loader`, and the text, and so its
//! signature, stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::archive::{Entry, Mode};
use super::held::Held;
use super::limits;
use crate::command::from::Elsewhere;
use crate::command::opened::Opened;
use crate::command::{From, advice, lock, progress};
use crate::fetch;
use crate::load::SPOKEN;
use crate::manifest::Manifest;
use crate::manifest::edit::Change;
use crate::policy::problem::Problem;
use crate::policy::{self, Artifact, Base, Plan, Source};
use crate::service::{check_handlers, wanted};
use crate::start::LAYER_MANIFEST;
use crate::verify::trust::{self, key};
use crate::verify::{self, GlibcVersion, Kind, Rules, Verified, closure};
use crate::{Architecture, Code, Digest, Refusal, environment};

/// Where Lambda unpacks layers.
const LAYERS: &str = "/opt";

/// A layer that may be packed.
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    /// As it is shipped.
    pub(super) manifest: Manifest,
    /// Digests that the manifest did not have.
    pub(super) changes: Vec<Change>,
    /// The line of the key that it is signed with, where that has to be configured.
    pub(super) key: Option<String>,
    /// Whether it is signed.
    pub(super) signed: bool,
    pub(super) functions: Vec<String>,
    pub(super) serial: Option<u64>,
}

/// For which function it is packed.
#[derive(Clone, Copy)]
pub(super) struct Target<'t> {
    pub(super) stage: Option<&'t str>,
    pub(super) architecture: Architecture,
    pub(super) glibc: GlibcVersion,
    /// The bytes that the function takes already.
    pub(super) besides: u64,
}

/// Collects and checks.
pub(super) fn collect(opened: &Opened, from: &From, target: Target<'_>, quiet: bool) -> Result<Contents, Refusal> {
    let (text, changes) = lock::text(opened, target.stage, from, quiet)?;
    let manifest = Manifest::parse(opened.manifest.name(), text.as_bytes())?;
    let (key, signature) = signature(opened, &text, target.stage)?;
    let mut layer = Layer { kept: BTreeMap::new(), size: target.besides + text.len() as u64, glibc: target.glibc };
    let mut elsewhere = Elsewhere::new(from)?;
    let mut progress = progress::of("checking", manifest.stages().len(), quiet);
    let (mut functions, mut serial) = (Vec::new(), None);
    for stage in manifest.stages() {
        let stage = stage.name.as_deref();
        progress.next(stage.unwrap_or("the manifest"));
        let mut here = policy::plan(&manifest, stage, &opened.base, target.architecture)?;
        elsewhere.apply(&mut here)?;
        let there = policy::plan(&manifest, stage, &layer_base(), target.architecture)?;
        layer.stage(opened, &here, &there, target.architecture, quiet)?;
        (functions, serial) = (here.functions, here.serial);
    }
    drop(progress);
    let mut entries =
        vec![Entry { name: in_layer(Path::new(LAYER_MANIFEST), "manifest")?, mode: Mode::Read, held: Held::Bytes(text.into()) }];
    let signed = signature.is_some();
    if let Some(signature) = signature {
        let name = in_layer(&trust::signature_path(Path::new(LAYER_MANIFEST)), "signature")?;
        entries.push(Entry { name, mode: Mode::Read, held: Held::Bytes(signature) });
    }
    for (name, (held, _)) in layer.kept {
        if entries.iter().any(|entry| entry.name == name) {
            return Err(Refusal::new(Code::ManifestValue, &name, "an artifact has the place of the manifest or its signature")
                .hint("give it another path"));
        }
        let held = match held {
            Kept::Object(verified) => Held::verified(verified.descriptor, verified.size),
            Kept::Settings(bytes) => Held::Bytes(bytes),
        };
        entries.push(Entry { name, mode: Mode::Read, held });
    }
    Ok(Contents { entries, manifest, changes, key, signed, functions, serial })
}

/// The buckets that anything of any stage comes from.
pub(super) fn buckets(opened: &Opened) -> Result<BTreeSet<String>, Refusal> {
    let mut buckets = BTreeSet::new();
    for stage in opened.manifest.stages() {
        let plan = policy::plan(&opened.manifest, stage.name.as_deref(), &opened.base, Architecture::HERE)?;
        for source in plan.sources() {
            if let Source::S3 { uri } = source {
                buckets.insert(policy::s3::parse(uri).map_err(Problem::refusal)?.bucket.to_owned());
            }
        }
    }
    Ok(buckets)
}

/// The manifest's folder in a function.
fn layer_base() -> Base {
    Base::Folder(Path::new(LAYER_MANIFEST).parent().map(PathBuf::from).unwrap_or_default())
}

/// The path in the archive of what is to lie at `path`.
fn in_layer(path: &Path, place: &str) -> Result<String, Refusal> {
    let inside = path.strip_prefix(LAYERS).ok().and_then(Path::to_str).filter(|inside| !inside.is_empty());
    inside.map(str::to_owned).ok_or_else(|| {
        let what = format!("it is to lie at {}, and a layer has what is below {LAYERS} alone", path.display());
        Refusal::new(Code::PathOutsideRoots, place, what).hint("write its path relative to the manifest's folder")
    })
}

/// The signature beside the manifest, checked with the key that functions will have.
fn signature(opened: &Opened, text: &str, stage: Option<&str>) -> Result<(Option<String>, Option<Vec<u8>>), Refusal> {
    let manifest = opened.path_for("package")?;
    let path = trust::signature_path(manifest);
    let line = std::env::var_os(key::VARIABLE).filter(|line| !line.is_empty());
    let Some(key) = key::in_force(key::built_in(), line.as_deref())? else {
        if path.symlink_metadata().is_err() {
            return Ok((None, None));
        }
        let what = "it is here, and not the key to check it with";
        return Err(Refusal::new(Code::Usage, path.display().to_string(), what)
            .hint("set LOADER_MANIFEST_KEY to the public key, or take the signature away"));
    };
    let signature = trust::read_signature(manifest)?;
    key.verify(&opened.file.bytes, &signature).map_err(|refusal| refusal.at(path.display().to_string()))?;
    if text.as_bytes() != opened.file.bytes {
        let (what, hint) = match stage {
            Some(_) => (
                "it is of the manifest with all its stages, and packed is one of them",
                "leave --stage out, or sign what lambda-loader lock --stage NAME --out FILE makes, and pack that",
            ),
            None => ("it is of the manifest without the digests of these files", "run lambda-loader lock, then sign"),
        };
        return Err(Refusal::new(Code::SignatureInvalid, path.display().to_string(), what).hint(hint));
    }
    let configured = line.and_then(|line| line.into_string().ok()).map(|line| line.trim().to_owned());
    Ok((configured.filter(|_| key::built_in().is_none()), Some(signature)))
}

/// A file of the layer.
enum Kept {
    Object(Box<Verified>),
    Settings(Vec<u8>),
}

/// What several stages ask for together.
struct Layer {
    /// By path in the archive; stages share most files.
    kept: BTreeMap<String, (Kept, Digest)>,
    /// With what is packed besides.
    size: u64,
    glibc: GlibcVersion,
}

impl Layer {
    /// Takes what one stage names: `here` says where it lies, `there` where it is to.
    fn stage(
        &mut self,
        opened: &Opened,
        here: &Plan,
        there: &Plan,
        architecture: Architecture,
        quiet: bool,
    ) -> Result<(), Refusal> {
        let names: Vec<&str> = here.libraries.iter().map(|library| library.name.as_str()).collect();
        let rules = Rules { architecture, ..Rules::here(&names, SPOKEN) }.with_glibc(self.glibc);
        let mut contents = opened.fetch(here, &rules, quiet)?;
        environment::gather(here, contents.settings()?)?;
        // What stays in S3 is checked all the same, and is dropped here again.
        let mut remote = Vec::new();
        let mut places = Vec::new();
        for (library, target) in here.libraries.iter().zip(&there.libraries) {
            places.push(self.artifact(library, target, Kind::Library, &rules, (&mut contents, &mut remote))?);
        }
        for (plugin, target) in here.plugins.iter().zip(&there.plugins) {
            places.push(self.artifact(&plugin.artifact, &target.artifact, Kind::Plugin, &rules, (&mut contents, &mut remote))?);
        }
        let verified: Vec<&Verified> = places.iter().filter_map(|place| self.verified(place, &remote)).collect();
        let (libraries, plugins) = verified.split_at_checked(here.libraries.len()).unwrap_or_default();
        for (index, plugin) in plugins.iter().enumerate() {
            check_handlers(&wanted(here, index), plugin)?;
        }
        closure::load_order(libraries)?;
        closure::check_used(libraries, plugins)?;
        match (&here.settings, &there.settings) {
            (Some(from), Some(to)) => self.settings(from, to),
            _ => Ok(()),
        }
    }

    fn verified<'v>(&'v self, place: &Place, remote: &'v [Verified]) -> Option<&'v Verified> {
        match place {
            Place::Layer(name) => match self.kept.get(name) {
                Some((Kept::Object(verified), _)) => Some(verified),
                _ => None,
            },
            Place::Remote(index) => remote.get(*index),
        }
    }

    /// Verifies one file, unless another stage has named it already.
    fn artifact(
        &mut self,
        from: &Artifact,
        to: &Artifact,
        kind: Kind,
        rules: &Rules<'_>,
        (contents, remote): (&mut fetch::Contents, &mut Vec<Verified>),
    ) -> Result<Place, Refusal> {
        let name = match &to.source {
            Source::File { root, path } => Some(in_layer(&root.join(path), &from.place)?),
            Source::S3 { .. } => None,
        };
        if let Some(name) = &name
            && let Some((Kept::Object(known), digest)) = self.kept.get(name)
            && Some(*digest) == from.digest
            // Under another name, or as the other kind, it is held to other rules.
            && known.place == from.place
        {
            return Ok(Place::Layer(name.clone()));
        }
        let verified = contents.verified(from, kind, rules).map_err(|refusal| match (refusal.code, &from.source) {
            (Code::ArtifactMissing, Source::File { root, path }) => advice::missing(refusal, &root.join(path)),
            (Code::DigestMissing, _) => refusal.hint(format!("build its file for {} too", rules.architecture)),
            _ => refusal,
        })?;
        let Some(name) = name else {
            remote.push(verified);
            return Ok(Place::Remote(remote.len() - 1));
        };
        let (digest, size) = (verified.digest, verified.size);
        self.keep(&name, Kept::Object(Box::new(verified)), digest, size, &from.place)?;
        Ok(Place::Layer(name))
    }

    fn settings(&mut self, from: &policy::Settings, to: &policy::Settings) -> Result<(), Refusal> {
        let Source::File { root, path } = &to.source else { return Ok(()) };
        let place = "settings";
        let name = in_layer(&root.join(path), place)?;
        let artifact =
            Artifact { name: String::new(), place: place.to_owned(), source: from.source.clone(), digest: from.digest };
        let content = verify::take(&artifact)?.content;
        let bytes = content.bytes().to_vec();
        let size = bytes.len() as u64;
        self.keep(&name, Kept::Settings(bytes), content.digest, size, place)
    }

    /// Keeps a file, once, while there is room.
    fn keep(&mut self, name: &str, kept: Kept, digest: Digest, size: u64, place: &str) -> Result<(), Refusal> {
        match self.kept.get(name) {
            Some((_, other)) if *other != digest => {
                let what = format!("{name} was to be two different files");
                return Err(Refusal::new(Code::Usage, place, what).hint("give each its own path, or name one file for both"));
            }
            Some(_) => return Ok(()),
            None => self.size += size,
        }
        limits::check_unzipped(self.size)?;
        self.kept.insert(name.to_owned(), (kept, digest));
        Ok(())
    }
}

/// Where a verified file is held.
enum Place {
    Layer(String),
    Remote(usize),
}
