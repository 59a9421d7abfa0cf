//! The manifest's `on_error` handler.

use std::time::Duration;

use lambda_loader::local::{Event, Kind};
use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

fn world() -> World {
    let mut manifest = misbehave();
    manifest["on_error"] = "misbehave.report".into();
    World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[])
}

#[test]
fn it_gets_error_event_and_context_and_may_answer() {
    let world = world();
    let event = r#"{ "operation":"error", "input": {"then":"handle","n":1.50} }"#;
    let answer = world.ask(Event { trace_id: Some("Root=1-2-3".into()), ..Event::new(event) });
    let reply: Value = serde_json::from_slice(&answer.response().expect("handled").body).unwrap();
    assert_eq!(
        reply,
        json!({
            "error": { "code": "handler-failed", "errorType": "OutOfStock", "errorMessage": "nothing left" },
            "event": { "operation": "error", "input": { "then": "handle", "n": 1.50 } },
            "context": {
                "requestId": answer.request_id, "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:local",
                "traceId": "Root=1-2-3", "source": "operation", "resource": null, "route": "error", "plugin": "misbehave",
            },
        })
    );
    // Answered, and still a failure in the log.
    lines::line_of(&world.process, &[&answer.request_id, " ERROR ", "the handler failed: OutOfStock code=handler-failed"]);
    lines::line_of(&world.process, &[&answer.request_id, " INFO ", "reported \"OutOfStock\""]);
    let panic = world.reply(operation("panic", json!({ "then": "handle" })));
    assert_eq!(panic["error"]["errorType"], "Runtime.LoaderHandlerPanicked");
    let late = Event { timeout: Some(Duration::from_secs(2)), ..Event::new(operation("sleep", json!({ "then": "handle" }))) };
    assert_eq!(world.reply(late)["error"]["code"], "deadline-exceeded", "there is time left for it");
}

#[test]
fn whatever_it_does_instead_the_first_error_is_the_answer() {
    let world = world();
    for (then, second) in [
        ("nothing", None),
        ("ignore", None),
        ("half", None),
        ("error", Some("the handler failed: SecondError code=handler-failed")),
        ("panic", Some("on_error went wrong too")),
        ("hang", Some("the handler did not answer before its deadline code=deadline-exceeded")),
    ] {
        let event = Event { timeout: Some(Duration::from_secs(2)), ..Event::new(operation("error", json!({ "then": then }))) };
        let answer = world.ask(event);
        let Kind::Error { error_type, body } = &answer.kind else { panic!("{then}: {answer:?}") };
        let found = crate::world::error(error_type.clone(), body);
        assert_eq!(found, ["Function.OutOfStock", "OutOfStock", "nothing left"], "{then}");
        lines::line_of(&world.process, &[&answer.request_id, "the handler failed: OutOfStock"]);
        if let Some(second) = second {
            lines::line_of(&world.process, &[&answer.request_id, " ERROR ", "on_error", second]);
        }
        world.serves_on();
    }
}

#[test]
fn one_that_blocks_ends_the_process_and_the_first_error_is_still_the_answer() {
    let world = world();
    let event = operation("error", json!({ "then": "block" }));
    let answer = world.ask(Event { timeout: Some(Duration::from_secs(2)), ..Event::new(event) });
    let Kind::Error { error_type, body } = &answer.kind else { panic!("{answer:?}") };
    let found = crate::world::error(error_type.clone(), body);
    assert_eq!(found, ["Function.OutOfStock", "OutOfStock", "nothing left"]);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    lines::line_of(&world.process, &[&answer.request_id, "the handler failed: OutOfStock"]);
    lines::line_of(&world.process, &[&answer.request_id, "on_error: the handler blocked its thread past its deadline"]);
}

#[test]
fn an_event_that_goes_well_is_none_of_its_business() {
    let world = world();
    world.serves_on();
    assert_eq!(world.reply(operation("spawn", Value::Null)), 42);
    world.ends();
    assert_eq!(lines::count(&world.process, "reported"), 0, "{}", world.output());
}

#[test]
fn what_it_answers_to_a_request_is_streamed_where_the_route_says_so() {
    let manifest = json!({
        "on_error": "misbehave.report",
        "routes": {
            "url": { "source": "function-url", "to": "misbehave.error", "reply": "stream" },
            "echo": { "source": "operation", "name": "echo", "to": "echo" },
        },
    });
    let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[]);
    let mut event: Value = serde_json::from_slice(&sample("lambda_http/lambda_function_url_request")).unwrap();
    event["input"] = json!({ "then": "handle" });
    let response = world.response(event.to_string());
    assert!(response.chunks.is_some());
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let (prelude, body) = text.split_once("\0\0\0\0\0\0\0\0").expect("a prelude");
    assert_eq!(serde_json::from_str::<Value>(prelude).unwrap()["statusCode"], 200);
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["error"]["errorType"], "OutOfStock");
    world.serves_on();
}
