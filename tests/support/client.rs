//! Programs from elsewhere that some tests ask.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that `.ci/run` installs: beside the build, else on the path. Says so if it is not there.
pub fn client(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let own = super::build::target_dir().join("clients/bin").join(name);
    let program = if own.exists() { own } else { PathBuf::from(name) };
    let there = Command::new(&program).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    eprintln!("skipped: {name} {probe:?} is not installed; .ci/run installs it");
    None
}
