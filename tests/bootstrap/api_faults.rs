//! A Runtime API that misbehaves: the process serves on where only one invocation is at fault, and else ends with code 6 and a reason.

use std::time::Duration;

use lambda_loader::local::{Access, Endpoint, Event, Fault, How, Kind};
use serde_json::{Value, json};

use crate::lines;
use crate::support::SOON;
use crate::world::{World, error, operation};

fn echo() -> String {
    operation("echo", json!("first"))
}

/// A process that has served one event, so that its connection is in use.
fn world() -> World {
    let world = World::misbehave();
    world.serves_on();
    // The next poll is there: faults that are ordered now meet the one after it, or the next event.
    assert!(world.lambda.wait_polled(2, SOON).is_some());
    world
}

#[test]
fn a_next_that_fails_now_and_then_is_asked_again_and_the_event_is_not_lost() {
    for how in [
        How::Status(403),
        How::Status(502),
        How::Garbage,
        How::Close,
        How::CloseInHeaders,
        How::CloseInBody,
        How::Delay(Duration::from_millis(50)),
        How::Omit("lambda-runtime-trace-id"),
        How::Omit("lambda-runtime-invoked-function-arn"),
    ] {
        let world = world();
        world.lambda.fault(Fault::new(Endpoint::Next, how.clone()).times(2));
        world.serves_on();
        let pending = world.lambda.invoke(echo());
        let answer = pending.wait(SOON).unwrap_or_else(|| panic!("{how:?}\n{}", world.output()));
        assert_eq!(answer.payload(), echo(), "{how:?}");
        world.serves_on();
        world.serves_on();
        assert!(world.lambda.faults_done(), "{how:?}");
        world.ends();
        let warned = lines::count(&world.process, "next event: ") + lines::count(&world.process, "code=runtime-api");
        assert_eq!(warned > 0, !matches!(how, How::Delay(_) | How::Omit(_)), "{how:?}\n{}", world.output());
    }
}

#[test]
fn a_next_that_keeps_failing_ends_the_process_with_a_reason() {
    for (how, words) in
        [(How::Status(403), "answered 403 Forbidden"), (How::Garbage, "invalid HTTP"), (How::CloseInHeaders, "connection closed")]
    {
        let world = world();
        world.lambda.fault(Fault::new(Endpoint::Next, how.clone()).times(50));
        world.answers();
        assert_eq!(world.exit_code(), Some(6), "{how:?}\n{}", world.output());
        let line = lines::line_of(&world.process, &[" ERROR ", "next event: ", "code=runtime-api"]);
        assert!(line.contains(words), "{line}");
        assert_eq!(lines::count(&world.process, " WARN  runtime API "), 2, "each failure leaves a line: {}", world.output());
    }
}

#[test]
fn a_container_error_ends_the_process_at_once() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Next, How::Status(500)).times(2));
    world.answers();
    assert_eq!(world.exit_code(), Some(6), "{}", world.output());
    lines::line_of(&world.process, &[" ERROR ", "next event: answered 500 Internal Server Error", "code=runtime-api"]);
    assert!(!world.lambda.faults_done(), "asked a second time");
    for (endpoint, name) in [(Endpoint::Response, "echo"), (Endpoint::Error, "error")] {
        let world = self::world();
        world.lambda.fault(Fault::new(endpoint, How::Status(500)).times(2));
        let pending = world.lambda.invoke(operation(name, Value::Null));
        assert_eq!(world.exit_code(), Some(6), "{}", world.output());
        assert_eq!(pending.wait(SOON).unwrap().kind, Kind::ProcessDied { status: "exit status: 6".into() });
        let line = lines::line_of(&world.process, &[pending.request_id(), "the answer was not taken: answered 500"]);
        assert!(line.contains("code=runtime-api"), "{line}");
        assert!(!world.lambda.faults_done(), "answered a second time");
    }
}

#[test]
fn an_event_without_a_request_id_is_reported_and_the_next_one_served() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Next, How::Omit("lambda-runtime-aws-request-id")));
    let _lost = world.lambda.invoke(echo());
    lines::line_of(&world.process, &["an event came without a request id and cannot be answered", "code=runtime-api"]);
    world.serves_on();
}

#[test]
fn an_event_without_a_deadline_has_none_and_that_is_said_once() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Next, How::Omit("lambda-runtime-deadline-ms")).times(2));
    for _ in 0..2 {
        assert_eq!(world.reply(operation("context", Value::Null))["has_deadline"], false);
    }
    assert_eq!(world.reply(operation("context", Value::Null))["has_deadline"], true);
    let warning = "the service sends no deadlines: events have no deadline";
    lines::holding(&world.process, warning);
    assert_eq!(lines::count(&world.process, warning), 1, "{}", world.output());
}

