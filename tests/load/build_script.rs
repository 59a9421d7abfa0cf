//! The build script of this package, as cargo has built it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A run of it, in the package's folder, that leaves its files in `out`.
pub(crate) fn run(out: &Path) -> Command {
    let mut script = Command::new(program());
    script.current_dir(env!("CARGO_MANIFEST_DIR")).env("OUT_DIR", out);
    script
}

/// The newest one: cargo keeps those of other profiles and sources too.
fn program() -> PathBuf {
    let deps = std::env::current_exe().expect("this test's own file");
    let build = deps.parent().and_then(Path::parent).expect("a profile's folder").join("build");
    let folders = std::fs::read_dir(build).expect("cargo's folder of build scripts").map(|entry| entry.expect("an entry"));
    let own = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("lambda-loader-"));
    let programs = own.map(|entry| entry.path().join("build-script-build"));
    let built = programs.filter_map(|program| Some((program.metadata().ok()?.modified().ok()?, program)));
    built.max().expect("this package has a build script").1
}
