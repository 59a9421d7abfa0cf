//! What events and variables hold stays out of the log, at any level.

use std::time::Duration;

use lambda_loader::local::{Event, Kind};
use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

const MARKER: &str = "s3cr3t-8d1f";

fn world() -> World {
    let mut manifest = misbehave();
    manifest["on_error"] = "misbehave.report".into();
    manifest["routes"]["queue"] = json!({ "source": "sqs", "to": "orders.on_message" });
    manifest["routes"]["nightly"] = json!({ "source": "schedule", "to": "orders.nightly" });
    manifest["plugins"]["orders"] = json!({ "config": { "table": "orders" } });
    World::start(lambda(), folder(&["misbehave", "echo", "orders"], manifest), &[("AWS_LAMBDA_LOG_LEVEL", "TRACE")])
}

#[test]
fn no_failure_writes_the_event_into_the_log() {
    let world = world();
    let mut failed = 0;
    let mut send = |event: Event| {
        if let Kind::Error { body, .. } = world.ask(event).kind {
            failed += 1;
            let told = String::from_utf8_lossy(&body).contains(MARKER);
            assert_eq!(told, body.starts_with(b"{\"errorType\":\"Talkative\""), "{body:?}");
        }
    };
    let input = json!({ "secret": MARKER, MARKER: 1, "then": "error" });
    for name in
        ["error", "parse_error", "panic", "panic_later", "panic_in_drop", "huge", "not_json", "spawn_panic", "tell", "wait"]
    {
        send(Event::new(operation(name, input.clone())));
    }
    for name in ["sleep", "panic_in_drop_after_deadline"] {
        send(Event { timeout: Some(Duration::from_secs(1)), ..Event::new(operation(name, input.clone())) });
    }
    // Refused before any plugin.
    for event in [
        format!("{{\"{MARKER}\": {MARKER}"),
        format!("{{\"operation\":\"{MARKER}\"}}"),
        format!("{{\"operation\":\"error\",\"operation\":\"{MARKER}\"}}"),
        format!("{{\"command\":\"{MARKER}\"}}"),
        format!("{{\"a\":\"{MARKER}\"}}"),
        json!({ "Records": [{ "eventSource": "aws:sqs", "eventSourceARN": MARKER }, { "eventSource": "aws:sqs", "eventSourceARN": "b" }] }).to_string(),
        json!({ "Records": [{ "eventSource": "aws:sns", "Sns": { "TopicArn": MARKER } }] }).to_string(),
    ] {
        send(Event::new(event));
    }
    // Events that the handler's type does not take.
    let night = |key: &str, value: Value| {
        let mut event: Value = serde_json::from_slice(&sample("eventbridge-schedule")).unwrap();
        event[key] = value;
        Event::new(event.to_string())
    };
    send(night("time", MARKER.into()));
    send(night("resources", json!([{ MARKER: 1 }])));
    send(Event::new(
        json!({ "Records": [{ "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:::q", "attributes": MARKER }] })
            .to_string(),
    ));
    assert_eq!(failed, 22, "{}", world.output());
    // The context too.
    world.ask(Event {
        client_context: Some(json!({ "custom": { "a": MARKER } }).to_string()),
        cognito_identity: Some(json!({ "cognitoIdentityId": MARKER }).to_string()),
        tenant_id: Some(MARKER.into()),
        ..Event::new(operation("context", Value::Null))
    });
    world.serves_on();
    lines::holding(&world.process, "the handler failed: Talkative");
    assert_eq!(lines::count(&world.process, MARKER), 0, "{}", world.output());
}
