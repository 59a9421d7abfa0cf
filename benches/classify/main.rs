//! What an event's source and route cost to find, against reading the same bytes with `serde_json`.
//!
//! ```sh
//! cargo bench --bench classify
//! ```
//!
//! The events are the samples of `lambda-loader event` and an SQS batch of 6 MB, the routes those of `plugins/manifest.json`. Beside
//! each stand `serde_json` skipping the same bytes (`IgnoredAny`, which keeps nothing) and making a tree of them (`Value`, what a
//! loader that looks into events would have). Rounds of the three take turns; the table gives the quickest of each, for all that can
//! happen to a round of microseconds takes longer, and what one call asks the allocator for.

#[path = "../../tests/support/counting.rs"]
#[allow(unreachable_pub, reason = "public to the program that includes it")]
mod counting;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use counting::{Asked, Counting, counted};
use lambda_loader::Architecture;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{self, Base};
use lambda_loader::route::Table;
use serde::de::IgnoredAny;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 101;

fn table() -> Table {
    let text = include_bytes!("../../plugins/manifest.json");
    let manifest = Manifest::parse("plugins/manifest.json", text).unwrap();
    let plan = policy::plan(&manifest, None, &Base::Folder("/opt/loader".into()), Architecture::HERE).unwrap();
    Table::build(plan.routes.iter().map(|route| &route.matching))
}

/// An SQS batch of that many bytes, or a little more.
fn batch(bytes: usize) -> Vec<u8> {
    let sample: Value = serde_json::from_str(include_str!("../../loader/command/event/samples/sqs.json")).unwrap();
    let record = sample["Records"][0].to_string();
    format!("{{\"Records\":[{}]}}", vec![record.as_str(); bytes / record.len() + 1].join(",")).into_bytes()
}

fn classify(table: &Table, event: &[u8]) {
    black_box(table.route(black_box(event)).unwrap());
}

fn skip(event: &[u8]) {
    black_box(serde_json::from_slice::<IgnoredAny>(black_box(event)).unwrap());
}

fn tree(event: &[u8]) {
    black_box(serde_json::from_slice::<Value>(black_box(event)).unwrap());
}

/// Nanoseconds a call.
fn nanos(calls: usize, call: impl Fn()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Classifying, skipping, making a tree: the quickest rounds.
fn measure(table: &Table, event: &[u8]) -> [f64; 3] {
    let calls = (100_000 / event.len()).clamp(1, 200);
    let mut quickest = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        let round = [nanos(calls, || classify(table, event)), nanos(calls, || skip(event)), nanos(calls, || tree(event))];
        quickest = [0, 1, 2].map(|of| f64::min(quickest[of], round[of]));
    }
    quickest
}

fn row(name: &str, event: &[u8], [classify, skip, tree]: [f64; 3], asked: Asked) {
    println!(
        "{name:<20} {:>9} {classify:>11.0} {skip:>11.0} {tree:>12.0} {:>8.2} {:>7.2} {:>7} {:>7}",
        event.len(),
        classify / skip,
        classify / tree,
        asked.times,
        asked.bytes
    );
}

fn main() {
    let table = table();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("loader/command/event/samples");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    println!(
        "{:<20} {:>9} {:>11} {:>11} {:>12} {:>8} {:>7} {:>7} {:>7}",
        "event", "bytes", "classify ns", "skip ns", "tree ns", "to skip", "to tree", "allocs", "bytes"
    );
    for file in files {
        let event = std::fs::read(&file).unwrap();
        let asked = counted(|| classify(&table, &event)).1;
        row(&file.file_stem().unwrap().to_string_lossy(), &event, measure(&table, &event), asked);
    }
    for size in [600, 6 << 20] {
        let event = batch(size);
        let times = measure(&table, &event);
        row("batch of sqs", &event, times, counted(|| classify(&table, &event)).1);
        let speed = times.map(|nanos| event.len() as f64 * 1_000.0 / nanos);
        println!("{:<30} {:>11.0} {:>11.0} {:>12.0} MB/s", "", speed[0], speed[1], speed[2]);
    }
}
