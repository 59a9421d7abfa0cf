//! Events whose answer is a request: to servers of AWS's names, which lead to this machine.

use serde_json::{Value, json};

use crate::bucket::{Bucket, HOST, world_within};
use crate::lines;
use crate::world::{World, folder};

const OBJECT: &str = "uploads-123456789012.s3-accesspoint.us-east-1.amazonaws.com";
const WRITE: &str = "io-use1-001.s3-object-lambda.us-east-1.amazonaws.com";

fn world(bucket: &Bucket, more: &[(&str, &str)]) -> Option<World> {
    let mut manifest: Value = serde_json::from_str(include_str!("../../plugins/manifest.json")).unwrap();
    manifest["plugins"] = json!({ "callbacks": { "config": { "port": bucket.address.port() } } });
    manifest["routes"].as_object_mut().unwrap().retain(|_, route| route["to"].as_str().unwrap().starts_with("callbacks."));
    manifest["stages"] = json!({ "dev": {} });
    world_within(|| folder(&["callbacks"], manifest), bucket, &format!("{HOST} {OBJECT} {WRITE}"), more)
}

fn stack(kind: &str, url: &str, properties: Value) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../../loader/command/event/samples/cloudformation.json")).unwrap();
    event["RequestType"] = kind.into();
    event["ResponseURL"] = url.into();
    event["ResourceType"] = "Custom::Greeting".into();
    event["ResourceProperties"] = properties;
    if kind != "Create" {
        event["PhysicalResourceId"] = "greeting-1".into();
    }
    event.to_string()
}

#[test]
fn a_stack_is_told_of_success_by_the_handler_and_of_failure_by_the_loader() {
    let bucket = Bucket::start("200 OK");
    let Some(world) = world(&bucket, &[]) else { return };
    let name = json!({ "ServiceToken": "arn", "Name": "Ada" });
    for (number, kind) in ["Create", "Update", "Delete"].into_iter().enumerate() {
        assert_eq!(world.reply(stack(kind, &bucket.url(), name.clone())), Value::Null, "{}", world.output());
        let (head, body) = &bucket.asked()[number];
        assert!(head.to_lowercase().starts_with("put /arn%3aaws%3astack?x-amz-signature=s3cr3t http/1.1\r\n"), "{head}");
        let physical = if kind == "Create" { "greeting-5d478078-13e9-baf0-464a-7ef285ecc786" } else { "greeting-1" };
        assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            json!({
                "Status": "SUCCESS",
                "PhysicalResourceId": physical,
                "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4-872e-1234567db123",
                "RequestId": "5d478078-13e9-baf0-464a-7ef285ecc786",
                "LogicalResourceId": "Thing",
                "Data": { "Greeting": "good day, Ada" },
            })
        );
    }
    // A handler that never ran: the property is missing.
    let answer = world.ask(stack("Create", &bucket.url(), json!({})));
    assert_eq!(answer.payload(), "null", "{answer:?}\n{}", world.output());
    let failed: Value = serde_json::from_str(&bucket.asked()[3].1).unwrap();
    assert_eq!([&failed["Status"], &failed["Reason"]], ["FAILED", &format!("handler-failed ({})", answer.request_id)]);
    lines::line_of(&world.process, &[&answer.request_id, "the handler failed: EventDecode", "code=handler-failed"]);
    assert!(!world.output().contains("s3cr3t"), "the address is a secret");
}

#[test]
fn an_object_is_read_changed_and_written_with_a_signature() {
    let bucket = Bucket::of(&[OBJECT, WRITE], "200 OK", r#"{"order":1,"email":"person@example.com"}"#);
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t-key"),
        ("AWS_SESSION_TOKEN", "s3cr3t-token"),
    ];
    let Some(world) = world(&bucket, &variables) else { return };
    let mut event: Value =
        serde_json::from_str(include_str!("../../loader/command/event/samples/s3-object-lambda.json")).unwrap();
    event["getObjectContext"]["inputS3Url"] =
        format!("https://{OBJECT}:{}/orders/1.json?X-Amz-Signature=s3cr3t", bucket.address.port()).into();
    assert_eq!(world.reply(event.to_string()), json!({ "statusCode": 200 }), "{}", world.output());
    let [(read, _), (write, body)] = &bucket.asked()[..] else { panic!("{:?}", bucket.asked()) };
    assert!(read.starts_with("GET /orders/1.json?X-Amz-Signature=s3cr3t HTTP/1.1\r\n"), "{read}");
    assert_eq!(body, r#"{"order":1}"#);
    let write = write.to_lowercase();
    assert!(write.starts_with("post /writegetobjectresponse http/1.1\r\n"), "{write}");
    let port = bucket.address.port();
    for line in [
        format!("host: {WRITE}:{port}"),
        "x-amz-request-route: io-use1-001".to_owned(),
        "x-amz-request-token: sample".to_owned(),
        "x-amz-fwd-status: 200".to_owned(),
        "x-amz-security-token: s3cr3t-token".to_owned(),
        // Of the body.
        "x-amz-content-sha256: a781679e01308cfef90983a4c1350319a7e3993c3a3f5a8c8439781a326d7c8d".to_owned(),
    ] {
        assert!(write.contains(&format!("\r\n{line}\r\n")), "{line}\n{write}");
    }
    assert!(write.contains("authorization: aws4-hmac-sha256 credential=akiaiosfodnn7example/"), "{write}");
    assert!(write.contains("/us-east-1/s3-object-lambda/aws4_request, signedheaders=host;x-amz-content-sha256;"), "{write}");
    assert!(!world.output().contains("s3cr3t"), "neither address nor keys");
}
