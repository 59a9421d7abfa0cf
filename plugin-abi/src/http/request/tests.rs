//! What a request of each source becomes.

use super::*;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn request(event: &Value) -> Result<(Request<Body>, Form), Error> {
    let event = Bytes::from(event.to_string());
    crate::decode::read_borrowed::<Incoming<'_>>(&event)?.into_request(&event)
}

/// Method and URI, headers, body, form.
#[track_caller]
fn check(event: Value, line: &str, headers: &[(&str, &str)], body: &[u8], form: Form) {
    let (request, found) = request(&event).unwrap_or_else(|error| panic!("{error}: {event}"));
    assert_eq!(format!("{} {}", request.method(), request.uri()), line);
    let mut there: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    there.sort_by_key(|(name, _)| name.to_owned());
    assert_eq!(there, headers);
    assert_eq!(found, form);
    let mut collecting = pin!(request.into_body().collect());
    match collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(collected)) => assert_eq!(collected.to_bytes(), body),
        Poll::Pending => panic!("the body is not there"),
    }
}

fn payload_v2(mut event: Value) -> Value {
    event["requestContext"]["http"] = json!({ "method": "POST", "path": "/not/read" });
    event
}

fn alb(mut event: Value) -> Value {
    event["requestContext"] = json!({ "elb": { "targetGroupArn": "arn" } });
    event["httpMethod"] = "GET".into();
    event
}

#[test]
fn payload_2_has_its_query_as_it_came_and_its_cookies_in_one_header() {
    let event = json!({
        "version": "2.0", "rawPath": "/a b/é%2F", "rawQueryString": "x=1&x=2&y=a%20b",
        "queryStringParameters": { "x": "1,2", "y": "a b" },
        "headers": { "Host": "a.example", "x-many": "1,2", "cookie": "old=1" }, "cookies": ["a=b", "c=d"],
        "body": "aGk=", "isBase64Encoded": true,
    });
    let headers = [("cookie", "a=b; c=d"), ("host", "a.example"), ("x-many", "1,2")];
    check(payload_v2(event), "POST /a%20b/%C3%A9%2F?x=1&x=2&y=a%20b", &headers, b"hi", Form::PayloadV2);
    let bare = json!({ "rawPath": "", "headers": null, "cookies": null, "body": null, "rawQueryString": null });
    check(payload_v2(bare), "POST /", &[], b"", Form::PayloadV2);
}

#[test]
fn an_http_api_s_stage_is_no_part_of_the_path() {
    let mut event = payload_v2(json!({ "rawPath": "/prod/a" }));
    event["requestContext"]["stage"] = "prod".into();
    check(event, "POST /a", &[], b"", Form::PayloadV2);
    let context = json!({ "stage": "prod" });
    let event = json!({ "version": "1.0", "httpMethod": "GET", "path": "/prod/a", "requestContext": context });
    check(event, "GET /a", &[], b"", Form::PayloadV1);
    // A REST API's path is without it already, and may begin with the same word.
    let event = json!({ "httpMethod": "GET", "path": "/prod/a", "requestContext": context });
    check(event, "GET /prod/a", &[], b"", Form::PayloadV1);
}

#[test]
fn rest_apis_have_all_values_and_a_decoded_query() {
    let event = json!({
        "httpMethod": "PUT", "path": "/a/{b}", "body": "é", "isBase64Encoded": false, "requestContext": {},
        "headers": { "X-Many": "2", "only-single": "3" }, "multiValueHeaders": { "X-Many": ["1", "2"] },
        "queryStringParameters": { "q": "b c" }, "multiValueQueryStringParameters": { "q": ["a&b", "b c"], "r": ["é=+"] },
    });
    let headers = [("only-single", "3"), ("x-many", "1"), ("x-many", "2")];
    check(event, "PUT /a/%7Bb%7D?q=a%26b&q=b%20c&r=%C3%A9%3D%2B", &headers, "é".as_bytes(), Form::PayloadV1);
    let event = json!({ "httpMethod": "GET", "path": "/", "queryStringParameters": { "q": "1" }, "multiValueHeaders": null });
    check(event, "GET /?q=1", &[], b"", Form::PayloadV1);
}

#[test]
fn load_balancers_leave_the_query_encoded_and_tell_how_to_reply() {
    let event = json!({ "path": "/a", "queryStringParameters": { "q": "a%20b+c" }, "headers": { "host": "h" } });
    check(alb(event), "GET /a?q=a%20b+c", &[("host", "h")], b"", Form::Alb { multi_value: false });
    let event = json!({
        "path": "/a", "multiValueQueryStringParameters": { "q": ["%31", "2"], "z": [""] }, "multiValueHeaders": { "host": ["h"] },
    });
    check(alb(event), "GET /a?q=%31&q=2&z=", &[("host", "h")], b"", Form::Alb { multi_value: true });
}

