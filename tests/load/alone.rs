//! Tests that need a process of their own, for what they do to descriptors, variables, or the list of loaded objects.

use std::path::Path;
use std::process::Command;

/// Runs one test of this binary again, alone in a process of its own: whatever it does to descriptors and variables is its own.
pub(crate) fn alone(test: &str, variables: &[(&str, &Path)]) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env("ALONE", "1").envs(variables.iter().copied());
    let output = command.output().expect("this program runs again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{test} is not its name: {said}");
}

pub(crate) fn is_alone() -> bool {
    std::env::var_os("ALONE").is_some()
}
