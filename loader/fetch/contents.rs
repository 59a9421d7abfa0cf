//! What a plan has in S3, fetched before anything of it is verified.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Body, Form, Store, Wanted};
use crate::environment::{self, LARGEST_SETTINGS};
use crate::policy::{Artifact, Load, Plan, Source};
use crate::verify::{self, Content, Kind, Mount, Rules, Taken, Verified};
use crate::{Code, Refusal};

/// The place of settings in messages.
pub(crate) const SETTINGS: &str = "settings";

/// The objects of a plan, by their places.
#[derive(Debug, Default)]
pub struct Contents {
    artifacts: HashMap<String, Result<Content, Refusal>>,
    settings: Option<Result<Vec<u8>, Refusal>>,
}

/// What of a plan is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What a start needs: not what is loaded at first use. The first failure ends it.
    Start,
    /// Everything, whatever becomes of single objects.
    All,
}

/// Fetches what a start of `plan` needs, several objects at once. Nothing is fetched that has no digest to match.
///
/// # Errors
/// The first refusal: of the settings, then in the order of the manifest.
pub fn of_plan(plan: &Plan, rules: &Rules<'_>, store: &mut Store) -> Result<Contents, Refusal> {
    let mut contents = Contents::fetch(plan, Extent::Start, rules, store, &mut |_| ())?;
    if let Some(Err(refusal)) = &contents.settings {
        return Err(refusal.clone());
    }
    for artifact in plan.artifacts() {
        if let Some(Err(_)) = contents.artifacts.get(&artifact.place) {
            contents.take(artifact)?;
        }
    }
    Ok(contents)
}

impl Contents {
    /// Fetches; `begins` hears the place of each object before it is waited for.
    pub(crate) fn fetch(
        plan: &Plan,
        extent: Extent,
        rules: &Rules<'_>,
        store: &mut Store,
        begins: &mut dyn FnMut(&str),
    ) -> Result<Contents, Refusal> {
        let mut wanted = Vec::new();
        if let Some(Source::S3 { uri }) = plan.settings.as_ref().map(|settings| &settings.source) {
            wanted.push(Wanted { place: SETTINGS, uri, form: Form::Buffer(LARGEST_SETTINGS) });
        }
        let libraries = plan.libraries.iter().map(|library| (library, Load::Init));
        for (artifact, load) in libraries.chain(plan.plugins.iter().map(|plugin| (&plugin.artifact, plugin.load))) {
            let Source::S3 { uri } = &artifact.source else { continue };
            match extent {
                Extent::Start => verify::expected(artifact, rules)?,
                Extent::All if verify::expected(artifact, rules).is_err() => continue,
                Extent::All => {}
            }
            if extent == Extent::All || load == Load::Init {
                wanted.push(Wanted { place: &artifact.place, uri, form: Form::Sealed });
            }
        }
        let mut contents = Contents::default();
        if let Some(first) = wanted.first() {
            begins(first.place);
        }
        store.each(&wanted, &mut |index, body| {
            let failed = body.is_err();
            let Some(Wanted { place, .. }) = wanted.get(index) else { return ControlFlow::Break(()) };
            contents.keep(place, body);
            match wanted.get(index + 1) {
                Some(next) if extent == Extent::All || !failed => {
                    begins(next.place);
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            }
        })?;
        Ok(contents)
    }

    fn keep(&mut self, place: &str, body: Result<Body, Refusal>) {
        match body {
            Ok(Body::Sealed(content)) => drop(self.artifacts.insert(place.to_owned(), Ok(content))),
            Ok(Body::Buffer(bytes)) => self.settings = Some(Ok(bytes)),
            Err(refusal) if place == SETTINGS => {
                let too_large = refusal.code == Code::ArtifactTooLarge;
                self.settings = Some(Err(if too_large { environment::too_large() } else { refusal }));
            }
            Err(refusal) => drop(self.artifacts.insert(place.to_owned(), Err(refusal))),
        }
    }

    /// The settings' bytes, where they come from S3.
    ///
    /// # Errors
    /// Why they did not.
    pub fn settings(&self) -> Result<Option<&[u8]>, Refusal> {
        match &self.settings {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(refusal)) => Err(refusal.clone()),
            None => Ok(None),
        }
    }

    /// The bytes of an artifact, once: those that were fetched, else those of its file.
    ///
    /// # Errors
    /// Why they could not be had.
    pub fn take(&mut self, artifact: &Artifact) -> Result<Taken, Refusal> {
        match &artifact.source {
            Source::File { .. } => verify::take(artifact),
            Source::S3 { .. } => match self.artifacts.remove(&artifact.place) {
                Some(content) => Ok(fetched(content?)),
                None => Err(Refusal::new(Code::Internal, &artifact.place, "it was not fetched")),
            },
        }
    }

    /// Verifies an artifact by the bytes that [`take`](Self::take) gives.
    ///
    /// # Errors
    /// As [`verify::artifact`].
    pub fn verified(&mut self, artifact: &Artifact, kind: Kind, rules: &Rules<'_>) -> Result<Verified, Refusal> {
        verify::expected(artifact, rules)?;
        let taken = self.take(artifact)?;
        verify::taken(artifact, kind, rules, taken)
    }
}

/// Content that lies nowhere else than in this process.
pub(crate) fn fetched(content: Content) -> Taken {
    Taken { content, mount: Mount { read_only: false, kind: "memory" }, lookup: None }
}
