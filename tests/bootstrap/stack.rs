//! CloudFormation events: where a handler fails or there is none, the stack is told, by the real TLS client to a server of a name of
//! S3's.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use lambda_loader::local::Event;
use serde_json::{Value, json};

use crate::bucket::{Bucket, HOST, world_within};
use crate::lines;
use crate::support::folder::Folder;
use crate::world::{World, folder};

fn event(kind: &str, url: Option<&str>, resource_type: &str) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../../loader/command/event/samples/cloudformation.json")).unwrap();
    event["RequestType"] = kind.into();
    event["ResponseURL"] = url.into();
    event["ResourceType"] = resource_type.into();
    if kind != "Create" {
        event["PhysicalResourceId"] = "thing-1".into();
    }
    event.to_string()
}

fn plugins(more: Value) -> Folder {
    let route = |name: &str, to: &str| {
        (name.to_owned(), json!({ "source": "cloudformation", "resource_type": format!("Custom::{name}"), "to": to }))
    };
    let names = ["error", "panic", "sleep", "block", "huge", "not_json"].map(|name| route(name, &format!("misbehave.{name}")));
    let routes: serde_json::Map<_, _> = names.into_iter().chain([route("good", "echo")]).collect();
    let mut manifest = more;
    manifest["routes"] = routes.into();
    folder(&["misbehave", "echo"], manifest)
}

/// A world in which the name of AWS leads to this machine; `None` where the system gives no mount namespace.
fn world(bucket: &Bucket) -> Option<World> {
    // Much, so that on a busy machine the watchdog is not faster than the handler's own thread.
    world_of(bucket, json!({ "deadline_margin_ms": 1_500 }))
}

/// With that in its manifest besides plugins and routes.
fn world_of(bucket: &Bucket, more: Value) -> Option<World> {
    world_within(|| plugins(more), bucket, &format!("{HOST} {}", HOST.replace("useast1", "useast2")), &[])
}

#[test]
fn a_stack_hears_of_every_failure_and_the_invocation_is_over() {
    let bucket = Bucket::start("200 OK");
    let Some(world) = world(&bucket) else { return };
    let url = bucket.url();
    let check = |kind: &str, resource_type: &str, code: &str, physical: Option<&str>| {
        let before = bucket.asked().len();
        let event = Event { timeout: Some(Duration::from_secs(8)), ..Event::new(event(kind, Some(&url), resource_type)) };
        let answer = world.ask(event);
        assert_eq!(answer.payload(), "null", "{resource_type}: {answer:?}\n{}", world.output());
        let asked = bucket.asked();
        assert_eq!(asked.len(), before + 1, "{resource_type}");
        let (head, body) = &asked[before];
        let head = head.to_lowercase();
        assert!(head.starts_with("put /arn%3aaws%3astack?x-amz-signature=s3cr3t http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nhost: {HOST}:{}\r\n", bucket.address.port())), "{head}");
        assert!(head.contains("\r\ncontent-type:\r\n") || head.contains("\r\ncontent-type: \r\n"), "{head}");
        let physical = physical.map_or_else(|| format!("failed-{}", answer.request_id), str::to_owned);
        assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            json!({
                "Status": "FAILED",
                "Reason": format!("{code} ({})", answer.request_id),
                "PhysicalResourceId": physical,
                "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4-872e-1234567db123",
                "RequestId": "5d478078-13e9-baf0-464a-7ef285ecc786",
                "LogicalResourceId": "Thing",
            })
        );
        lines::line_of(&world.process, &[&answer.request_id, " ERROR ", &format!("code={code}")]);
    };
    check("Create", "Custom::unknown", "no-route", None);
    check("Delete", "Custom::unknown", "no-route", Some("thing-1"));
    check("Create", "Custom::error", "handler-failed", None);
    check("Update", "Custom::panic", "handler-panicked", Some("thing-1"));
    check("Create", "Custom::huge", "reply-too-large", None);
    check("Create", "Custom::not_json", "reply-not-json", None);
    check("Create", "Custom::sleep", "deadline-exceeded", None);
    // A handler that succeeds answers the stack itself.
    let good = event("Create", Some(&url), "Custom::good");
    assert_eq!(world.response(good.clone()).body, good);
    assert_eq!(bucket.asked().len(), 7);
    // Last: the process ends by it.
    check("Create", "Custom::block", "deadline-exceeded", None);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert!(!world.output().contains("s3cr3t"), "the address is a secret");
}

