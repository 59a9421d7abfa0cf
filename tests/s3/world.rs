//! A function whose bytes lie in S3, behind a proxy.

use std::path::PathBuf;

use bytes::Bytes;
use lambda_loader::local::{Answer, Bootstrap, Kind, Lambda};
use lambda_loader::{Code, Digest};
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::server::{self, Server};
use crate::support::build::Build;
use crate::support::{self, SOON};

/// The bucket that manifests of these tests may name.
pub(crate) const BUCKET: &str = "artifacts";

/// The program that fetches, as cargo has built it for this test.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bootstrap-s3"))
}

/// The bytes of an example plugin.
pub(crate) fn plugin(name: &str) -> Vec<u8> {
    std::fs::read(Build::plugin(name).path()).expect("a plugin")
}

/// An operation's event.
pub(crate) fn operation(name: &str, input: Value) -> String {
    json!({ "operation": name, "input": input }).to_string()
}

/// S3 with a proxy before it, and a function's own folder.
pub(crate) struct Scene {
    pub(crate) proxy: Proxy,
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) manifest: Value,
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Scene {
    /// `misbehave`, which marks that it has run, and `echo`, both from S3.
    pub(crate) fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.address);
        let folder = tempfile::tempdir().expect("a folder");
        let mut variables = server::variables(proxy.address);
        variables.push(("MISBEHAVE_MARK", folder.path().join("mark").display().to_string()));
        let manifest = json!({
            "version": 1,
            "allow": { "buckets": [BUCKET], "environment": ["APP_*"] },
            "plugins": {},
            "routes": {
                "echo": { "source": "operation", "name": "echo", "to": "echo" },
                "spawn": { "source": "operation", "name": "spawn", "to": "misbehave.spawn" },
                "variables": { "source": "operation", "name": "variables", "to": "misbehave.variables" },
            },
        });
        let mut scene = Scene { proxy, server, folder, manifest, program: program(), variables };
        for name in ["misbehave", "echo"] {
            scene.manifest["plugins"][name] = scene.object(&format!("lib{name}.so"), &plugin(name));
        }
        scene
    }

    /// Puts an object into the bucket; an entry of the manifest that names it.
    pub(crate) fn object(&self, key: &str, bytes: &[u8]) -> Value {
        self.server.put(BUCKET, key, bytes);
        json!({ "s3": format!("s3://{BUCKET}/{key}"), "sha256": Digest::of(bytes).to_string() })
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Under another program.
    pub(crate) fn under(self, program: PathBuf) -> Self {
        Scene { program, ..self }
    }

    /// The manifest as a pinned file.
    pub(crate) fn local(self) -> Self {
        let bytes = self.manifest.to_string();
        let path = self.folder.path().join("manifest.json");
        std::fs::write(&path, &bytes).expect("a manifest");
        self.with("LOADER_MANIFEST", path.display().to_string())
            .with("LOADER_MANIFEST_SHA256", Digest::of(bytes.as_bytes()).to_string())
    }

    /// The manifest as an object, without anything that vouches for it.
    pub(crate) fn remote(self) -> Self {
        self.server.put(BUCKET, "release/manifest.json", self.manifest.to_string().as_bytes());
        self.with("LOADER_MANIFEST", format!("s3://{BUCKET}/release/manifest.json"))
    }

    pub(crate) fn mark(&self) -> PathBuf {
        self.folder.path().join("mark")
    }

    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    pub(crate) fn start(&self) -> World {
        let lambda = support::lambda();
        let process = Bootstrap::spawn(&lambda, &self.program, &self.variables()).expect("bootstrap-s3 starts");
        World { process, lambda }
    }

    /// Starts it and expects a refusal, before any plugin code, that says all of `words`.
    #[track_caller]
    pub(crate) fn is_refused(&self, code: Code, words: &[&str]) {
        let world = self.start();
        let status = world.process.wait_exit(SOON).unwrap_or_else(|| panic!("{code:?}: it runs\n{}", world.output()));
        let output = world.output();
        assert_eq!(status.code(), Some(code.class().exit().into()), "{code:?}: {output}");
        let told = world.lambda.init_error(SOON).unwrap_or_else(|| panic!("{code:?}: not told\n{output}"));
        let [header, error_type, message] = error(told.error_type, &told.body);
        assert_eq!((header.as_str(), error_type.as_str()), (code.error_type(), code.error_type()), "{message}");
        for word in words {
            assert!(message.contains(word), "{message:?} does not say {word:?}");
        }
        assert!(message.contains(" (hint: "), "{message:?} has no mend");
        assert_eq!(world.lambda.polled().count, 0, "{code:?}: asked for an event");
        assert!(!self.mark().exists(), "{code:?}: plugin code ran");
    }
}

/// A Lambda with a `bootstrap-s3` under it.
pub(crate) struct World {
    pub(crate) process: Bootstrap,
    pub(crate) lambda: Lambda,
}

impl World {
    pub(crate) fn output(&self) -> String {
        support::output(&self.process)
    }

    /// The first line of the log with these words, which may be still to come.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> String {
        let line = self.process.wait_for_line(|line| line.contains(words), SOON);
        line.unwrap_or_else(|| panic!("{words:?} is not in\n{}", self.output())).text
    }

    #[track_caller]
    pub(crate) fn ask(&self, event: String) -> Answer {
        self.lambda.invoke(event).wait(SOON).unwrap_or_else(|| panic!("no answer\n{}", self.output()))
    }

    /// Sends an event and expects a JSON reply.
    #[track_caller]
    pub(crate) fn reply(&self, event: String) -> Value {
        match self.ask(event).kind {
            Kind::Response(response) => serde_json::from_slice(&response.body).expect("JSON"),
            other => panic!("{other:?}\n{}", self.output()),
        }
    }

    /// It answers an event.
    #[track_caller]
    pub(crate) fn answers(&self) {
        assert_eq!(self.reply(operation("echo", json!("here")))["input"], "here");
    }
}

/// An error as it was posted: header, `errorType`, `errorMessage`.
#[track_caller]
pub(crate) fn error(header: Option<String>, body: &Bytes) -> [String; 3] {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let text = |key: &str| body[key].as_str().expect("a string").to_owned();
    [header.unwrap_or_default(), text("errorType"), text("errorMessage")]
}
