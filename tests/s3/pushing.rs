//! A person's folder with a manifest and its files, a bucket to push to, and the tool.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lambda_loader::Digest;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::server::{SECRET_KEY, Server, variables};
use crate::world::{BUCKET, plugin};

/// Where the tests push to.
pub(crate) const TO: &str = "s3://artifacts/releases";

/// A value of the settings, which nobody is to see.
pub(crate) const SETTING: &str = "value-of-a-setting";

pub(crate) struct Desk {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) manifest: Value,
}

/// What one run of the tool gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it was refused with this code, and that the message says all of `words` and a mend.
    #[track_caller]
    pub(crate) fn refused(&self, exit: i32, code: &str, words: &[&str]) {
        assert_eq!(self.code, Some(exit), "{self:?}");
        let line = self.err.lines().find(|line| line.starts_with(&format!("error[{code}]: ")));
        let line = line.unwrap_or_else(|| panic!("no {code}: {self:?}"));
        for word in words.iter().chain([&" (hint: "]) {
            assert!(line.contains(word), "no {word:?} in {line}");
        }
    }
}

impl Desk {
    /// Stages `dev` and `prod` of `echo`, `misbehave`, which marks that it has run, and settings, all of them files.
    pub(crate) fn new() -> Self {
        let server = Server::start();
        server.put(BUCKET, "of-somebody-else", b"");
        let proxy = Proxy::start(server.address);
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = json!({
            "version": 1,
            "functions": ["orders-*"],
            "serial": 7,
            "allow": { "roots": ["plugins", "."], "buckets": [BUCKET], "environment": ["APP_*"] },
            "plugins": { "misbehave": { "path": "plugins/libmisbehave.so" }, "echo": { "path": "plugins/libecho.so" } },
            "routes": {
                "echo": { "source": "operation", "name": "echo", "to": "echo" },
                "variables": { "source": "operation", "name": "variables", "to": "misbehave.variables" },
            },
            "settings": { "path": "settings.json" },
            "stages": { "dev": {}, "prod": { "environment": { "APP_STAGE": "prod" } } },
        });
        let desk = Desk { server, proxy, folder, manifest };
        std::fs::create_dir(desk.path("plugins")).expect("a folder");
        for name in ["misbehave", "echo"] {
            desk.file(&format!("plugins/lib{name}.so"), &plugin(name));
        }
        desk.file("settings.json", json!({ "APP_SECRET": SETTING }).to_string().as_bytes());
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o644)).expect("its mode");
    }

    pub(crate) fn digest(&self, name: &str) -> Digest {
        Digest::of(&std::fs::read(self.path(name)).expect("a file"))
    }

    /// Runs the tool in the folder, with a person's variables and `more`. Nothing that it says holds a secret, and no plugin runs.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> Run {
        std::fs::write(self.path("manifest.json"), self.manifest.to_string()).expect("a manifest");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(variables(self.proxy.address)).env("AWS_SESSION_TOKEN", "s3cr3t-of-the-session");
        command.env("MISBEHAVE_MARK", self.path("mark")).env("RUST_LOG", "trace").envs(more.iter().copied());
        let output = command.output().expect("the tool runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let run = Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        for secret in [SECRET_KEY, "s3cr3t-of-the-session", SETTING] {
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{secret}: {run:?}");
        }
        assert!(!self.path("mark").exists(), "plugin code ran: {run:?}");
        run
    }

    /// Pushes the stage `prod`.
    #[track_caller]
    pub(crate) fn push(&self, more: &[&str]) -> Run {
        self.run(&[&["push", TO, "--stage", "prod"], more].concat(), &[])
    }

    /// The object at an `s3://` URI of the bucket.
    #[track_caller]
    pub(crate) fn object(&self, uri: &str) -> Vec<u8> {
        let key = uri.strip_prefix("s3://artifacts/").expect("a URI of the bucket");
        std::fs::read(self.server.path(BUCKET, key)).unwrap_or_else(|error| panic!("{uri}: {error}"))
    }

    /// The key of a file of `plugins/`.
    pub(crate) fn key(&self, file: &str) -> String {
        format!("releases/sha256/{}/{file}", self.digest(&format!("plugins/{file}")))
    }

    /// How many requests of a method there were, for keys that hold `part`.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let asked = self.proxy.asked();
        asked.iter().filter(|asked| asked.starts_with(method) && asked.contains(part)).count()
    }

    /// Whether anything was uploaded where manifests are.
    pub(crate) fn published(&self) -> bool {
        self.server.path(BUCKET, "releases/prod").exists()
    }
}
