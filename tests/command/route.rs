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
