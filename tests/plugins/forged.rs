//! What a client may write into a request and what comes of it.

use serde_json::{Value, json};

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::lambda;
use crate::world::World;

fn world() -> World {
    let manifest = json!({ "routes": { "all": { "source": "http", "to": "site" } } });
    World::start(lambda(), Folder::new(&[("site", &Build::fixture("site").path())], manifest), &[])
}

fn rest(headers: Value) -> Value {
    json!({
        "resource": "/{proxy+}", "path": "/a", "httpMethod": "POST", "headers": headers, "multiValueHeaders": null,
        "queryStringParameters": null, "body": "posted", "isBase64Encoded": false,
        "requestContext": { "apiId": "a1", "stage": "prod", "identity": { "sourceIp": "192.0.2.7" } },
    })
}

fn payload_v2(headers: Value) -> Value {
    json!({
        "version": "2.0", "rawPath": "/a", "rawQueryString": "", "headers": headers, "cookies": ["session=real"], "body": "posted",
        "requestContext": {
            "apiId": "a1", "stage": "$default", "domainName": "a1.execute-api.eu-west-1.amazonaws.com",
            "http": { "method": "POST", "path": "/a", "sourceIp": "192.0.2.7" },
        },
    })
}

fn alb(headers: Value) -> Value {
    json!({
        "path": "/a", "httpMethod": "POST", "headers": headers, "queryStringParameters": {}, "body": "posted",
        "isBase64Encoded": false,
        "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" } },
    })
}

fn lattice(headers: Value) -> Value {
    json!({ "raw_path": "/a", "method": "POST", "headers": headers, "query_string_parameters": {}, "body": "posted" })
}

/// What the site says that it was asked.
#[track_caller]
fn told(world: &World, event: &Value) -> Value {
    let reply = world.reply(event.to_string());
    assert_eq!(reply["statusCode"], 200, "{reply}");
    serde_json::from_str(reply["body"].as_str().unwrap()).unwrap()
}

fn values<'t>(told: &'t Value, name: &str) -> Vec<&'t str> {
    let headers = told["headers"].as_array().unwrap();
    headers.iter().filter(|header| header[0] == name).filter_map(|header| header[1].as_str()).collect()
}

#[test]
fn a_client_cannot_say_where_it_asks_from() {
    let world = world();
    let forged = "10.0.0.1";
    for make in [rest, payload_v2] {
        let event =
            make(json!({ "X-Forwarded-For": format!("{forged}, 192.0.2.7"), "X-Real-Ip": forged, "Forwarded": "for=10.0.0.1" }));
        assert_eq!(told(&world, &event)["client"], "192.0.2.7", "{event}");
    }
    for make in [alb, lattice] {
        let event = make(json!({ "x-forwarded-for": format!("{forged}, 192.0.2.7"), "x-real-ip": forged }));
        assert_eq!(told(&world, &event)["client"], "192.0.2.7", "{event}");
        assert_eq!(told(&world, &make(json!({ "x-real-ip": forged })))["client"], Value::Null);
    }
    // Not the address of a client at all: the console's own trial.
    let mut trial = rest(json!({ "X-Forwarded-For": forged }));
    trial["requestContext"]["identity"]["sourceIp"] = "test-invoke-source-ip".into();
    assert_eq!(told(&world, &trial)["client"], Value::Null);
}

#[test]
fn length_and_framing_are_those_of_the_body_and_not_what_the_client_claims() {
    let world = world();
    for make in [rest, payload_v2, alb, lattice] {
        let event = make(json!({ "content-length": "4000000000", "transfer-encoding": "chunked" }));
        let told = told(&world, &event);
        assert_eq!((values(&told, "content-length"), values(&told, "transfer-encoding")), (vec!["6"], vec![]), "{event}");
        assert_eq!(told["body"], "posted");
    }
}

#[test]
fn cookies_that_the_service_has_read_win_over_a_header_of_that_name() {
    let told = told(&world(), &payload_v2(json!({ "Cookie": "session=forged" })));
    assert_eq!(values(&told, "cookie"), ["session=real"]);
}

#[test]
fn the_kit_s_own_knowledge_is_in_no_header() {
    let world = world();
    for make in [rest, payload_v2, alb, lattice] {
        let told = told(&world, &make(json!({ "x-mine": "1" })));
        let names: Vec<_> = told["headers"].as_array().unwrap().iter().filter_map(|header| header[0].as_str()).collect();
        assert!(names.iter().all(|name| ["x-mine", "cookie"].contains(name)), "{names:?}");
    }
}

#[test]
fn a_host_that_does_not_parse_is_a_header_like_any_other() {
    let world = world();
    for host in ["a b", "http://[::1", "a:b:c", "x:99999", "", "é", "user@host", "%"] {
        for make in [rest, payload_v2, alb, lattice] {
            let event =
                make(json!({ "host": host, "x-forwarded-host": host, "x-forwarded-proto": host, "x-forwarded-port": host }));
            let told = told(&world, &event);
            assert_eq!((values(&told, "host"), &told["line"]), (vec![host], &json!("POST /a")), "{event}");
        }
    }
}
