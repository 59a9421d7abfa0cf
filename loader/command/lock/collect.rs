//! The digests of all files that a manifest names, for every stage and architecture that has one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::command::advice;
use crate::command::from::Elsewhere;
use crate::command::opened::Opened;
use crate::command::progress;
use crate::fetch::{Body, Form, Wanted};
use crate::manifest::edit::{Kind, NewDigest};
use crate::policy::{Artifact, Plan, Source};
use crate::verify::{self, Content, elf};
use crate::{Architecture, Code, Digest, Refusal};

/// One artifact's digest in one stage.
pub(in crate::command) struct Found {
    pub(super) stage: Option<String>,
    pub(in crate::command) kind: Kind,
    pub(in crate::command) name: String,
    pub(in crate::command) architecture: Architecture,
    pub(super) digest: Digest,
}

/// All that was found.
pub(in crate::command) struct Collected {
    pub(in crate::command) found: Vec<Found>,
}

impl Collected {
    /// As the manifest's editor takes them.
    pub(in crate::command) fn digests(&self) -> Vec<NewDigest<'_>> {
        let new = |found: &'_ Found| (found.kind, found.architecture, found.digest);
        let digests = self.found.iter().map(|found| {
            let (kind, architecture, digest) = new(found);
            NewDigest { stage: found.stage.as_deref(), kind, name: &found.name, architecture, digest }
        });
        digests.collect()
    }
}

/// What a file is, as far as a lock needs it. Stages share most files: each is read once.
type Seen = HashMap<Source, Result<(Architecture, Digest), Refusal>>;

/// Hashes what the wanted stage names, or all of them do.
pub(in crate::command) fn digests(
    opened: &Opened,
    wanted: Option<&str>,
    elsewhere: &mut Elsewhere,
    quiet: bool,
) -> Result<Collected, Refusal> {
    let all = opened.manifest.stages().iter().map(|stage| stage.name.as_deref());
    let stages: Vec<Option<&str>> = if wanted.is_some() { vec![wanted] } else { all.collect() };
    let mut planned = Vec::new();
    for stage in stages {
        let mut plans = Vec::new();
        for architecture in Architecture::ALL {
            let mut plan = opened.plan_for(stage, architecture)?;
            elsewhere.apply(&mut plan)?;
            plans.push((architecture, plan));
        }
        planned.push((stage, names(&plans), plans));
    }
    elsewhere.check_used()?;
    let mut progress = progress::of("hashing", planned.iter().map(|(_, names, _)| names.len()).sum(), quiet);
    let mut seen = fetched(opened, planned.iter().flat_map(|(_, _, plans)| plans.iter().map(|(_, plan)| plan)), quiet)?;
    let mut found = Vec::new();
    for (stage, names, plans) in &planned {
        for (kind, name) in names {
            let (kind, name) = (*kind, name.as_str());
            progress.next(name);
            let mut sources: Vec<(Architecture, &Artifact)> = Vec::new();
            sources.extend(plans.iter().filter_map(|(of, plan)| Some((*of, artifact(plan, kind, name)?))));
            for (architecture, digest) in of_artifact(&sources, &mut seen)? {
                found.push(Found { stage: stage.map(str::to_owned), kind, name: name.to_owned(), architecture, digest });
            }
        }
    }
    Ok(Collected { found })
}

fn names(plans: &[(Architecture, Plan)]) -> Vec<(Kind, String)> {
    let Some((_, plan)) = plans.first() else { return Vec::new() };
    let libraries = plan.libraries.iter().map(|library| (Kind::Library, library.name.clone()));
    libraries.chain(plan.plugins.iter().map(|plugin| (Kind::Plugin, plugin.artifact.name.clone()))).collect()
}

/// An artifact by its name.
pub(super) fn artifact<'p>(plan: &'p Plan, kind: Kind, name: &str) -> Option<&'p Artifact> {
    match kind {
        Kind::Library => plan.libraries.iter().find(|library| library.name == name),
        Kind::Plugin => plan.plugins.iter().map(|plugin| &plugin.artifact).find(|artifact| artifact.name == name),
    }
}

/// One file for all architectures is of the one that its header says. Where each has a file of its own (`{arch}`), at least one has
/// to be there, and each has to be what its name says.
fn of_artifact(sources: &[(Architecture, &Artifact)], seen: &mut Seen) -> Result<Vec<(Architecture, Digest)>, Refusal> {
    let shared = matches!(sources, [(_, one), (_, other)] if one.source == other.source);
    let mut digests = Vec::new();
    let mut missing = None;
    for (expected, artifact) in sources {
        let (is, digest) = match read(artifact, seen) {
            Ok(read) => read,
            Err(refusal) if !shared && matches!(refusal.code, Code::ArtifactMissing | Code::RemoteMissing) => {
                // This machine's file is the one that people have forgotten to build.
                if missing.is_none() || *expected == Architecture::HERE {
                    missing = Some(refusal);
                }
                continue;
            }
            Err(refusal) => return Err(refusal),
        };
        if !shared && is != *expected {
            let what = format!("its file for {expected} is for {is}");
            return Err(
                Refusal::new(Code::ElfForeign, &artifact.place, what).hint("put each architecture's file at its own path")
            );
        }
        digests.push((is, digest));
        if shared {
            break;
        }
    }
    match missing {
        Some(refusal) if digests.is_empty() => Err(refusal),
        _ => Ok(digests),
    }
}

fn read(artifact: &Artifact, seen: &mut Seen) -> Result<(Architecture, Digest), Refusal> {
    if let Some(known) = seen.get(&artifact.source) {
        return known.clone().map_err(|refusal| refusal.at(&artifact.place));
    }
    let taken = verify::take(artifact).map_err(|refusal| match (refusal.code, &artifact.source) {
        (Code::ArtifactMissing, Source::File { root, path }) => advice::missing(refusal, &root.join(path)),
        _ => refusal,
    })?;
    let known = facts(&taken.content).map_err(|refusal| refusal.at(&artifact.place))?;
    seen.insert(artifact.source.clone(), Ok(known));
    Ok(known)
}

fn facts(content: &Content) -> Result<(Architecture, Digest), Refusal> {
    Ok((elf::architecture(content.bytes())?, content.digest))
}

/// What lies in S3, several objects at once. What is wrong with one is told where it is looked at.
fn fetched<'p>(opened: &Opened, plans: impl Iterator<Item = &'p Plan>, quiet: bool) -> Result<Seen, Refusal> {
    let mut objects: Vec<(&Source, Wanted<'_>)> = Vec::new();
    for artifact in plans.flat_map(Plan::artifacts) {
        if let Source::S3 { uri } = &artifact.source
            && !objects.iter().any(|(source, _)| **source == artifact.source)
        {
            objects.push((&artifact.source, Wanted { place: &artifact.place, uri, form: Form::Sealed }));
        }
    }
    let (sources, wanted): (Vec<&Source>, Vec<Wanted<'_>>) = objects.into_iter().unzip();
    let mut progress = progress::of("fetching", wanted.len(), quiet);
    let mut seen = Seen::new();
    opened.fetch_each(&wanted, &mut |index, body| {
        let (Some(source), Some(wanted)) = (sources.get(index), wanted.get(index)) else { return ControlFlow::Break(()) };
        progress.next(wanted.place);
        let known = body.and_then(|body| match body {
            Body::Sealed(content) => facts(&content),
            Body::Buffer(_) => Err(Refusal::new(Code::Internal, wanted.place, "it is not sealed")),
        });
        seen.insert((*source).clone(), known);
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}
