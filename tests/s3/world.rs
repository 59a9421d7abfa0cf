//! A function whose bytes lie in S3.

use std::path::PathBuf;

use lambda_loader::Digest;
use lambda_loader::local::{Answer, Bootstrap, Kind, Lambda};
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::build::Build;
use crate::support::{self, SOON};

/// The bucket that manifests of these tests may name.
pub(crate) const BUCKET: &str = "artifacts";

/// The `bootstrap-s3` that cargo has built for this test.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bootstrap-s3"))
}

/// The bytes of an example plugin.
pub(crate) fn plugin(name: &str) -> Vec<u8> {
    std::fs::read(Build::plugin(name).path()).expect("a plugin")
}

/// A manifest of `echo` from S3, whose bytes are put there too.
pub(crate) fn echo(server: &Server) -> Value {
    let bytes = plugin("echo");
    server.put(BUCKET, "libecho.so", &bytes);
    json!({
        "version": 1,
        "allow": { "buckets": [BUCKET] },
        "plugins": { "echo": { "s3": "s3://artifacts/libecho.so", "sha256": Digest::of(&bytes).to_string() } },
        "routes": { "echo": { "source": "operation", "name": "echo", "to": "echo" } },
    })
}

/// An operation's event.
pub(crate) fn operation(name: &str, input: Value) -> String {
    json!({ "operation": name, "input": input }).to_string()
}

/// A Lambda with a `bootstrap-s3` under it.
pub(crate) struct World {
    pub(crate) process: Bootstrap,
    pub(crate) lambda: Lambda,
}

impl World {
    /// Starts it with these variables alone.
    pub(crate) fn start(variables: &[(&str, String)]) -> Self {
        let lambda = support::lambda();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let process = Bootstrap::spawn(&lambda, &program(), &variables).expect("bootstrap-s3 starts");
        World { process, lambda }
    }

    pub(crate) fn output(&self) -> String {
        support::output(&self.process)
    }

    /// Sends an event and expects a JSON reply.
    #[track_caller]
    pub(crate) fn reply(&self, event: String) -> Value {
        let answer: Answer = self.lambda.invoke(event).wait(SOON).unwrap_or_else(|| panic!("no answer\n{}", self.output()));
        match answer.kind {
            Kind::Response(response) => serde_json::from_slice(&response.body).expect("JSON"),
            other => panic!("{other:?}\n{}", self.output()),
        }
    }
}
