//! What verification costs beside hashing the same bytes once, and what follows it.
//!
//! ```sh
//! cargo bench --bench verify                # 1, 10 and 100 plugins
//! cargo bench --bench verify -- 10 200      # 10 plugins, 200 rounds
//! cargo bench --bench verify -- FILE.so     # of another plugin than `echo`
//! ```
//!
//! The plugin is `echo` in the release profile, padded to 0.5 MB and copied to as many files, each read once before. Rounds of the
//! loader's own `verify::artifact` over all files and of one SHA-256 over their bytes alternate, the order changing from round to
//! round: their ratio is the figure that counts. The parts are timed in rounds of their own, through the functions that verification
//! itself calls. What runs the plugins' code is timed in processes of their own, for no plugin is ever unloaded.

#[path = "../../tests/support/mod.rs"]
mod support;

mod figures;
mod loading;
mod parts;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use figures::{median, quartiles};
use lambda_loader::load::SPOKEN;
use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Rules};
use sha2::Digest as _;

/// In bytes.
const SIZE: usize = 500_000;
/// The most that verification may cost, in hashings of the same bytes.
const AT_MOST: f64 = 2.0;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == loading::CHILD) {
        return loading::child(&arguments[1..]);
    }
    let plugin = arguments.iter().position(|argument| argument.ends_with(".so")).map(|at| arguments.remove(at).into());
    let numbers: Result<Vec<usize>, _> = arguments.iter().map(|argument| argument.parse()).collect();
    match numbers.as_deref() {
        Ok([]) => table(plugin, &[(1, 1_000), (10, 200), (100, 40)]),
        Ok(&[count]) => table(plugin, &[(count, 2_000 / count.max(1) + 20)]),
        Ok(&[count, rounds]) => table(plugin, &[(count, rounds)]),
        _ => {
            eprintln!("usage: cargo bench --bench verify -- [PLUGIN.so] [PLUGINS [ROUNDS]]");
            std::process::exit(2);
        }
    }
}

fn table(plugin: Option<PathBuf>, runs: &[(usize, usize)]) {
    let plugin = plugin.unwrap_or_else(|| {
        eprintln!("building (release profile) …");
        support::build::Build::plugin("echo").release().path()
    });
    let plugin = std::fs::read(plugin).expect("the plugin");
    let mut results = Vec::new();
    for &(count, rounds) in runs {
        eprintln!("{count} plugins, {rounds} rounds …");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = files(folder.path(), &plugin, count);
        results.push((
            count,
            rounds,
            against_hashing(&files, rounds),
            parts::median_of_each(&files, rounds),
            loading::times(&files),
        ));
    }
    figures::print(&results, AT_MOST);
}

/// So many files of the plugin. Zeros behind its end are no part of it, and are verified with it.
fn files(folder: &Path, plugin: &[u8], count: usize) -> Vec<PathBuf> {
    let folder = folder.canonicalize().expect("a folder");
    let mut bytes = plugin.to_vec();
    bytes.resize(SIZE.max(plugin.len()), 0);
    let file = |number| {
        let path = folder.join(format!("plugin-{number}.so"));
        std::fs::write(&path, &bytes).expect("room");
        path
    };
    (0..count).map(file).collect()
}

fn artifact(path: &Path) -> Artifact {
    let (root, name) = (path.parent().expect("a folder"), path.file_name().expect("a name"));
    let source = Source::File { root: root.to_owned(), path: name.into() };
    let digest = Some(lambda_loader::Digest::of(&std::fs::read(path).expect("a file")));
    Artifact { name: "echo".into(), place: "plugin \"echo\"".into(), source, digest }
}

/// Seconds of both, and the quartiles of their ratio round by round.
struct Against {
    verification: f64,
    hashing: f64,
    ratio: [f64; 3],
}

fn against_hashing(files: &[PathBuf], rounds: usize) -> Against {
    let rules = Rules::here(&[], SPOKEN);
    let artifacts: Vec<_> = files.iter().map(|file| artifact(file)).collect();
    let buffers: Vec<_> = files.iter().map(|file| std::fs::read(file).expect("a file")).collect();
    let verify = || -> Vec<_> {
        artifacts.iter().map(|artifact| verify::artifact(artifact, Kind::Plugin, &rules).expect("a good plugin")).collect()
    };
    let hash = || {
        for bytes in &buffers {
            black_box(sha2::Sha256::digest(bytes));
        }
    };
    let (mut verification, mut hashing, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let timed = |first: bool| {
            let start = Instant::now();
            if first {
                let verified = verify();
                let seconds = start.elapsed().as_secs_f64();
                // The loader never closes them: their end is no part of it.
                drop(verified);
                seconds
            } else {
                hash();
                start.elapsed().as_secs_f64()
            }
        };
        let (one, other) = if round % 2 == 0 {
            let one = timed(true);
            (one, timed(false))
        } else {
            let other = timed(false);
            (timed(true), other)
        };
        verification.push(one);
        hashing.push(other);
        ratios.push(one / other);
    }
    Against { verification: median(&mut verification), hashing: median(&mut hashing), ratio: quartiles(&mut ratios) }
}
