//! `bootstrap` with the `echo` plugin against the same handler linked statically into the official runtime.
//!
//! ```sh
//! cargo bench --bench invoke                  # the table; well under a minute after the builds
//! cargo bench --bench invoke -- 500           # with 500 warm rounds instead of 6,000
//! cargo bench --bench invoke -- --web         # an axum application against the same under `lambda_http`
//! cargo bench --bench invoke -- --null        # the static handler against itself: how far from 1.00 noise alone goes
//! cargo bench --bench invoke -- --profile 'opt-level="s"' --profile 'lto="thin"'   # bootstrap so built against bootstrap as it ships
//! ```
//!
//! Both sides run at once, each under a local Lambda of its own, and take turns, one event each, the order changing from round to
//! round. The Runtime API server and its client are in both sides' times, as they are on Lambda. Nothing is pinned. Times are counted
//! in the server, from the event's sending to the last byte of the answer; a start is counted from before the process is made to its
//! first poll. The whole ends within three minutes, with fewer rounds on a slow machine; the table says how many there were.

#[path = "../../tests/support/mod.rs"]
mod support;

mod measure;
mod side;
mod table;
mod web;

use measure::Plan;
use side::Side;

fn main() {
    let mut plan = Plan::default();
    let (mut null, mut web) = (false, false);
    let mut profile = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Given by cargo.
            "--bench" => {}
            "--null" => null = true,
            "--web" => web = true,
            "--profile" => profile.extend(arguments.next()),
            number => match number.parse() {
                Ok(rounds) => plan = Plan::with_rounds(rounds),
                Err(_) => {
                    eprintln!("usage: cargo bench --bench invoke -- [ROUNDS] [--web | --null | --profile KEY=VALUE …]");
                    std::process::exit(2);
                }
            },
        }
    }
    eprintln!("building (release profile) …");
    if web {
        let (sides, streamed) = (Side::web(false), Side::web(true));
        let lines = [measure::web(&plan, &sides), measure::web_body(&plan, &sides), measure::first_byte(&plan, &streamed)];
        return table::print(&sides, &lines);
    }
    let baseline = if profile.is_empty() { Side::baseline("static") } else { Side::bootstrap("as shipped", &[]) };
    let subject = match (null, profile.is_empty()) {
        (true, _) => Side::baseline("static again"),
        (false, true) => Side::bootstrap("bootstrap", &[]),
        (false, false) => Side::bootstrap("changed", &profile),
    };
    let sides = [subject, baseline];
    let [resident, less] = measure::memory(&plan, &sides);
    let lines = [measure::start(&plan, &sides), measure::warm(&plan, &sides), measure::batch(&plan, &sides), resident, less];
    table::print(&sides, &lines);
}
