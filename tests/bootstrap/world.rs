//! A local Lambda, a manifest folder, and the process under them.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use lambda_loader::local::{Answer, Bootstrap, Endpoint, Event, Kind, Lambda, Options, Response};
use serde_json::{Value, json};

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{self, SOON};

/// The file of a plugin of the workspace.
pub(crate) fn plugin(name: &str) -> PathBuf {
    Build::plugin(name).path()
}

/// A folder with these plugins.
pub(crate) fn folder(plugins: &[&str], manifest: Value) -> Folder {
    let files: Vec<_> = plugins.iter().map(|name| (*name, plugin(name))).collect();
    let files: Vec<_> = files.iter().map(|(name, file)| (*name, file.as_path())).collect();
    Folder::new(&files, manifest)
}

/// An event of the source `operation`.
pub(crate) fn operation(name: &str, input: Value) -> String {
    json!({ "operation": name, "input": input }).to_string()
}

/// A manifest with an operation for each handler of `misbehave`, and `echo`.
pub(crate) fn misbehave() -> Value {
    let handlers = [
        "error",
        "parse_error",
        "panic",
        "panic_later",
        "panic_in_drop",
        "panic_in_drop_after_deadline",
        "sleep",
        "block",
        "huge",
        "not_json",
        "spawn",
        "spawn_panic",
        "stream",
        "wait",
        "meet",
        "variables",
        "tell",
        "context",
    ];
    let route = |name: &str, to: &str| (name.to_owned(), json!({ "source": "operation", "name": name, "to": to }));
    let routes = handlers.iter().map(|name| route(name, &format!("misbehave.{name}")));
    let routes: serde_json::Map<_, _> = routes.chain([route("echo", "echo")]).collect();
    // Half of what an event has, where that is less: on a busy machine the watchdog is not to be faster than the handler's own thread.
    json!({ "plugins": { "misbehave": {}, "echo": {} }, "routes": routes, "deadline_margin_ms": 5_000 })
}

/// A Lambda with a `bootstrap` under it. The process goes first, then its Lambda.
pub(crate) struct World {
    pub(crate) process: Bootstrap,
    pub(crate) lambda: Lambda,
    /// Keeps the files where they are.
    pub(crate) folder: Folder,
}

impl World {
    /// Starts `bootstrap` with a manifest and these variables.
    pub(crate) fn start(lambda: Lambda, folder: Folder, variables: &[(&str, &str)]) -> Self {
        let process = support::bootstrap(&lambda, &folder, variables);
        World { process, lambda, folder }
    }

    /// With all handlers of `misbehave`.
    pub(crate) fn misbehave() -> Self {
        Self::start(support::lambda(), folder(&["misbehave", "echo"], misbehave()), &[])
    }

    /// The same with that many slots.
    pub(crate) fn with_slots(slots: usize) -> Self {
        let lambda = Lambda::start(Options { concurrency: slots, ..Options::default() }).unwrap();
        Self::start(lambda, folder(&["misbehave", "echo"], misbehave()), &[])
    }

    pub(crate) fn output(&self) -> String {
        support::output(&self.process)
    }

    /// Sends an event and waits for its end.
    #[track_caller]
    pub(crate) fn ask(&self, event: impl Into<Event>) -> Answer {
        let pending = self.lambda.invoke(event);
        pending.wait(SOON).unwrap_or_else(|| panic!("no answer\n{}", self.output()))
    }

    /// Sends an event and expects a reply.
    #[track_caller]
    pub(crate) fn response(&self, event: impl Into<Event>) -> Response {
        let answer = self.ask(event);
        match answer.kind {
            Kind::Response(response) => response,
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// Sends an event and expects a JSON reply.
    #[track_caller]
    pub(crate) fn reply(&self, event: impl Into<Event>) -> Value {
        serde_json::from_slice(&self.response(event).body).expect("JSON")
    }

    /// Sends an event and expects an error: header, `errorType`, `errorMessage`.
    #[track_caller]
    pub(crate) fn error(&self, event: impl Into<Event>) -> [String; 3] {
        let answer = self.ask(event);
        match answer.kind {
            Kind::Error { error_type, body } => error(error_type, &body),
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// The process that was started answers another event.
    #[track_caller]
    pub(crate) fn serves_on(&self) {
        let event = operation("echo", json!("still here"));
        assert_eq!(self.response(event.clone()).body, event);
        assert_eq!(self.process.wait_exit(Duration::ZERO), None);
    }

    /// How the process ended.
    #[track_caller]
    pub(crate) fn exit_code(&self) -> Option<i32> {
        let status = self.process.wait_exit(SOON);
        status.unwrap_or_else(|| panic!("it goes on\n{}", self.output())).code()
    }

    /// How many events the process was given.
    pub(crate) fn delivered(&self) -> usize {
        let delivered = |access: &&lambda_loader::local::Access| access.endpoint == Endpoint::Next && access.status == Some(200);
        self.lambda.accesses().iter().filter(delivered).count()
    }
}

/// An error as it was posted: header, `errorType`, `errorMessage`.
#[track_caller]
pub(crate) fn error(header: Option<String>, body: &Bytes) -> [String; 3] {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { panic!("{body:?}") };
    let keys: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(keys, ["errorMessage", "errorType"]);
    let text = |key: &str| body[key].as_str().expect("a string").to_owned();
    [header.unwrap_or_default(), text("errorType"), text("errorMessage")]
}
