//! Handlers that do what they should not: an error with a name each, and the process serves on.

use std::time::Duration;

use lambda_loader::local::{Event, Kind, REPLY_LIMIT};
use serde_json::{Value, json};

use crate::lines;
use crate::support::SOON;
use crate::world::{World, operation};

/// An event with little time.
fn hurried(name: &str, input: Value) -> Event {
    Event { timeout: Some(Duration::from_secs(1)), ..Event::new(operation(name, input)) }
}

#[test]
fn every_failure_has_its_type_in_header_and_body_and_the_next_event_follows() {
    let world = World::misbehave();
    let check = |event: Event, header: &str, error_type: &str, message: &str, code: &str| {
        let body = event.body.clone();
        let answer = world.ask(event);
        let Kind::Error { error_type: found, body } = &answer.kind else { panic!("{body:?}: {answer:?}\n{}", world.output()) };
        let found = crate::world::error(found.clone(), body);
        assert_eq!((found[0].as_str(), found[1].as_str()), (header, error_type), "{found:?}");
        let fits =
            message.split('*').try_fold(found[2].as_str(), |rest, part| rest.find(part).map(|at| &rest[at + part.len()..]));
        assert!(fits.is_some(), "{:?} is not {message:?}", found[2]);
        let wanted = format!("code={code} source=operation route=");
        let line = world.process.wait_for_line(|line| line.contains(&answer.request_id) && line.contains(&wanted), SOON);
        let line = line.unwrap_or_else(|| panic!("no line\n{}", world.output())).text;
        assert!(line.contains(" ERROR ") && line.contains(" plugin=misbehave digest="), "{line}");
        world.serves_on();
    };
    let own = |name: &str, error_type: &str, message: &str| {
        check(Event::new(operation(name, Value::Null)), &format!("Function.{error_type}"), error_type, message, "handler-failed");
    };
    own("error", "OutOfStock", "nothing left");
    own("parse_error", "ParseIntError", "invalid digit found in string");
    own("spawn_panic", "JoinError", "task * panicked with message \"background went wrong\"");
    let panics = |name: &str, message: &str| {
        let error_type = "Runtime.LoaderHandlerPanicked";
        check(Event::new(operation(name, Value::Null)), error_type, error_type, message, "handler-panicked");
    };
    panics("panic", "panicked at plugins/misbehave/src/lib.rs:*: handler went wrong");
    panics("panic_later", "panicked at plugins/misbehave/src/lib.rs:*: handler went wrong later");
    panics("panic_in_drop", "panicked at plugins/misbehave/src/lib.rs:*: drop went wrong");
    let loader = |event: Event, error_type: &str, message: &str, code: &str| check(event, error_type, error_type, message, code);
    let late = "the handler did not answer before its deadline";
    loader(hurried("sleep", Value::Null), "Runtime.LoaderDeadlineExceeded", late, "deadline-exceeded");
    loader(hurried("panic_in_drop_after_deadline", Value::Null), "Runtime.LoaderDeadlineExceeded", late, "deadline-exceeded");
    let large = "the reply has 7340032 bytes, Lambda takes 6291556";
    loader(Event::new(operation("huge", Value::Null)), "Runtime.LoaderReplyTooLarge", large, "reply-too-large");
    let not_json = "the handler's reply is not JSON";
    loader(Event::new(operation("not_json", Value::Null)), "Runtime.LoaderReplyNotJson", not_json, "reply-not-json");
}

#[test]
fn whatever_type_a_handler_gives_its_error_the_service_gets_letters_and_the_log_a_name() {
    let world = World::misbehave();
    let long = "Ab".repeat(50_000);
    for (said, letters) in [
        ("OutOfStock", "OutOfStock"),
        ("", "Error"),
        ("404", "Error"),
        ("Runtime.LoaderDigestMismatch", "RuntimeLoaderDigestMismatch"),
        ("Function.", "Function"),
        ("Two\r\nlambda-runtime-function-error-type: Runtime.Third", "TwolambdaruntimefunctionerrortypeRuntimeThird"),
        ("Two\n{\"level\":\"ERROR\"}", "TwolevelERROR"),
        ("\u{0}\u{7f}\u{1b}[31mRed", "mRed"),
        ("\u{44f}\u{1f980}\u{202e}", "Error"),
        (&long, &long[..200]),
    ] {
        let answer = world.ask(operation("error", said.into()));
        let Kind::Error { error_type, body } = &answer.kind else { panic!("{said:?}: {answer:?}") };
        let [header, told, _] = crate::world::error(error_type.clone(), body);
        // What Lambda accepts there: `Function.` or `Runtime.`, and letters.
        assert_eq!((header.as_str(), told.as_str()), (format!("Function.{letters}").as_str(), said));
        let line = lines::line_of(&world.process, &[&answer.request_id, "the handler failed: "]);
        let name = line.split_once("the handler failed: ").unwrap().1.split_once(" code=handler-failed ").unwrap().0;
        assert!(name == format!("Function.{letters}") || name == said, "{said:?}: {line}");
        assert!(name.len() < 220 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{line}");
    }
    world.serves_on();
}

#[test]
fn an_async_handler_past_its_deadline_is_dropped_with_its_destructors_before_the_next_event() {
    let world = World::misbehave();
    let late = world.ask(hurried("sleep", Value::Null));
    assert!(matches!(late.kind, Kind::Error { .. }), "{late:?}");
    // Logged by the destructor, with the request that it belongs to.
    let dropped = lines::holding(&world.process, &format!("sleep was dropped for {}", late.request_id));
    assert!(dropped.contains(&format!(" {} misbehave: sleep was dropped", late.request_id)), "{dropped}");
    let next = world.ask(operation("sleep", json!({ "ms": 1 })));
    assert_eq!(next.payload(), "1");
    lines::holding(&world.process, &format!("dropped for {}", next.request_id));
    let place = |words: String| world.process.logs().iter().position(|line| line.text.contains(&words));
    assert!(place(format!("dropped for {}", late.request_id)) < place(format!("dropped for {}", next.request_id)));

    let late = world.ask(hurried("panic_in_drop_after_deadline", Value::Null));
    let line = lines::holding(&world.process, "a destructor panicked while the handler was dropped: panicked at ");
    assert!(line.contains(&late.request_id) && line.contains("drop went wrong code=handler-panicked"), "{line}");
    world.serves_on();
}

#[test]
fn what_a_handler_may_do_it_can() {
    let world = World::misbehave();
    assert_eq!(world.reply(operation("spawn", Value::Null)), 42, "its runtime is there");
    let huge = |bytes: usize| world.ask(operation("huge", json!({ "bytes": bytes }))).kind;
    assert!(matches!(huge(REPLY_LIMIT), Kind::Response(response) if response.body.len() == REPLY_LIMIT));
    assert!(matches!(huge(REPLY_LIMIT + 1), Kind::Error { .. }), "found before it is sent");
    assert_eq!(world.reply(operation("block", json!({ "ms": 20 }))), Value::Null, "blocking is not forbidden, being late is");
    world.serves_on();
}
