//! A handler that holds its thread past the deadline: the watchdog answers, and the process ends.

use std::time::Duration;

use lambda_loader::local::{Endpoint, Event, Fault, How, Kind};
use serde_json::{Value, json};

use crate::lines;
use crate::support::SOON;
use crate::world::{World, error, operation};

fn blocked() -> Event {
    Event {
        timeout: Some(Duration::from_millis(500)),
        invocation_id: Some("b-1".into()),
        ..Event::new(operation("block", Value::Null))
    }
}

#[track_caller]
fn check_answer(world: &World, answer: &lambda_loader::local::Answer) {
    let Kind::Error { error_type, body } = &answer.kind else { panic!("{answer:?}\n{}", world.output()) };
    let message = "the handler blocked its thread past its deadline; the process ends";
    assert_eq!(error(error_type.clone(), body), ["Runtime.LoaderDeadlineExceeded", "Runtime.LoaderDeadlineExceeded", message]);
    assert_eq!(answer.invocation_id.as_deref(), Some("b-1"));
}

#[test]
fn the_watchdog_answers_and_the_process_ends_without_asking_for_another_event() {
    let world = World::misbehave();
    world.serves_on();
    let blocked = world.lambda.invoke(blocked());
    let next = world.lambda.invoke(operation("echo", Value::Null));
    check_answer(&world, &blocked.wait(SOON).expect("an answer"));
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    let line = lines::line_of(&world.process, &[blocked.request_id(), "code=deadline-exceeded"]);
    assert!(line.contains("route=block plugin=misbehave"), "{line}");
    assert!(next.poll().is_none(), "it waits for the next process");
    assert_eq!(world.delivered(), 2, "polled after the watchdog had answered");
}

#[test]
fn other_invocations_in_flight_finish_and_their_answers_arrive_before_the_end() {
    let world = World::with_slots(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let other = world.lambda.invoke(operation("wait", json!(file.to_str())));
    lines::holding(&world.process, "started in ");
    let blocked = world.lambda.invoke(blocked());
    check_answer(&world, &blocked.wait(SOON).expect("an answer"));
    assert_eq!(world.process.wait_exit(Duration::from_millis(200)), None, "it waits for the other one");
    // The answer takes its time on the way: the end waits for that too.
    world.lambda.fault(Fault::new(Endpoint::Response, How::Delay(Duration::from_millis(300))));
    std::fs::write(&file, "in time").unwrap();
    let other = other.wait(SOON).expect("an answer");
    assert_eq!(other.response().map(|response| &response.body[..]), Some(&b"\"in time\""[..]), "{other:?}");
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert_eq!(world.delivered(), 2);
}

#[test]
fn two_that_block_are_both_answered() {
    let world = World::with_slots(2);
    let (first, second) = (world.lambda.invoke(blocked()), world.lambda.invoke(blocked()));
    check_answer(&world, &first.wait(SOON).expect("an answer"));
    check_answer(&world, &second.wait(SOON).expect("an answer"));
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
}

#[test]
fn a_runtime_api_that_does_not_answer_the_watchdog_does_not_keep_the_process() {
    let world = World::misbehave();
    world.lambda.fault(Fault::new(Endpoint::Error, How::Close).times(2));
    let blocked = world.lambda.invoke(blocked());
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert_eq!(blocked.wait(SOON).unwrap().kind, Kind::ProcessDied { status: "exit status: 1".into() });
    lines::line_of(&world.process, &["the error could not be posted", "code=runtime-api"]);
}
