//! A plugin that is fetched when it is first used: on a thread of its own, so that no invocation's thread waits for it or runs its
//! connections, and nothing is left of it afterwards.

use std::ops::ControlFlow;
use std::time::Instant;

use super::{Body, Budget, Connect, Form, Store, Wanted, fetched};
use crate::policy::{Artifact, Source};
use crate::verify::{self, Content, Taken};
use crate::{Code, Refusal, crash};

/// The bytes of an artifact, from its file or from S3, there at the latest `until`.
///
/// # Errors
/// As [`verify::take`], `remote-…`.
pub async fn late(artifact: &Artifact, connect: Option<Connect>, until: Option<Instant>) -> Result<Taken, Refusal> {
    let Source::S3 { uri } = &artifact.source else { return verify::take(artifact) };
    let (place, uri) = (artifact.place.clone(), uri.clone());
    let budget = Budget::first_use().until(until);
    let (done, body) = tokio::sync::oneshot::channel();
    let work = move || {
        crash::watch_thread();
        // Whoever gave up waiting needs no answer.
        let _unwanted = done.send(one(&place, &uri, connect, budget));
    };
    let internal = |what: String| Refusal::new(Code::Internal, &artifact.place, what);
    std::thread::Builder::new().name("fetch".into()).spawn(work).map_err(|error| internal(error.to_string()))?;
    Ok(fetched(body.await.unwrap_or_else(|_| Err(internal("the thread that fetches it ended".into())))?))
}

fn one(place: &str, uri: &str, connect: Option<Connect>, budget: Budget) -> Result<Content, Refusal> {
    let mut found = None;
    Store::new(connect, budget).each(&[Wanted { place, uri, form: Form::Sealed }], &mut |_, body| {
        found = Some(body);
        ControlFlow::Break(())
    })?;
    match found {
        Some(Ok(Body::Sealed(content))) => Ok(content),
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(Body::Buffer(_))) | None => Err(Refusal::new(Code::Internal, place, "nothing became of a fetch")),
    }
}
