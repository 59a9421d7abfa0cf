//! A start from S3 against the SDK alone, and a start without S3 in both programs.
//!
//! ```sh
//! cargo bench --bench s3            # 100 rounds; some seconds after the builds
//! cargo bench --bench s3 -- 300     # 300 rounds
//! ```
//!
//! The server is a real one, in this process and on loopback, and is in both sides' times. The plugin is `echo` in the release profile,
//! padded to 1 MB. `bootstrap-s3` is timed from before its process is made to its first poll, with everything that a start has: the
//! downloads, verification, `dlopen`, start. The other side is a process that fetches the same objects at once into memory by the SDK, and
//! ends. Sides take turns, the order changing from round to round.

#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/support/s3.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use lambda_loader::Digest;
use lambda_loader::local::{Bootstrap, Lambda};
use serde_json::{Value, json};

use server::Server;
use support::build::Build;
use support::folder::Folder;
use support::{SOON, output};

/// In bytes.
const SIZE: usize = 1_000_000;
const BUCKET: &str = "artifacts";
/// The most that a start from S3 may take, in times of the SDK.
const START: f64 = 1.2;
/// The most that a start without S3 may take in the program that has it.
const IDLE: f64 = 1.02;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let rounds = arguments.next().map_or(Ok(100), |rounds| rounds.parse());
    let (Ok(rounds), None) = (rounds, arguments.next()) else {
        eprintln!("usage: cargo bench --bench s3 -- [ROUNDS]");
        std::process::exit(2);
    };
    eprintln!("building (release profile) …");
    let program = |name: &str, features: &str| {
        let build = Build::binary(name).release().no_default_features();
        if features.is_empty() { build.path() } else { build.features(features).path() }
    };
    let (lean, fetching) = (program("bootstrap", ""), program("bootstrap-s3", "s3"));
    let sdk = Build::example("sdk_fetch").release().no_default_features().features("s3").path();
    let echo = Build::plugin("echo").release().path();
    println!("{:<34}{:>12}{:>12}{:>8}  quartiles      at most", "", "", "", "ratio");
    let mut bytes = std::fs::read(&echo).expect("the plugin");
    // Zeros behind its end are no part of it, and are verified with it.
    bytes.resize(SIZE.max(bytes.len()), 0);
    let server = Server::start();
    for count in [1, 20] {
        for number in 0..count {
            server.put(BUCKET, &format!("plugin-{number}.so"), &bytes);
        }
        let folder = Folder::new(&[], manifest(count, &Digest::of(&bytes)));
        let variables = server.variables();
        let uris: Vec<String> = (0..count).map(|number| format!("plugin-{number}.so")).collect();
        let start = || start(&fetching, &folder, &variables);
        let fetch = || fetch(&sdk, &variables, &uris);
        line(&format!("start with {count} from S3, over the SDK"), &turns(rounds, start, fetch), START);
    }
    let folder = Folder::new(&[("echo", &echo)], json!({ "routes": { "any": { "source": "direct", "to": "echo" } } }));
    let times = turns(rounds * 3, || start(&fetching, &folder, &[]), || start(&lean, &folder, &[]));
    line("start without S3, over bootstrap", &times, IDLE);
    for (name, program) in [("bootstrap", &lean), ("bootstrap-s3", &fetching)] {
        println!("{name}, stripped: {} bytes", std::fs::metadata(program).expect("its size").len());
    }
}

fn manifest(count: usize, digest: &Digest) -> Value {
    let entry = |number| {
        let uri = format!("s3://{BUCKET}/plugin-{number}.so");
        (format!("p{number}"), json!({ "s3": uri, "sha256": digest.to_string() }))
    };
    let plugins: serde_json::Map<_, _> = (0..count).map(entry).collect();
    json!({
        "allow": { "buckets": [BUCKET] },
        "plugins": plugins,
        "routes": { "any": { "source": "direct", "to": "p0" } },
    })
}

/// Seconds from before the process is made to its first poll.
fn start(program: &Path, folder: &Folder, variables: &[(&str, String)]) -> f64 {
    let lambda: Lambda = support::lambda();
    let manifest = folder.manifest().display().to_string();
    let mut all = vec![("LOADER_MANIFEST", manifest.as_str()), ("LOADER_MANIFEST_SHA256", folder.pin.as_str())];
    all.extend(variables.iter().map(|(name, value)| (*name, value.as_str())));
    let process = Bootstrap::spawn(&lambda, program, &all).expect("the program starts");
    let polled = lambda.wait_polled(1, SOON);
    let polled = polled.unwrap_or_else(|| panic!("it never asked for an event:\n{}", output(&process)));
    polled.first.expect("a time").duration_since(process.started()).as_secs_f64()
}

/// Seconds from before the process is made to its end.
fn fetch(program: &PathBuf, variables: &[(&str, String)], keys: &[String]) -> f64 {
    let begun = Instant::now();
    let mut command = Command::new(program);
    command.arg(BUCKET).args(keys).env_clear().envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let took = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Times of both, round by round.
fn turns(rounds: usize, mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> Vec<(f64, f64)> {
    let round = |round| {
        // Whoever comes second has a warmer machine.
        if round % 2 == 0 {
            let first = one();
            return (first, other());
        }
        let second = other();
        (one(), second)
    };
    (0..rounds).map(round).collect()
}

fn line(name: &str, times: &[(f64, f64)], at_most: f64) {
    let one = quartiles(times.iter().map(|(one, _)| one * 1e3))[1];
    let other = quartiles(times.iter().map(|(_, other)| other * 1e3))[1];
    let [low, median, high] = quartiles(times.iter().map(|(one, other)| one / other));
    println!("{name:<34}{one:>9.2} ms{other:>9.2} ms{median:>8.2}  {low:.2} to {high:.2}   {at_most:.2}");
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values.get(values.len() * quarter / 4).copied().unwrap_or(f64::NAN))
}
