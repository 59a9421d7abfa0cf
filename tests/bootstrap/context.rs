//! What a handler learns of its invocation.

use lambda_loader::local::{Deadline, Event};
use serde_json::{Value, json};

use crate::lines;
use crate::world::{World, operation};

/// Sends an event to `context`, and takes what changes with the time out of the reply.
fn context(world: &World, event: Event) -> (String, Value, Option<u64>) {
    let answer = world.ask(event);
    let response = answer.response().unwrap_or_else(|| panic!("{answer:?}\n{}", world.output()));
    let mut context: Value = serde_json::from_slice(&response.body).unwrap();
    let remaining = context.as_object_mut().unwrap().remove("remaining_ms").unwrap().as_u64();
    (answer.request_id, context, remaining)
}

#[test]
fn everything_that_comes_with_an_event_reaches_the_handler() {
    let world = World::misbehave();
    let event = Event {
        client_context: Some(r#"{"client":{"app_title":"é"},"custom":{"a":"1"}}"#.into()),
        cognito_identity: Some(r#"{"cognitoIdentityId":"id-9","cognitoIdentityPoolId":"pool"}"#.into()),
        tenant_id: Some("tenant-1".into()),
        trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into()),
        ..Event::new(operation("context", Value::Null))
    };
    let (request_id, found, remaining) = context(&world, event);
    assert_eq!(
        found,
        json!({
            "request_id": request_id, "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:local", "has_deadline": true,
            "trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", "tenant_id": "tenant-1",
            "client_context": r#"{"client":{"app_title":"é"},"custom":{"a":"1"}}"#,
            "identity": r#"{"cognitoIdentityId":"id-9","cognitoIdentityPoolId":"pool"}"#,
            "source": "operation", "resource": null, "route": "context", "trace_variable": null,
        })
    );
    // 30 s less the margin.
    assert!(remaining.is_some_and(|ms| ms <= 25_000), "{remaining:?}");
}

#[test]
fn what_does_not_come_is_absent_and_nothing_stays_from_the_event_before() {
    let world = World::misbehave();
    let full = Event {
        tenant_id: Some("t".into()),
        client_context: Some("{}".into()),
        cognito_identity: Some("{}".into()),
        ..Event::new(operation("context", Value::Null))
    };
    context(&world, full);
    let (_, found, _) = context(&world, Event::new(operation("context", Value::Null)));
    assert_eq!([&found["tenant_id"], &found["client_context"], &found["identity"]], [&Value::Null; 3]);
    assert!(found["trace_id"].as_str().is_some_and(|id| id.starts_with("Root=1-")), "{found}");
    assert_eq!(found["trace_variable"], Value::Null, "set in the environment, which plugins read");
}

#[test]
fn an_invocation_id_goes_back_with_every_kind_of_answer() {
    let world = World::misbehave();
    for name in ["echo", "error", "panic"] {
        let event = Event { invocation_id: Some("once-7".into()), ..Event::new(operation(name, Value::Null)) };
        assert_eq!(world.ask(event).invocation_id.as_deref(), Some("once-7"), "{name}");
    }
    let unrouted = Event { invocation_id: Some("once-8".into()), ..Event::new("{}") };
    assert_eq!(world.ask(unrouted).invocation_id.as_deref(), Some("once-8"));
    assert_eq!(world.ask(operation("echo", Value::Null)).invocation_id, None);
}

#[test]
fn a_deadline_in_1970_is_none_and_warned_of_once() {
    let world = World::misbehave();
    for _ in 0..3 {
        let event = Event { deadline: Some(Deadline::Epoch), ..Event::new(operation("context", Value::Null)) };
        let (_, found, remaining) = context(&world, event);
        assert_eq!((&found["has_deadline"], remaining), (&json!(false), None));
    }
    // Long enough for a watchdog that took 1970 at its word.
    let event = Event { deadline: Some(Deadline::Epoch), ..Event::new(operation("block", json!({ "ms": 100 }))) };
    assert_eq!(world.reply(event), Value::Null);
    let (_, found, remaining) = context(&world, Event::new(operation("context", Value::Null)));
    assert!(found["has_deadline"] == json!(true) && remaining.is_some(), "a real one counts");
    let warning = "the service sends deadlines in the past, as local emulators do: events have no deadline";
    assert_eq!(lines::count(&world.process, warning), 1, "{}", world.output());
}