#[test]
fn a_stack_that_cannot_be_told_leaves_the_invocation_failed() {
    let bucket = Bucket::start("403 Forbidden");
    let Some(world) = world(&bucket) else { return };
    let check = |url: Option<&str>, second: Option<(&str, &str)>| {
        let answer = world.ask(event("Create", url, "Custom::error"));
        let Some((header, _)) = answer.error() else { panic!("{url:?}: {answer:?}\n{}", world.output()) };
        assert_eq!(header, Some("Function.OutOfStock"), "{url:?}");
        lines::line_of(&world.process, &[&answer.request_id, "code=handler-failed"]);
        if let Some((code, message)) = second {
            lines::line_of(&world.process, &[&answer.request_id, message, &format!("code={code}")]);
        }
    };
    check(None, None);
    check(Some(&bucket.url()), Some(("stack-not-told", "CloudFormation could not be told: it answered 403 Forbidden")));
    assert_eq!(bucket.asked().len(), 1);
    let port = bucket.address.port();
    let plain = format!("http://{HOST}:{port}/a");
    check(Some(&plain), Some(("response-url-refused", "the event's `ResponseURL` is not https")));
    let elsewhere = format!("https://localhost:{port}/a");
    check(Some(&elsewhere), Some(("response-url-refused", "the event's `ResponseURL` is not one of CloudFormation's own")));
    // Reached, and not believed: the certificate is for another name.
    let address = format!("https://{HOST}:{port}/a").replace("useast1", "useast2");
    check(
        Some(&address),
        Some(("stack-not-told", "CloudFormation could not be told: invalid peer certificate: for another name")),
    );
    assert!(!world.output().contains("useast1"), "what the peer calls itself is not the log's");
    // Nobody listens.
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    check(Some(&format!("https://{HOST}:{closed}/a")), Some(("stack-not-told", "Connection refused")));
    assert_eq!(bucket.asked().len(), 1, "nothing was sent to any of them");
    assert!(!world.output().contains("s3cr3t"), "the address is a secret");
}

#[test]
fn a_server_whose_certificate_the_system_does_not_know_gets_nothing() {
    let bucket = Bucket::start("200 OK");
    let other =
        Bucket { certificate: Bucket::start("200 OK").certificate, asked: Arc::clone(&bucket.asked), address: bucket.address };
    let Some(world) = world(&other) else { return };
    let answer = world.ask(event("Create", Some(&bucket.url()), "Custom::error"));
    assert!(answer.error().is_some(), "{answer:?}");
    lines::line_of(&world.process, &[&answer.request_id, "code=stack-not-told", "invalid peer certificate"]);
    assert_eq!(bucket.asked(), []);
}

fn blocked(url: &str) -> Event {
    Event { timeout: Some(Duration::from_secs(8)), ..Event::new(event("Create", Some(url), "Custom::block")) }
}

#[test]
fn a_blocked_handler_leaves_time_for_its_stack_at_the_default_margin() {
    let bucket = Bucket::start("200 OK");
    let Some(world) = world_of(&bucket, json!({})) else { return };
    let answer = world.ask(blocked(&bucket.url()));
    assert_eq!(answer.payload(), "null", "{answer:?}\n{}", world.output());
    let asked = bucket.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].1.contains("\"FAILED\"") && asked[0].1.contains("deadline-exceeded"), "{}", asked[0].1);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
}

#[test]
fn a_blocked_handler_whose_stack_hangs_is_answered_for_and_the_process_ends() {
    let bucket = Bucket::start("");
    let Some(world) = world_of(&bucket, json!({})) else { return };
    let answer = world.ask(blocked(&bucket.url()));
    let Some((header, _)) = answer.error() else { panic!("{answer:?}\n{}", world.output()) };
    assert_eq!(header, Some("Runtime.LoaderDeadlineExceeded"), "{}", world.output());
    lines::line_of(&world.process, &[&answer.request_id, "code=stack-not-told", "the time was up"]);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert_eq!(bucket.asked().len(), 1, "told once, by the watchdog alone");
}
