//! One call of `echo`'s handler through the plugin ABI against the same function called directly.
//!
//! ```sh
//! cargo bench --bench call
//! ```
//!
//! Through the ABI means all that the loader does for a call: lend the invocation, hand the event over, make and poll the task, take
//! the reply over and check it. Rounds of both kinds alternate; the table gives medians of the rounds.

#[path = "../../tests/support/mod.rs"]
mod support;

use bytes::Bytes;
use http::HeaderMap;
use lambda_loader::invocation::{Deadline, Invocation, Labelling};
use lambda_loader::invoke::future::Wakers;
use lambda_loader::invoke::{self, Outcome};
use lambda_loader::load::{self, Plugin, SPOKEN};
use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Rules};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const CALLS: u32 = 20_000;
const ROUNDS: usize = 60;

/// `plugins/echo`, as it would be without the ABI.
#[inline(never)]
fn echo(event: Bytes) -> Result<Bytes, lambda_plugin_abi::Error> {
    Ok(event)
}

fn plugin(path: &Path) -> Plugin {
    let source = Source::File { root: path.parent().unwrap().to_owned(), path: path.file_name().unwrap().into() };
    let artifact = Artifact { name: "echo".into(), place: "plugin \"echo\"".into(), source, digest: None };
    let rules = Rules { digest_optional: true, ..Rules::here(&[], SPOKEN) };
    let verified = verify::artifact(&artifact, Kind::Plugin, &rules).unwrap();
    block_on(load::plugin(verified).unwrap().start("null")).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn nanos(calls: impl FnOnce()) -> f64 {
    let start = Instant::now();
    calls();
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    eprintln!("building the echo plugin (release profile) …");
    let path = support::build::Build::plugin("echo").release().path();
    let plugin = plugin(&path.canonicalize().unwrap());
    let handler = plugin.handler(None).unwrap();
    println!("{:<16} {:>10} {:>12} {:>12} {:>9}", "event", "direct", "through ABI", "difference", "at most");
    for size in [0_usize, 1 << 10, 64 << 10] {
        let event = Bytes::from(format!("\"{}\"", "x".repeat(size)));
        let (mut direct, mut through) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            direct.push(nanos(|| {
                for _ in 0..CALLS {
                    black_box(echo(black_box(event.clone()))).unwrap();
                }
            }));
            let mut wakers = Wakers::default();
            // Made for every event whoever handles it.
            let invocation = Invocation::new(HeaderMap::new(), Deadline::default());
            invocation.label(Labelling::default());
            through.push(block_on(async {
                let start = Instant::now();
                for _ in 0..CALLS {
                    let outcome = invoke::run(&plugin, handler, &invocation, event.clone(), None, &mut wakers).await;
                    assert!(matches!(black_box(outcome), Outcome::Reply(_)));
                }
                start.elapsed().as_nanos() as f64 / f64::from(CALLS)
            }));
        }
        let (direct, through) = (median(direct), median(through));
        let size = format!("{} bytes", event.len());
        println!("{size:<16} {direct:>7.1} ns {through:>9.1} ns {:>9.1} ns {:>9}", through - direct, "300.0 ns");
    }
}