#[test]
fn vpc_lattice_of_both_versions() {
    let event = json!({
        "version": "2.0", "method": "GET", "path": "/a?b=c%20d", "headers": { "multi": ["x", "y"] }, "body": null,
        "queryStringParameters": { "b": ["c%20d"] }, "requestContext": { "serviceNetworkArn": "arn" },
    });
    check(event, "GET /a?b=c%20d", &[("multi", "x"), ("multi", "y")], b"", Form::Lattice);
    let event = json!({
        "raw_path": "/a", "method": "POST", "headers": { "multi": "x, y" }, "query_string_parameters": { "b": "c" },
        "body": "aGk=", "is_base64_encoded": true,
    });
    check(event, "POST /a?b=c", &[("multi", "x, y")], b"hi", Form::Lattice);
}

#[test]
fn what_is_no_request_is_named_without_its_values() {
    let no_http = "event: it is no HTTP request of API Gateway, a function URL, a load balancer or VPC Lattice \
                   (hint: route only sources of HTTP to a name under `http`)";
    for (event, message) in [
        (json!({ "Records": [] }), no_http),
        (json!({ "httpMethod": "G T" }), "event: its method is not one of HTTP"),
        (json!({ "requestContext": { "elb": {} } }), "event: it has no method"),
        (json!({ "httpMethod": "GET", "path": "secret" }), "event: its path does not begin with `/`"),
        (json!({ "httpMethod": "GET", "headers": { "a b": "secret" } }), "event: a header's name is not one of HTTP"),
        (json!({ "httpMethod": "GET", "headers": { "a": "se\ncret" } }), "event: the value of header `a` is not one of HTTP"),
        (json!({ "httpMethod": "GET", "body": "%", "isBase64Encoded": true }), "event: its body is not base64"),
        (json!({ "httpMethod": "GET", "path": format!("/{}", "a".repeat(1 << 16)) }), "event: its path and query: uri too long"),
    ] {
        let error = request(&event).map(|_| ()).unwrap_err();
        assert_eq!((error.kind(), error.message()), ("EventDecode", message));
    }
}

#[test]
fn a_body_that_is_text_is_a_part_of_the_event_and_not_a_copy() {
    let event = Bytes::from(payload_v2(json!({ "rawPath": "/", "body": "x".repeat(1 << 20) })).to_string());
    let (request, _) = crate::decode::read_borrowed::<Incoming<'_>>(&event).unwrap().into_request(&event).unwrap();
    let mut collecting = pin!(request.into_body().collect());
    let Poll::Ready(Ok(body)) = collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("no body") };
    let body = body.to_bytes();
    assert!(event.as_ptr_range().contains(&body.as_ptr()) && body.len() == 1 << 20);
    // What is escaped has to be written anew.
    check(payload_v2(json!({ "rawPath": "/", "body": "a\n\u{e9}\"" })), "POST /", &[], "a\n\u{e9}\"".as_bytes(), Form::PayloadV2);
}

#[test]
fn no_value_of_any_kind_in_any_place_makes_it_panic() {
    let whole = json!({
        "version": "2.0", "httpMethod": "GET", "method": "GET", "path": "/a", "rawPath": "/a", "raw_path": "/a",
        "rawQueryString": "a=b", "cookies": ["a=b"], "headers": { "a": "b" }, "multiValueHeaders": { "a": ["b"] },
        "queryStringParameters": { "a": "b" }, "multiValueQueryStringParameters": { "a": ["b"] }, "body": "aGk=",
        "isBase64Encoded": true, "requestContext": {
            "http": { "method": "GET", "sourceIp": "::1" }, "elb": {}, "serviceNetworkArn": "a", "stage": "s",
            "identity": { "sourceIp": "::1" },
        },
    });
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("\u{0}\u{e9} %zz\n"),
        json!("x".repeat(70_000)),
        json!([]),
        json!([null]),
        json!([[]]),
        json!(["a", "b\n"]),
        json!({}),
        json!({ "a": null }),
        json!({ "": [] }),
        json!({ "a b": "c\nd" }),
        json!({ "content-length": ["x", "y"], "x-forwarded-for": ["", ",", "[::"] }),
    ];
    let mut taken = 0;
    for key in whole.as_object().unwrap().keys() {
        for forms in [&["http"][..], &["elb"], &["serviceNetworkArn"], &[]] {
            for value in &odd {
                let mut event = whole.clone();
                let context = event["requestContext"].as_object_mut().unwrap();
                context.retain(|key, _| forms.contains(&key.as_str()) || ["stage", "identity"].contains(&key.as_str()));
                if forms != ["serviceNetworkArn"] {
                    event.as_object_mut().unwrap().remove("raw_path");
                }
                event[key] = value.clone();
                match request(&event) {
                    Ok(_) => taken += 1,
                    Err(error) => assert_eq!(error.kind(), "EventDecode", "{event:.300}"),
                }
            }
        }
    }
    assert!(taken > 100, "{taken}");
}
