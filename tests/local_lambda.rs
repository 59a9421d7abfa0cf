//! The local Lambda, judged by an independent peer: AWS's own Rust runtime, linked statically (`examples/static_peer.rs`).

mod support;

use std::time::Duration;

use lambda_loader::local::{Access, Bootstrap, Deadline, Endpoint, Event, Fault, How, Kind, Lambda, Options, REPLY_LIMIT};
use serde_json::{Value, json};
use support::build::Build;
use support::{SOON, lambda, output};

fn peer(lambda: &Lambda) -> Bootstrap {
    Bootstrap::spawn(lambda, &Build::example("static_peer").path(), &[]).unwrap()
}

/// Sends `event` and returns how it ended.
fn ask(lambda: &Lambda, event: impl Into<Event>) -> Kind {
    lambda.invoke(event).wait(SOON).expect("an answer").kind
}

/// Sends an event of its own and expects it back: the process serves on.
fn serves_on(lambda: &Lambda, process: &Bootstrap) {
    let pending = lambda.invoke(r#"{"still":"here"}"#);
    let answer = pending.wait(SOON).unwrap_or_else(|| panic!("no answer; it said:\n{}", output(process)));
    assert_eq!(answer.payload(), r#"{"still":"here"}"#);
}

fn body(kind: Kind) -> Value {
    let Kind::Response(response) = kind else { panic!("{kind:?}") };
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn an_event_comes_back_byte_for_byte() {
    let lambda = lambda();
    let _process = peer(&lambda);
    let large = format!("[{}1]", "\"abc\",".repeat(100_000));
    for event in ["1", "null", "{ \"a\" : [ 1,\n2 ] }", "\"\\u00e9 é\"", &large] {
        let Kind::Response(response) = ask(&lambda, event.to_owned()) else { panic!("{event}") };
        assert!(response.body == event, "{event:.40}");
        assert_eq!((response.chunks, response.trailers.len()), (None, 0));
    }
}

#[test]
fn the_handler_sees_what_the_event_carries() {
    let lambda = Lambda::start(Options { function_name: "orders".into(), memory_mb: 512, ..Options::default() }).unwrap();
    let _process = peer(&lambda);
    let event = Event {
        client_context: Some(r#"{"custom":{"a":"1"}}"#.into()),
        cognito_identity: Some(r#"{"cognitoIdentityId":"id-9","cognitoIdentityPoolId":"pool"}"#.into()),
        tenant_id: Some("tenant-1".into()),
        trace_id: Some("Root=1-2-3".into()),
        invocation_id: Some("once".into()),
        deadline: Some(Deadline::Epoch),
        timeout: Some(Duration::from_secs(3)),
        ..Event::new(r#"{"do":"context"}"#)
    };
    let answer = lambda.invoke(event).wait(SOON).unwrap();
    assert_eq!(answer.invocation_id.as_deref(), Some("once"), "sent back by the runtime");
    let seen = body(answer.kind);
    assert_eq!(
        seen,
        json!({
            "request_id": answer.request_id, "deadline": 3000, "trace_id": "Root=1-2-3", "tenant_id": "tenant-1",
            "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:orders",
            "client": { "a": "1" }, "identity": "id-9", "function_name": "orders", "memory": 512,
        })
    );
}

#[test]
fn errors_and_panics_arrive_as_errors_and_the_next_event_follows() {
    let lambda = lambda();
    let process = peer(&lambda);
    for (event, message) in [(r#"{"do":"error"}"#, "it went wrong"), (r#"{"do":"panic"}"#, "Lambda panicked: it went very wrong")]
    {
        let Kind::Error { error_type, body } = ask(&lambda, event) else { panic!("{event}") };
        assert_eq!(error_type.as_deref(), Some("unhandled"));
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["errorMessage"], message);
    }
    let Kind::Error { .. } = ask(&lambda, "not JSON") else { panic!("it is not JSON") };
    serves_on(&lambda, &process);
    assert!(process.wait_for_line(|line| line.contains("it went very wrong"), SOON).is_some());
}

#[test]
fn a_reply_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let lambda = lambda();
    let process = peer(&lambda);
    let big = |size: usize| ask(&lambda, format!(r#"{{"do":"big","size":{size}}}"#));
    let Kind::Response(response) = big(REPLY_LIMIT) else { panic!("at the limit") };
    assert_eq!(response.body.len(), 6_291_556);
    assert_eq!(big(REPLY_LIMIT + 1), Kind::TooLarge { size: REPLY_LIMIT + 1 });
    serves_on(&lambda, &process);
    let statuses: Vec<_> = lambda.accesses().into_iter().filter(|a| a.endpoint == Endpoint::Response).map(|a| a.status).collect();
    assert_eq!(statuses[..2], [Some(202), Some(413)]);
}

#[test]
fn a_streamed_reply_arrives_in_chunks_behind_its_prelude() {
    let lambda = lambda();
    let process = peer(&lambda);
    let Kind::Response(response) = ask(&lambda, r#"{"do":"stream"}"#) else { panic!("a response") };
    assert_eq!(response.content_type.as_deref(), Some("application/vnd.awslambda.http-integration-response"));
    let chunks = response.chunks.expect("streamed");
    assert!(chunks.len() >= 3, "{chunks:?}");
    assert!(chunks.is_sorted_by_key(|chunk| chunk.at));
    assert_eq!(chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect::<Vec<_>>(), response.body);
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let (prelude, rest) = text.split_once("\0\0\0\0\0\0\0\0").expect("the delimiter");
    assert_eq!(serde_json::from_str::<Value>(prelude).unwrap()["statusCode"], 200);
    assert_eq!(rest, "one two three");
    serves_on(&lambda, &process);
}

#[test]
fn two_events_are_in_flight_at_once_where_the_function_may_have_two() {
    let lambda = Lambda::start(Options { concurrency: 2, ..Options::default() }).unwrap();
    let _process = peer(&lambda);
    let (first, second) = (lambda.invoke(r#"{"do":"together","n":1}"#), lambda.invoke(r#"{"do":"together","n":2}"#));
    let answers = (first.wait(SOON).expect("the first"), second.wait(SOON).expect("the second"));
    assert_eq!(answers.0.payload(), r#"{"do":"together","n":1}"#);
    assert_eq!(answers.1.payload(), r#"{"do":"together","n":2}"#);
    assert_ne!(answers.0.request_id, answers.1.request_id);
}

#[test]
fn the_end_of_the_process_ends_what_it_worked_on() {
    let lambda = lambda();
    let process = peer(&lambda);
    let polls = lambda.wait_polled(1, SOON).expect("a first poll");
    assert!(polls.first.unwrap() >= process.started());
    assert_eq!(ask(&lambda, r#"{"do":"exit"}"#), Kind::ProcessDied { status: "exit status: 7".into() });
    assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(7));
    assert!(process.memory().is_err());
    // What was sent meanwhile waits for the next process; the poll of a killed one does not count against it.
    let waiting = lambda.invoke("1");
    for _ in 0..3 {
        let process = peer(&lambda);
        serves_on(&lambda, &process);
        let polls = lambda.polled().count;
        assert!(lambda.wait_polled(polls.max(2), SOON).is_some());
        process.kill();
        assert!(process.wait_exit(SOON).is_some());
    }
    assert_eq!(waiting.wait(SOON).unwrap().payload(), "1");
    assert!(lambda.accesses().iter().all(|access| access.status != Some(403)));
}

#[test]
fn a_process_that_never_polls_fails_what_waits_for_it() {
    let lambda = lambda();
    let pending = lambda.invoke("1");
    let process = Bootstrap::spawn(&lambda, "/bin/false".as_ref(), &[]).unwrap();
    assert_eq!(pending.wait(SOON).unwrap().kind, Kind::ProcessDied { status: "exit status: 1".into() });
    assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(1));
}

#[test]
fn the_process_gets_the_variables_of_lambda_and_no_others() {
    let lambda = lambda();
    let process = Bootstrap::spawn(&lambda, "/usr/bin/env".as_ref(), &[("EXTRA", "1"), ("AWS_REGION", "eu-central-1")]).unwrap();
    assert!(process.wait_exit(SOON).is_some_and(|status| status.success()));
    let mut expected = lambda.environment();
    expected.retain(|(name, _)| name != "AWS_REGION");
    expected.extend([("EXTRA".into(), "1".into()), ("AWS_REGION".into(), "eu-central-1".into())]);
    let mut expected: Vec<_> = expected.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut found: Vec<_> = process.logs().into_iter().map(|line| line.text).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// What the official runtime does when the service misbehaves once.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// It serves the next event.
    ServesOn,
    /// It ends, and not with success.
    Ends,
}

/// Orders `how` at `next`, sends an event, and sees what becomes of process and event.
fn next_fault(how: How, then: Then) {
    let lambda = lambda();
    lambda.fault(Fault::new(Endpoint::Next, how.clone()));
    let pending = lambda.invoke("[1,2,3]");
    let process = peer(&lambda);
    match then {
        Then::ServesOn => {
            assert_eq!(pending.wait(SOON).unwrap_or_else(|| panic!("{how:?}\n{}", output(&process))).payload(), "[1,2,3]");
            serves_on(&lambda, &process);
        }
        Then::Ends => {
            let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{how:?}\n{}", output(&process)));
            assert!(!status.success(), "{how:?}");
        }
    }
    assert!(lambda.faults_done(), "{how:?}");
}

#[test]
fn a_next_that_fails_ends_the_official_runtime() {
    for how in [
        How::Garbage,
        How::Close,
        How::CloseInHeaders,
        How::CloseInBody,
        How::Omit("lambda-runtime-aws-request-id"),
        How::Omit("lambda-runtime-deadline-ms"),
        How::Status(500),
        How::Status(403),
    ] {
        next_fault(how, Then::Ends);
    }
}

#[test]
fn a_slow_next_and_a_missing_trace_id_are_nothing_to_the_official_runtime() {
    next_fault(How::Delay(Duration::from_millis(50)), Then::ServesOn);
    next_fault(How::Omit("lambda-runtime-trace-id"), Then::ServesOn);
}

/// Orders `how` at `endpoint`, sends `event`, and expects `status` to have been answered and the process to do as `then` says.
fn answer_fault(endpoint: Endpoint, event: &'static str, how: How, status: Option<u16>, then: Then) {
    let lambda = lambda();
    let process = peer(&lambda);
    lambda.fault(Fault::new(endpoint, how.clone()));
    let pending = lambda.invoke(event);
    let wanted = |access: &Access| access.request_id.as_deref() == Some(pending.request_id());
    let access = lambda.wait_access(wanted, SOON).unwrap_or_else(|| panic!("{how:?}\n{}", output(&process)));
    assert_eq!((access.endpoint, access.status), (endpoint, status), "{how:?}");
    match then {
        Then::ServesOn => serves_on(&lambda, &process),
        Then::Ends => assert!(process.wait_exit(SOON).is_some_and(|status| !status.success()), "{how:?}"),
    }
}

#[test]
fn a_refused_answer_does_not_end_the_official_runtime_a_broken_connection_does() {
    for endpoint in [Endpoint::Response, Endpoint::Error] {
        let event = if endpoint == Endpoint::Response { "1" } else { r#"{"do":"error"}"# };
        for status in [400, 403, 413, 500] {
            answer_fault(endpoint, event, How::Status(status), Some(status), Then::ServesOn);
        }
        for how in [How::Close, How::Garbage, How::CloseInHeaders] {
            answer_fault(endpoint, event, how, None, Then::Ends);
        }
        answer_fault(endpoint, event, How::CloseInBody, None, Then::ServesOn);
        answer_fault(endpoint, event, How::Delay(Duration::from_millis(20)), Some(202), Then::ServesOn);
    }
}