/// Orders `how` for a reply, and returns the error that the event ended in.
fn refused(how: How) -> (World, [String; 3]) {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Response, how.clone()));
    let answer = world.ask(echo());
    let Kind::Error { error_type, body } = &answer.kind else { panic!("{how:?}: {answer:?}") };
    let found = error(error_type.clone(), body);
    lines::line_of(&world.process, &[&answer.request_id, " ERROR ", "the answer was not taken: "]);
    let answered = |line: &str| line.contains(&answer.request_id) && line.contains("answered in ");
    assert!(!world.process.logs().iter().any(|line| answered(&line.text)), "{}", world.output());
    (world, found)
}

#[test]
fn a_reply_that_is_not_taken_becomes_an_error_and_the_process_serves_on() {
    for (how, words) in [
        (How::Status(400), "answered 400 Bad Request"),
        (How::Status(403), "answered 403 Forbidden"),
        (How::Close, ""),
        (How::Garbage, ""),
        (How::CloseInHeaders, ""),
    ] {
        let (world, found) = refused(how);
        assert_eq!((found[0].as_str(), found[1].as_str()), ("Runtime.LoaderReplyRefused", "Runtime.LoaderReplyRefused"));
        assert!(found[2].starts_with("the Runtime API did not take the reply: ") && found[2].contains(words), "{found:?}");
        world.serves_on();
    }
}

#[test]
fn a_reply_that_is_too_large_for_the_service_alone_ends_only_its_event() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Response, How::Status(413)));
    let answer = world.ask(echo());
    assert!(matches!(answer.kind, Kind::TooLarge { .. }), "{answer:?}");
    lines::line_of(&world.process, &[&answer.request_id, "the answer was not taken: answered 413", "code=runtime-api"]);
    world.serves_on();
}

#[test]
fn an_error_that_did_not_arrive_is_sent_again_as_it_was() {
    for how in [How::Close, How::Garbage, How::CloseInHeaders] {
        let world = world();
        world.lambda.fault(Fault::new(Endpoint::Error, how.clone()));
        assert_eq!(
            world.error(operation("error", Value::Null)),
            ["Function.OutOfStock", "OutOfStock", "nothing left"],
            "{how:?}"
        );
        world.serves_on();
    }
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Error, How::Status(400)));
    assert_eq!(world.error(operation("error", Value::Null))[0], "Runtime.LoaderReplyRefused", "as it was, it is refused again");
    world.serves_on();
}

#[test]
fn what_can_neither_be_answered_nor_failed_ends_the_process() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Response, How::Garbage).times(9));
    world.lambda.fault(Fault::new(Endpoint::Error, How::Garbage).times(9));
    let pending = world.lambda.invoke(echo());
    assert_eq!(world.exit_code(), Some(6), "{}", world.output());
    assert_eq!(pending.wait(SOON).unwrap().kind, Kind::ProcessDied { status: "exit status: 6".into() }, "not lost in silence");
    lines::line_of(&world.process, &[" ERROR ", "an error could not be posted: ", "code=runtime-api"]);
}

#[test]
fn a_refusal_of_both_leaves_the_event_to_the_service_and_serves_the_next() {
    let world = world();
    world.lambda.fault(Fault::new(Endpoint::Response, How::Status(400)));
    world.lambda.fault(Fault::new(Endpoint::Error, How::Status(403)));
    let pending = world.lambda.invoke(echo());
    let told = |access: &Access| access.endpoint == Endpoint::Error && access.request_id.as_deref() == Some(pending.request_id());
    assert_eq!(world.lambda.wait_access(told, SOON).and_then(|access| access.status), Some(403));
    world.serves_on();
    lines::line_of(&world.process, &[pending.request_id(), " ERROR ", "the answer was not taken: answered 400"]);
}

#[test]
fn a_service_that_goes_away_ends_the_process() {
    let World { process, lambda, folder: _folder } = world();
    drop(lambda);
    let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("it goes on\n{}", crate::support::output(&process)));
    assert_eq!(status.code(), Some(6), "{}", crate::support::output(&process));
}

#[test]
fn one_slot_that_loses_the_api_ends_the_others_once_they_are_done() {
    // Which slot it is differs from time to time.
    for _ in 0..2 {
        let world = World::with_slots(8);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(world.lambda.wait_polled(8, SOON).is_some());
        let busy = world.lambda.invoke(operation("wait", json!(file.to_str())));
        world.lambda.fault(Fault::new(Endpoint::Next, How::Status(500)));
        lines::line_of(&world.process, &[busy.request_id(), "waits"]);
        world.answers();
        assert_eq!(world.process.wait_exit(Duration::from_millis(100)), None, "one of them is busy");
        std::fs::write(&file, "done").unwrap();
        assert_eq!(busy.wait(SOON).expect("an answer").payload(), "\"done\"");
        assert_eq!(world.exit_code(), Some(6), "{}", world.output());
    }
}

impl World {
    /// One more event is answered; what the process does then is left open.
    #[track_caller]
    fn answers(&self) {
        assert_eq!(self.response(Event::new(echo())).body, echo());
    }
}
