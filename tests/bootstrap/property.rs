//! No event makes the loader answer success without a handler having succeeded, except where it is to: a request that no route takes
//! has an answer of its own. Here no handler ever succeeds, and the events are samples of every source, broken at random.

use std::path::Path;

use lambda_loader::local::{Kind, Lambda, Options};
use lambda_loader::route::{Phase, Source, Table};
use serde_json::{Map, Value, json};

use crate::support::SOON;
use crate::world::{World, folder};

/// A small generator (<https://prng.di.unimi.it/splitmix64.c>): the same events in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

fn samples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("loader/command/event/samples");
    let read = |source: &Source| {
        let text = std::fs::read_to_string(folder.join(format!("{source}.json"))).unwrap();
        let mut event: Value = serde_json::from_str(&text).unwrap();
        if *source == Source::Cloudformation {
            // With an address a failed one would be told to AWS; `stack` is about those.
            event["ResponseURL"] = Value::Null;
        }
        event
    };
    Source::ALL.iter().map(read).collect()
}

/// One change somewhere in the event.
fn change(event: &mut Value, other: &Value, random: &mut Random) {
    match event {
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).unwrap().clone();
            match random.below(7) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert(key, Value::Null)),
                2 => drop(map.insert(key, json!(["odd", 1, {}]))),
                // What another kind of event has.
                3 => {
                    if let Value::Object(other) = other {
                        map.extend(other.iter().take(3).map(|(key, value)| (key.clone(), value.clone())));
                    }
                }
                _ => change(map.get_mut(&key).unwrap(), other, random),
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            let index = random.below(elements.len());
            match random.below(4) {
                0 => elements.push(other.clone()),
                1 => elements.clear(),
                _ => change(&mut elements[index], other, random),
            }
        }
        Value::String(text) => match ["", "aws:sqs", "CONNECT", "DISCONNECT", "TOKEN", "2.0", "Delete"].get(random.below(12)) {
            Some(wanted) => (*wanted).clone_into(text),
            None => text.push('\u{0}'),
        },
        other => *other = json!("text instead"),
    }
}

/// The text, as a rule as it is; now and then cut off, or with a key doubled.
fn text(event: &Value, random: &mut Random) -> String {
    let text = event.to_string();
    match random.below(12) {
        0 => text.chars().take(random.below(text.len())).collect(),
        1 => text.replacen('{', "{\"Records\":[],", 1),
        2 => text.replacen("\"e", "\"\\u0065", 1),
        _ => text,
    }
}

#[test]
fn no_event_is_answered_with_success_unless_a_handler_succeeded() {
    let mut routes = Map::new();
    // Half of the sources lead to a handler that fails, the other half nowhere.
    for source in Source::ALL.iter().step_by(2) {
        let mut route = json!({ "source": source.name(), "to": "misbehave.error" });
        if *source == Source::Operation {
            route["name"] = "reindex".into();
        }
        routes.insert(source.name().to_owned(), route);
    }
    routes.insert("kafka-topic".into(), json!({ "source": "kafka", "topic": "orders", "to": "misbehave.panic" }));
    let lambda = Lambda::start(Options { concurrency: 2, ..Options::default() }).unwrap();
    let world = World::start(lambda, folder(&["misbehave"], json!({ "routes": routes })), &[]);
    let (samples, mut random) = (samples(), Random(2026));
    let events: Vec<String> = (0..3_000)
        .map(|_| {
            let mut event = samples[random.below(samples.len())].clone();
            for _ in 0..random.below(4) {
                let other = samples[random.below(samples.len())].clone();
                change(&mut event, &other, &mut random);
            }
            text(&event, &mut random)
        })
        .collect();
    let classify = Table::build(std::iter::empty());
    let (mut errors, mut answers) = (0, 0);
    for events in events.chunks(100) {
        let pending: Vec<_> = events.iter().map(|event| world.lambda.invoke(event.clone())).collect();
        for (event, pending) in events.iter().zip(pending) {
            let answer = pending.wait(SOON).unwrap_or_else(|| panic!("no answer to {event}\n{}", world.output()));
            let reply = match &answer.kind {
                Kind::Error { .. } => {
                    errors += 1;
                    continue;
                }
                Kind::Response(response) => serde_json::from_slice::<Value>(&response.body).unwrap(),
                other => panic!("{event}: {other:?}\n{}", world.output()),
            };
            answers += 1;
            let routed = classify.route(event.as_bytes()).unwrap();
            let expected = match (routed.phase, routed.source.is_http()) {
                (Some(Phase::Connect), _) => 403,
                (Some(Phase::Disconnect), _) => 200,
                (Some(Phase::Message), _) | (None, true) => 404,
                (None, false) => panic!("{event}: {reply}"),
            };
            assert_eq!(reply["statusCode"], expected, "{event}: {reply}");
        }
    }
    assert!(errors > 1_000 && answers > 50, "{errors} {answers}");
}
