//! Events that are not what they should be: an error that says so, no plugin called, and the process serves on.

use serde_json::{Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

/// `echo` takes every source that the events here could be taken for.
fn world() -> World {
    let manifest = json!({
        "routes": {
            "queue": { "source": "sqs", "to": "echo" },
            "topic": { "source": "sns", "to": "echo" },
            "any-http": { "source": "http", "to": "echo" },
            "any": { "source": "direct", "to": "echo" },
            "echo": { "source": "operation", "name": "echo", "to": "echo" },
        },
    });
    World::start(lambda(), folder(&["echo"], manifest), &[])
}

#[test]
fn each_is_refused_by_name() {
    let world = world();
    let check = |event: Vec<u8>, code: &str, error_type: &str, message: &str| {
        let answer = world.ask(event);
        let Some((header, body)) = answer.error() else { panic!("{message}: {answer:?}") };
        let found = crate::world::error(header.map(str::to_owned), body);
        assert_eq!((found[0].as_str(), found[1].as_str()), (error_type, error_type), "{found:?}");
        assert!(found[2].starts_with("event: ") && found[2].contains(message), "{:?} is not {message:?}", found[2]);
        let line = lines::line_of(&world.process, &[&answer.request_id, &format!("code={code}")]);
        assert!(!line.contains("plugin="), "{line}");
        assert_eq!(lines::count(&world.process, &answer.request_id), 1, "one line for each");
        world.serves_on();
    };
    let not_json = |event: &[u8], message: &str| check(event.into(), "event-not-json", "Runtime.LoaderEventNotJson", message);
    not_json(b"", "not JSON at byte 0");
    not_json(b" \n", "not JSON at byte 2");
    not_json(b"hello", "not JSON at byte 0");
    not_json(b"{\"Records\":[{\"eventSource\":\"aws:sqs\"", "not JSON at byte 36");
    not_json(b"{\"operation\":\"echo\"} x", "not JSON at byte 21");
    not_json(b"{'operation':'echo'}", "not JSON at byte 1");
    not_json(b"{\"operation\":\"\xff\"}", "not JSON at byte 14: a string is not UTF-8");
    not_json("[".repeat(1_000_000).as_bytes(), "not JSON at byte 1000000");

    let queue = |arn: &str| json!({ "eventSource": "aws:sqs", "eventSourceARN": arn, "body": "{}" });
    let mixed = json!({ "Records": [queue("arn:aws:sqs:us-east-1:1:a"), queue("arn:aws:sqs:us-east-1:1:b")] }).to_string();
    let of_several = "the records of this `sqs` event are of several sources or resources";
    check(mixed.into(), "event-mixed", "Runtime.LoaderEventMixed", of_several);
    let ambiguous = |event: &str, message: &str| check(event.into(), "event-ambiguous", "Runtime.LoaderEventAmbiguous", message);
    ambiguous(r#"{"operation":"echo","operation":"echo"}"#, "the key `/operation` is given a second time");
    ambiguous(r#"{"Records":[{"eventSource":"aws:sqs","eventSource":"aws:sns"}]}"#, "the key `/Records/");
    ambiguous(r#"{"operation":"echo","\u006fperation":"other"}"#, "the key `/operation` is given a second time");

    let refused = |event: Value, message: &str| {
        check(event.to_string().into(), "event-refused", "Runtime.LoaderEventRefused", message);
    };
    refused(json!({ "command": "zappa.handler.evil" }), "operation");
    refused(json!({ "raw_command": "print(1)" }), "operation");
    refused(json!({ "manage": "migrate" }), "operation");
    refused(json!({ "Records": [{ "cf": { "config": {}, "request": {} } }] }), "Lambda@Edge");
}

#[test]
fn what_is_only_odd_is_routed_as_what_it_is() {
    let world = world();
    for event in ["null", "[]", "1", "{}", "\"text\"", "true", r#"{"operation":1}"#, r#"{"operation":"echo","more":1}"#] {
        assert_eq!(world.response(event).body, event);
    }
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(world.response(deep.clone()).body == deep, "a million levels");
    let deep = format!(r#"{{"operation":"echo","input":{}1{}}}"#, r#"{"a":"#.repeat(200_000), "}".repeat(200_000));
    assert!(world.response(deep.clone()).body == deep, "below an operation too");
    world.serves_on();
}

#[test]
fn an_event_of_six_megabytes_comes_back() {
    let world = world();
    let filler = "0123456789abcde\\n".repeat((6 * 1024 * 1024 - 100) / 17);
    for event in [operation("echo", Value::Null).replace("null", &format!("\"{filler}\"")), format!("[\"{filler}\"]")] {
        assert!(event.len() > 6_290_000 && event.len() < 6 * 1024 * 1024);
        assert!(world.response(event.clone()).body == event);
    }
    world.serves_on();
}

#[test]
fn without_a_route_for_direct_events_nothing_odd_gets_in() {
    let world = World::start(lambda(), folder(&["misbehave", "echo"], misbehave()), &[]);
    for event in ["null", "[]", "1", "{}", "\"text\"", r#"{"operation":1}"#, r#"{"operation":"echo","more":1}"#] {
        let found = world.error(event);
        assert_eq!(
            (found[0].as_str(), found[2].as_str()),
            ("Runtime.LoaderNoRoute", "no route takes this event of source direct")
        );
    }
    world.serves_on();
}
