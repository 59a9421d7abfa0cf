//! `route`: where an event would go.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, misbehaving};

fn sandbox() -> Sandbox {
    let mut manifest = misbehaving();
    manifest["routes"]["queue"] = json!({ "source": "sqs", "resource": "orders", "to": "misbehave.context" });
    // No digests, and even no files: routing needs neither.
    let sandbox = Sandbox::new("{}");
    sandbox.write("manifest.json", manifest.to_string());
    sandbox
}

#[test]
fn the_route_is_told_in_both_formats_from_file_and_standard_input() {
    let sandbox = sandbox();
    #[track_caller]
    fn check(sandbox: &Sandbox, event: &str, exit: i32, text: &str, expected: Value) {
        sandbox.write("event.json", event);
        for (file, input) in [("event.json", ""), ("-", event)] {
            let run = sandbox.run_with(&["route", "--event", file], &[], input);
            assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (exit, format!("{text}\n").as_str(), ""), "{event}");
            let run = sandbox.run_with(&["route", "--event", file, "--format", "json"], &[], input);
            assert_eq!((run.code, run.json(), run.err.as_str()), (exit, expected.clone(), ""), "{event}");
        }
    }
    let sqs = |queue: &str| json!({ "Records": [{ "eventSource": "aws:sqs", "eventSourceARN": queue }] }).to_string();
    let (ours, theirs) = ("arn:aws:sqs:us-east-1:123456789012:orders", "arn:aws:sqs:us-east-1:123456789012:others");
    check(
        &sandbox,
        &sqs(ours),
        0,
        &format!("sqs {ours}: route queue: misbehave.context"),
        json!({ "source": "sqs", "resource": ours, "route": "queue", "plugin": "misbehave", "handler": "context" }),
    );
    check(
        &sandbox,
        &sqs(theirs),
        1,
        &format!("sqs {theirs}: no route takes it (hint: add a route for this source, or widen one)"),
        json!({ "source": "sqs", "resource": theirs, "route": null, "plugin": null, "handler": null }),
    );
    check(
        &sandbox,
        "{\"hello\":1}",
        0,
        "direct: route any: echo, its only handler",
        json!({ "source": "direct", "resource": null, "route": "any", "plugin": "echo", "handler": null }),
    );
    check(
        &sandbox,
        r#"{"operation":"panic"}"#,
        0,
        "operation: route panic: misbehave.panic",
        json!({ "source": "operation", "resource": null, "route": "panic", "plugin": "misbehave", "handler": "panic" }),
    );
}

#[test]
fn an_event_that_is_refused_by_name_exits_1() {
    let sandbox = sandbox();
    let zappa = sandbox.run_with(&["route", "--event", "-"], &[], r#"{"raw_command":"import os"}"#);
    zappa.refused(1, "event-refused", &["standard input: ", "operation"]);
    assert!(!zappa.err.contains("import os"), "{zappa:?}");
    let json = sandbox.run_with(&["route", "--event", "-", "--format", "json"], &[], r#"{"raw_command":"x"}"#);
    assert_eq!((json.code, json.json()["error"]["code"].as_str()), (1, Some("event-refused")));
}

#[test]
fn explain_says_which_rule_fired_and_why_each_route_lost() {
    let sandbox = sandbox();
    let mut manifest = misbehaving();
    manifest["routes"]["audit"] = json!({ "source": "kafka", "topic": "audit*", "to": "misbehave.context" });
    manifest["routes"]["topics"] = json!({ "source": "kafka", "to": "echo" });
    sandbox.write("manifest.json", manifest.to_string());
    let event = json!({ "eventSource": "aws:kafka", "records": { "orders-0": [], "audit-log-3": [{ "topic": "audit-log" }] } });
    let run = sandbox.run_with(&["route", "--event", "-", "--explain"], &[], &event.to_string());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for line in [
        "kafka topic audit-log: route audit: misbehave.context",
        "kafka topic orders: route topics: echo, its only handler",
        "  rule 8 of NUMBER: /eventSource is \"aws:kafka\" or \"SelfManagedKafka\"",
        "  topic: audit-log, orders",
        "  route audit (topic orders): it wants another `topic` than \"orders\"",
        "  route topics (topic audit-log): it would take the event, and a more specific route has it",
        "  route any (topic orders): it is not for events of source kafka",
    ] {
        let fits = |found: &str| match line.split_once("NUMBER") {
            Some((before, after)) => found.starts_with(before) && found.ends_with(after),
            None => found == line,
        };
        assert!(run.out.lines().any(fits), "no {line:?} in\n{}", run.out);
    }
    let json = sandbox.run_with(&["route", "--event", "-", "--explain", "--format", "json"], &[], &event.to_string()).json();
    assert_eq!(json["explain"]["rule"]["when"], "/eventSource is \"aws:kafka\" or \"SelfManagedKafka\"");
    let took = |topic: &str| {
        let routes = json["explain"]["routes"].as_array().unwrap();
        let took = routes.iter().find(|route| route["topic"] == topic && route["takes"] == true);
        took.map(|route| route["route"].as_str().unwrap().to_owned())
    };
    assert_eq!((took("orders").as_deref(), took("audit-log").as_deref()), (Some("topics"), Some("audit")));
    assert_eq!(json["route"], Value::Null);
    let part = json!({ "topics": ["orders"], "route": "topics", "plugin": "echo", "handler": null });
    assert!(json["parts"].as_array().unwrap().contains(&part), "{json}");
}
