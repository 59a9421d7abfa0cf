//! What the integration tests and the benchmarks share: building parts of the workspace, writing manifest folders, running processes.
//!
//! Every user takes a part of it, hence the one `allow`. A failure here is a failure of the test: it panics with the place.
#![allow(dead_code, reason = "each test binary compiles this module for itself and uses a part of it")]
#![allow(unreachable_pub, reason = "public to the test binary that includes it")]

pub mod build;
pub mod folder;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use lambda_loader::local::{Bootstrap, Lambda, Options};

/// Long enough for a loaded machine; nothing waits that long unless it fails.
pub const SOON: Duration = Duration::from_secs(30);

/// The `bootstrap` that cargo has built for this test.
pub fn bootstrap_path() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bootstrap"))
}

/// A local Lambda with the usual options.
pub fn lambda() -> Lambda {
    Lambda::start(Options::default()).expect("a local Lambda starts")
}

/// Starts `bootstrap` under `lambda` with the manifest of `folder`, pinned. `extras` win.
pub fn bootstrap(lambda: &Lambda, folder: &folder::Folder, extras: &[(&str, &str)]) -> Bootstrap {
    let manifest = folder.manifest();
    let manifest = manifest.to_str().expect("a temporary path is text");
    let mut variables = vec![("LOADER_MANIFEST", manifest), ("LOADER_MANIFEST_SHA256", folder.pin.as_str())];
    variables.extend_from_slice(extras);
    Bootstrap::spawn(lambda, &bootstrap_path(), &variables).expect("bootstrap starts")
}

/// All that a process has written so far, for the message of a failed assertion.
pub fn output(process: &Bootstrap) -> String {
    process.logs().into_iter().map(|line| line.text + "\n").collect()
}

/// A client that knows nothing of this project: from `target/clients`, else from the `PATH`. Says so where there is none.
pub fn client(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let own = build::target_dir().join("clients/bin").join(name);
    for program in [own, PathBuf::from(name)] {
        let there = Command::new(&program).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_ok_and(|status| status.success()) {
            return Some(program);
        }
    }
    eprintln!("skipped: {name} {probe:?} is not there; .ci/run installs what comes from PyPI");
    None
}
