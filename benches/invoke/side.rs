//! The two programs that are compared.

use std::path::PathBuf;

use lambda_loader::local::{Answer, Bootstrap, Lambda};
use serde_json::json;

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, lambda, output};

/// One of the two programs, and what it needs.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    program: PathBuf,
    /// The manifest's folder, for `bootstrap`.
    folder: Option<Folder>,
    /// The size of the plugin's file, in bytes.
    pub(crate) plugin: u64,
    variables: &'static [(&'static str, &'static str)],
}

impl Side {
    /// The handler in the official runtime.
    pub(crate) fn baseline(name: &'static str) -> Self {
        let program = Build::example("static_echo").release().no_default_features().path();
        Side { name, program, folder: None, plugin: 0, variables: &[] }
    }

    /// A web application: in `bootstrap` as a plugin, and linked into the official `lambda_http`. With streamed replies, or without.
    pub(crate) fn web(streamed: bool) -> [Self; 2] {
        let program = Build::example("static_web").release().no_default_features().path();
        let variables: &[_] = if streamed { &[("STREAM", "yes")] } else { &[] };
        let baseline = Side { name: "lambda_http", program, folder: None, plugin: 0, variables };
        let program = Build::binary("bootstrap").release().no_default_features().path();
        let plugin = Build::fixture("axum").release().path();
        let reply = if streamed { "stream" } else { "buffered" };
        let folder = Folder::new(
            &[("axum", &plugin)],
            json!({ "routes": { "site": { "source": "http", "to": "axum", "reply": reply } } }),
        );
        let plugin = std::fs::metadata(&plugin).expect("the plugin's size").len();
        [Side { name: "bootstrap", program, folder: Some(folder), plugin, variables: &[] }, baseline]
    }

    /// `bootstrap` with the `echo` plugin: as both ship, or with these settings of the release profile.
    pub(crate) fn bootstrap(name: &'static str, profile: &[String]) -> Self {
        let program = Build::binary("bootstrap").release_with(profile).no_default_features().path();
        let echo = Build::plugin("echo").release_with(profile).path();
        let sizes = [&program, &echo].map(|file| std::fs::metadata(file).expect("a size").len() / 1000);
        eprintln!("{name}: bootstrap {} kB, echo {} kB", sizes[0], sizes[1]);
        let manifest = json!({
            "routes": {
                "any": { "source": "direct", "to": "echo" },
                "queue": { "source": "sqs", "to": "echo" },
            }
        });
        let plugin = std::fs::metadata(&echo).expect("the plugin's size").len();
        Side { name, program, folder: Some(Folder::new(&[("echo", &echo)], manifest)), plugin, variables: &[] }
    }

    /// Starts it.
    pub(crate) fn spawn(&self, lambda: &Lambda) -> Bootstrap {
        let manifest = self.folder.as_ref().map(|folder| (folder.manifest(), folder.pin.as_str()));
        let mut variables = self.variables.to_vec();
        if let Some((manifest, pin)) = &manifest {
            variables.push(("LOADER_MANIFEST", manifest.to_str().expect("a temporary path is text")));
            variables.push(("LOADER_MANIFEST_SHA256", pin));
        }
        Bootstrap::spawn(lambda, &self.program, &variables).expect("the program starts")
    }

    /// Starts it and waits until it asks for events.
    pub(crate) fn running(&self) -> Running {
        let lambda = lambda();
        let process = self.spawn(&lambda);
        assert!(lambda.wait_polled(1, SOON).is_some(), "{} never asked for an event:\n{}", self.name, output(&process));
        Running { process, lambda }
    }
}

/// A program that asks for events. The process ends before the server does.
pub(crate) struct Running {
    pub(crate) process: Bootstrap,
    lambda: Lambda,
}

impl Running {
    /// Sends `event`, checks that it comes back, and returns the time in nanoseconds.
    pub(crate) fn round_trip(&self, event: &bytes::Bytes) -> u64 {
        let answer = self.ask(event);
        assert!(answer.payload() == *event, "not the event: {:.300}\n{}", text(&answer.payload()), output(&self.process));
        u64::try_from(answer.elapsed.as_nanos()).expect("less than 500 years")
    }

    /// Sends `event` and waits for the end of its answer.
    pub(crate) fn ask(&self, event: &bytes::Bytes) -> Answer {
        let answer = self.lambda.invoke(event.clone()).wait(SOON);
        answer.unwrap_or_else(|| panic!("no answer:\n{}", output(&self.process)))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
