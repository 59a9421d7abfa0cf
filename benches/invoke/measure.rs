//! What is measured, in turns.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;

use crate::side::{Running, Side};
use crate::support::{SOON, lambda, output};
use crate::table::{Line, Unit};
use crate::web;

/// How many pairs of processes take part in the measuring of round trips.
const PAIRS: usize = 40;

/// How often each thing is measured. No measurement takes longer than its share of the time.
pub(crate) struct Plan {
    starts: usize,
    warm: usize,
    batches: usize,
    memories: usize,
    /// For each measurement.
    time: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Plan::with_rounds(6000)
    }
}

impl Plan {
    /// `rounds` warm round trips, and of everything else in proportion.
    pub(crate) fn with_rounds(rounds: usize) -> Self {
        let share = |part: usize, least: usize| (rounds / part).max(least);
        Plan {
            starts: share(60, 10),
            warm: rounds.max(PAIRS),
            batches: share(5, PAIRS),
            memories: 3,
            time: Duration::from_secs(30),
        }
    }

    /// Has `once` measure the side of that number, in turns.
    fn turns(&self, rounds: usize, mut once: impl FnMut(usize) -> u64) -> [Vec<u64>; 2] {
        let begun = Instant::now();
        let mut measured = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
        for round in 0..rounds {
            // A B, B A, A B, …: whoever comes second has a warmer machine.
            for turn in [round % 2, 1 - round % 2] {
                let value = once(turn);
                measured[turn].push(value);
            }
            if begun.elapsed() > self.time {
                break;
            }
        }
        measured
    }
}

/// From before the process is made to its first poll.
pub(crate) fn start(plan: &Plan, sides: &[Side; 2]) -> Line {
    let lambdas = [lambda(), lambda()];
    let once = |turn: usize| {
        let lambda = &lambdas[turn];
        let before = lambda.polled().count;
        let process = sides[turn].spawn(lambda);
        let polls = lambda.wait_polled(before + 1, SOON).unwrap_or_else(|| panic!("no poll:\n{}", output(&process)));
        let time = polls.last.expect("a poll").duration_since(process.started());
        u64::try_from(time.as_nanos()).expect("less than 500 years")
    };
    // The first start of each reads the file from the disk.
    let _cold = [once(0), once(1)];
    eprintln!("measuring: start …");
    let [a, b] = plan.turns(plan.starts, once);
    let groups = a.chunks(5).zip(b.chunks(5)).map(|(a, b)| [a.to_vec(), b.to_vec()]).collect();
    Line { name: "start to first poll", unit: Unit::Time, most: 2.0, groups }
}

/// A small event, there and back.
pub(crate) fn warm(plan: &Plan, sides: &[Side; 2]) -> Line {
    eprintln!("measuring: 500-byte event …");
    let event = small();
    let groups = round_trips(plan, plan.warm, sides, |running| running.round_trip(&event));
    Line { name: "warm round trip, 500 bytes", unit: Unit::Time, most: 1.05, groups }
}

/// A large batch, there and back.
pub(crate) fn batch(plan: &Plan, sides: &[Side; 2]) -> Line {
    eprintln!("measuring: 650 KB SQS batch …");
    let event = sqs(1000);
    let groups = round_trips(plan, plan.batches, sides, |running| running.round_trip(&event));
    Line { name: "SQS batch of 1,000, 650 KB", unit: Unit::Time, most: 1.0, groups }
}

/// A request to a web application, there and back.
pub(crate) fn web(plan: &Plan, sides: &[Side; 2]) -> Line {
    eprintln!("measuring: axum request …");
    let event = web::request("/orders/4711", "lines=3");
    let groups = round_trips(plan, plan.warm, sides, |running| web::answered(&running.ask(&event)));
    Line { name: "axum request", unit: Unit::Time, most: 1.05, groups }
}

/// A request with a body of 1 MB, which comes back.
pub(crate) fn web_body(plan: &Plan, sides: &[Side; 2]) -> Line {
    eprintln!("measuring: axum request with 1 MB …");
    let event = web::posted(1_000_000);
    let groups = round_trips(plan, plan.batches, sides, |running| web::answered(&running.ask(&event)));
    Line { name: "axum, 1 MB posted and returned", unit: Unit::Time, most: 1.05, groups }
}

/// From a request to the first byte of a body that is still being made.
pub(crate) fn first_byte(plan: &Plan, sides: &[Side; 2]) -> Line {
    eprintln!("measuring: first byte of a streamed reply …");
    let event = web::request("/stream", "count=1");
    let groups = round_trips(plan, plan.warm / 2, sides, |running| web::first_byte(&running.ask(&event)));
    Line { name: "first byte of a streamed reply", unit: Unit::Time, most: 1.05, groups }
}

/// Several pairs of processes one after the other: where the kernel happens to put a process moves all of its times.
fn round_trips(plan: &Plan, rounds: usize, sides: &[Side; 2], once: impl Fn(&Running) -> u64) -> Vec<[Vec<u64>; 2]> {
    let rounds = rounds.div_ceil(PAIRS);
    let plan = Plan { time: plan.time.div_f64(40.0), ..*plan };
    let one = |_| {
        let running = [sides[0].running(), sides[1].running()];
        for _ in 0..20 {
            for running in &running {
                once(running);
            }
        }
        plan.turns(rounds, |turn| once(&running[turn]))
    };
    (0..PAIRS).map(one).collect()
}

/// Resident memory after 100 events; as it is, and less the size of the plugin's file.
pub(crate) fn memory(plan: &Plan, sides: &[Side; 2]) -> [Line; 2] {
    eprintln!("measuring: memory …");
    let event = small();
    let [a, b] = plan.turns(plan.memories, |turn| {
        let running = sides[turn].running();
        for _ in 0..100 {
            running.round_trip(&event);
        }
        running.process.memory().expect("it runs").rss
    });
    let less = |values: &[u64], side: &Side| values.iter().map(|value| value.saturating_sub(side.plugin)).collect::<Vec<_>>();
    let without = vec![[less(&a, &sides[0]), less(&b, &sides[1])]];
    [
        Line { name: "resident after 100 events", unit: Unit::Memory, most: f64::INFINITY, groups: vec![[a, b]] },
        Line { name: "the same less the plugin's file", unit: Unit::Memory, most: 2.0, groups: without },
    ]
}

/// 500 bytes of JSON that no source claims.
fn small() -> Bytes {
    let event = |filling: usize| json!({ "order": 4711, "lines": [1, 2, 3], "note": "x".repeat(filling) }).to_string();
    let event = event(500 - event(0).len());
    assert_eq!(event.len(), 500);
    Bytes::from(event)
}

/// A batch as SQS sends it, with bodies that make a record 650 bytes long.
fn sqs(records: usize) -> Bytes {
    let record = |number: usize, filling: usize| {
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-{number:012}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": format!("{{\"order\":{number},\"note\":\"{}\"}}", "x".repeat(filling)),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2",
        })
    };
    let filling = 650_usize.saturating_sub(record(0, 0).to_string().len());
    let records: Vec<_> = (0..records).map(|number| record(number, filling)).collect();
    Bytes::from(json!({ "Records": records }).to_string())
}
