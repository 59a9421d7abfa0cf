//! Several events at once, where the function may have several.

use std::time::Duration;

use lambda_loader::local::Event;
use serde_json::{Value, json};

use crate::lines;
use crate::support::{SOON, lambda};
use crate::world::{World, folder, misbehave, operation};

#[test]
fn as_many_events_are_in_flight_as_there_are_slots() {
    let world = World::with_slots(8);
    // Each waits for all the others: they end only if all are in flight at once.
    let pending: Vec<_> = (0..8).map(|_| world.lambda.invoke(operation("meet", json!(8)))).collect();
    for pending in pending {
        assert_eq!(pending.wait(SOON).unwrap_or_else(|| panic!("{}", world.output())).payload(), "8");
    }
    assert!(world.lambda.accesses().iter().all(|access| access.status != Some(403)), "asked for more than it may have");
    world.serves_on();
}

#[test]
fn a_handler_that_blocks_its_thread_delays_nobody_and_answers_are_not_mixed_up() {
    let world = World::with_slots(2);
    let blocked = world.lambda.invoke(operation("block", json!({ "ms": 2_500 })));
    assert!(world.lambda.wait_polled(2, SOON).is_some());
    for number in 0..50 {
        let event = operation("echo", json!(number));
        assert_eq!(world.response(event.clone()).body, event);
    }
    assert!(blocked.poll().is_none(), "they were served while it blocked");
    assert_eq!(blocked.wait(SOON).expect("an answer").payload(), "null");
    let events: Vec<_> = (0..200).map(|number| operation("echo", json!(number))).collect();
    let pending: Vec<_> = events.iter().map(|event| world.lambda.invoke(event.clone())).collect();
    for (pending, event) in pending.iter().zip(&events) {
        assert_eq!(pending.wait(SOON).expect("an answer").payload(), *event);
    }
}

#[test]
fn records_of_events_in_flight_together_keep_their_own_request_ids() {
    let world = World::with_slots(4);
    let pending: Vec<_> = (0..4).map(|_| world.lambda.invoke(operation("context", Value::Null))).collect();
    for pending in &pending {
        let answer = pending.wait(SOON).expect("an answer");
        let reply: Value = serde_json::from_slice(&answer.payload()).unwrap();
        assert_eq!(reply["request_id"], answer.request_id);
        lines::line_of(&world.process, &[&answer.request_id, "misbehave: through log"]);
        lines::line_of(&world.process, &[&answer.request_id, "misbehave: through tracing"]);
    }
}

#[test]
fn one_that_is_late_is_dropped_and_the_other_goes_on() {
    let world = World::with_slots(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let other = world.lambda.invoke(operation("wait", json!(file.to_str())));
    let late = Event { timeout: Some(Duration::from_secs(1)), ..Event::new(operation("sleep", Value::Null)) };
    assert_eq!(world.error(late)[0], "Runtime.LoaderDeadlineExceeded");
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(other.wait(SOON).expect("an answer").payload(), "\"mine\"");
    world.serves_on();
}

#[test]
fn a_number_that_is_none_means_one_and_is_warned_of_once() {
    for number in ["0", "-1", "many", "", "1001"] {
        let world =
            World::start(lambda(), folder(&["misbehave", "echo"], misbehave()), &[("AWS_LAMBDA_MAX_CONCURRENCY", number)]);
        world.serves_on();
        let line = lines::holding(&world.process, "started in ");
        assert!(line.contains("\"slots\":1,"), "{line}");
        let warning = "AWS_LAMBDA_MAX_CONCURRENCY is not a number from 1 to 1000: one event at a time";
        assert_eq!(lines::count(&world.process, warning), 1, "{number:?}\n{}", world.output());
    }
}
