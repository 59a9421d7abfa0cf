//! What `package` costs against `zip` on the same files.
//!
//! ```sh
//! cargo bench --bench package            # 20 plugins of 1 MB, 15 rounds
//! cargo bench --bench package -- 40      # 40 rounds
//! ```
//!
//! The plugins are `echo` in the release profile, each followed by its own bytes up to 1 MB, so that they compress as code does. `package`
//! hashes them twice, verifies them, packs them and `bootstrap` on all processors, reads the archives back in part and replaces the old
//! ones; `zip` packs the same files into the same two archives, at its usual level, on one processor. Both take turns, the order changing
//! from round to round. Without Info-ZIP, Python's `zipfile` takes its place, and the table says so.

#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use support::build::Build;
use support::folder::Folder;

const PLUGINS: usize = 20;
/// In bytes.
const SIZE: usize = 1_000_000;
/// The most that `package` may take, in times of `zip`.
const AT_MOST: f64 = 1.5;

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(15_usize).max(1);
    eprintln!("building (release profile) …");
    let tool = Build::binary("lambda-loader").release().path();
    let bootstrap = Build::binary("bootstrap").release().path();
    let folder = plugins(&Build::plugin("echo").release().path());
    let packed = tempfile::tempdir().expect("a temporary folder");
    // What both have to pack, as the layer has it.
    let files = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(files.path().join("loader")).expect("a folder");
    copy(folder.path(), &files.path().join("loader"));
    fs::copy(&bootstrap, files.path().join("bootstrap")).expect("a copy");
    let zip = Zip::installed();
    let package = || {
        run(Command::new(&tool)
            .arg("package")
            .arg("--manifest")
            .arg(folder.manifest())
            .arg("--bootstrap")
            .arg(&bootstrap)
            .arg("--out")
            .arg(packed.path())
            .args(["--glibc", "2.99"]))
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round finds everything cold.
    for round in 0..=rounds {
        let pair = if round % 2 == 0 {
            let one = package();
            (one, zip.pack(files.path()))
        } else {
            let other = zip.pack(files.path());
            (package(), other)
        };
        if round > 0 {
            ours.push(pair.0.as_secs_f64());
            theirs.push(pair.1.as_secs_f64());
        }
    }
    let ratios = quartiles(ours.iter().zip(&theirs).map(|(one, other)| one / other).collect());
    let size = |folder: &Path, name: &str| fs::metadata(folder.join(name)).expect("an archive").len() as f64 / 1e6;
    let [ours, theirs] = [ours, theirs].map(|times| quartiles(times)[1] * 1e3);
    println!("{PLUGINS} plugins of 1 MB, {rounds} rounds, medians");
    println!("{:<22}{ours:>7.0} ms  layer.zip {:.2} MB", "package", size(packed.path(), "layer.zip"));
    println!("{:<22}{theirs:>7.0} ms  layer.zip {:.2} MB", zip.name(), size(files.path(), "layer.zip"));
    println!("ratio {:.2} (quartiles {:.2} to {:.2}), at most {AT_MOST}", ratios[1], ratios[0], ratios[2]);
}

/// A manifest with so many plugins, with digests.
fn plugins(echo: &Path) -> Folder {
    let code = fs::read(echo).expect("the plugin");
    let bytes: Vec<u8> = code.iter().copied().cycle().take(SIZE.max(code.len())).collect();
    let files = tempfile::tempdir().expect("a temporary folder");
    let file = |number: usize| {
        let mut bytes = bytes.clone();
        // Behind its last section: another file, the same code.
        bytes.extend_from_slice(&number.to_le_bytes());
        let path = files.path().join(format!("libplugin-{number}.so"));
        fs::write(&path, bytes).expect("room");
        (format!("p{number}"), path)
    };
    let files: Vec<(String, PathBuf)> = (0..PLUGINS).map(file).collect();
    let plugins: Vec<(&str, &Path)> = files.iter().map(|(name, path)| (name.as_str(), path.as_path())).collect();
    let route = |name: &str| (name.to_owned(), json!({ "source": "operation", "name": name, "to": name }));
    let routes: serde_json::Map<_, _> = plugins.iter().map(|(name, _)| route(name)).collect();
    Folder::new(&plugins, json!({ "routes": routes }))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// What packs the same files.
enum Zip {
    Info,
    Python,
}

impl Zip {
    fn installed() -> Self {
        if Command::new("zip").arg("-v").output().is_ok_and(|output| output.status.success()) { Zip::Info } else { Zip::Python }
    }

    const fn name(&self) -> &'static str {
        match self {
            Zip::Info => "zip (Info-ZIP)",
            Zip::Python => "zipfile (Python)",
        }
    }

    /// Packs `bootstrap` and `loader` of a folder into two archives there.
    fn pack(&self, folder: &Path) -> Duration {
        ["function.zip", "layer.zip"].iter().for_each(|name| drop(fs::remove_file(folder.join(name))));
        let pack = |archive: &str, what: &str| {
            let mut command = match self {
                Zip::Info => Command::new("zip"),
                Zip::Python => Command::new("python3"),
            };
            match self {
                Zip::Info => command.args(["-q", "-r", archive, what]),
                Zip::Python => command.args(["-m", "zipfile", "-c", archive, what]),
            };
            run(command.current_dir(folder))
        };
        pack("function.zip", "bootstrap") + pack("layer.zip", "loader")
    }
}

fn run(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.output().expect("it starts");
    let took = begun.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() * quarter / 4).min(values.len() - 1)])
}
