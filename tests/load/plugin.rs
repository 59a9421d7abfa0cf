//! A plugin in this process, through the library's own interface.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use lambda_loader::invocation::{Deadline, Invocation, Labelling, header};
use lambda_loader::invoke::future::Wakers;
use lambda_loader::invoke::{self, Outcome};
use lambda_loader::load::{self, Plugin, SPOKEN};
use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Rules, Verified};
use lambda_loader::{Digest, Refusal};
use serde_json::Value;

/// The artifact of a plan for `file` as it is now.
pub(crate) fn artifact(name: &str, file: &Path) -> Artifact {
    Artifact {
        name: name.to_owned(),
        place: format!("plugin \"{name}\""),
        source: Source::File {
            root: file.parent().and_then(|root| root.canonicalize().ok()).expect("a folder"),
            path: file.file_name().expect("a file name").into(),
        },
        digest: Some(Digest::of(&std::fs::read(file).expect("a file"))),
    }
}

pub(crate) fn verify(name: &str, file: &Path) -> Result<Verified, Refusal> {
    verify::artifact(&artifact(name, file), Kind::Plugin, &Rules::here(&[], SPOKEN))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Loads and starts it.
pub(crate) fn start(verified: Verified) -> Plugin {
    let loaded = load::plugin(verified).unwrap_or_else(|refusal| panic!("{refusal}"));
    runtime().block_on(loaded.start("null")).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// Verifies, loads and starts a file.
pub(crate) fn started(name: &str, file: &Path) -> Plugin {
    start(verify(name, file).unwrap_or_else(|refusal| panic!("{refusal}")))
}

/// An invocation with that request id, as one of the route `test`.
pub(crate) fn invocation(request_id: &str) -> Arc<Invocation> {
    let mut headers = HeaderMap::new();
    headers.insert(header::REQUEST_ID, request_id.parse().expect("a header value"));
    headers.insert(header::TRACE_ID, "Root=1-2-3".parse().expect("a header value"));
    let invocation = Invocation::new(headers, Deadline::default());
    invocation.label(Labelling { source: "operation", route: Some("test".into()), ..Labelling::default() });
    invocation
}

pub(crate) async fn call(plugin: &Plugin, handler: &str, request_id: &str, event: impl Into<Bytes>) -> Outcome {
    let handler = plugin.handler(Some(handler)).expect("a handler");
    invoke::run(plugin, handler, &invocation(request_id), event.into(), None, &mut Wakers::default()).await
}

/// Calls a handler and returns its reply.
pub(crate) async fn ask(plugin: &Plugin, handler: &str, event: impl Into<Bytes>) -> Value {
    match call(plugin, handler, "r-0", event).await {
        Outcome::Reply(reply) => serde_json::from_slice(&reply).expect("JSON"),
        other => panic!("{handler}: {other:?}"),
    }
}

/// As [`ask`], from outside a runtime.
pub(crate) fn asked(plugin: &Plugin, handler: &str, event: &'static str) -> Value {
    runtime().block_on(ask(plugin, handler, event))
}
