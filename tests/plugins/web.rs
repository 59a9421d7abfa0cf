//! An axum application behind every source of HTTP, whichever way its bodies and its route go.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_loader::local::{Event, Response};
use serde_json::{Value, json};

use crate::samples::sample;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::lambda;
use crate::world::World;

/// The fixture `axum`, with `reply` on its route.
pub(crate) fn world(reply: &str) -> World {
    let manifest = json!({
        "deadline_margin_ms": 1_000,
        "routes": { "site": { "source": "http", "to": "axum", "reply": reply } },
    });
    World::start(lambda(), Folder::new(&[("axum", &Build::fixture("axum").path())], manifest), &[])
}

/// A request to a function URL.
pub(crate) fn request(method: &str, path: &str, query: &str) -> Value {
    let mut event: Value = serde_json::from_slice(&sample("lambda_http/lambda_function_url_request")).unwrap();
    event["requestContext"]["http"]["method"] = method.into();
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["body"] = Value::Null;
    event["isBase64Encoded"] = false.into();
    event
}

/// Prelude and body of a streamed reply.
#[track_caller]
pub(crate) fn parts(response: &Response) -> (Value, &[u8]) {
    assert!(response.chunks.is_some(), "it is not streamed: {response:?}");
    assert_eq!(response.content_type.as_deref(), Some("application/vnd.awslambda.http-integration-response"));
    let end = response.body.windows(8).position(|window| window == [0; 8]).expect("eight zeros after the prelude");
    (serde_json::from_slice(&response.body[..end]).unwrap(), &response.body[end + 8..])
}

#[track_caller]
fn body(reply: &Value) -> Vec<u8> {
    let text = reply["body"].as_str().unwrap_or_else(|| panic!("{reply:.300}"));
    match reply["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(text).unwrap(),
        _ => text.as_bytes().to_vec(),
    }
}

/// A GET of `path` in the words of each source.
fn each(path: &str) -> Vec<(&'static str, Value)> {
    let mut alb: Value = json!({ "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" } },
        "httpMethod": "GET", "path": path, "headers": { "host": "h" }, "queryStringParameters": {}, "body": "", "isBase64Encoded": false });
    let single = alb.clone();
    let object = alb.as_object_mut().unwrap();
    object.remove("headers");
    object.remove("queryStringParameters");
    object.insert("multiValueHeaders".into(), json!({ "host": ["h"] }));
    let mut rest: Value = serde_json::from_slice(&sample("apigw-request")).unwrap();
    (rest["path"], rest["httpMethod"], rest["body"]) = (path.into(), "GET".into(), Value::Null);
    let lattice_v1 =
        json!({ "raw_path": path, "method": "GET", "headers": { "host": "h" }, "query_string_parameters": {}, "body": null });
    let mut lattice: Value = serde_json::from_slice(&sample("vpc-lattice-v2-request")).unwrap();
    (lattice["path"], lattice["method"], lattice["body"]) = (path.into(), "GET".into(), Value::Null);
    vec![
        ("function-url", request("GET", path, "")),
        ("api-gateway-rest", rest),
        ("alb", single),
        ("alb-multi", alb),
        ("vpc-lattice", lattice),
        ("vpc-lattice-1", lattice_v1),
    ]
}

#[test]
fn a_stream_under_a_buffered_route_is_collected_into_what_each_source_reads() {
    let world = world("buffered");
    let text = "piece 0 piece 1 piece 2 ";
    for (source, event) in each("/stream") {
        let reply = world.reply(event.to_string());
        assert_eq!((&reply["statusCode"], &reply["isBase64Encoded"]), (&json!(201), &json!(false)), "{source}");
        assert_eq!(body(&reply), text.as_bytes(), "{source}");
        let single = json!({ "content-type": "text/plain" });
        let multi = json!({ "content-type": ["text/plain"], "set-cookie": ["a=b", "c=d"] });
        let spelled = json!({ "content-type": "text/plain", "set-cookie": "a=b", "Set-cookie": "c=d" });
        let expected = match source {
            "function-url" => (&single, &Value::Null, &json!(["a=b", "c=d"])),
            "api-gateway-rest" | "alb-multi" => (&Value::Null, &multi, &Value::Null),
            _ => (&spelled, &Value::Null, &Value::Null),
        };
        assert_eq!((&reply["headers"], &reply["multiValueHeaders"], &reply["cookies"]), expected, "{source}");
        let description = if source.starts_with("alb") { json!("201 Created") } else { Value::Null };
        assert_eq!(reply["statusDescription"], description, "{source}");
    }
    // Bytes that are no text.
    let reply = world.reply(request("GET", "/zeros/100000", "").to_string());
    assert_eq!((&reply["isBase64Encoded"], body(&reply)), (&json!(true), vec![0xff; 100_000]));
    // What it cannot be given is an error, and none of it a reply.
    let too_large = world.error(request("GET", "/zeros/7000000", "").to_string());
    assert_eq!(too_large[0], "Runtime.LoaderReplyTooLarge");
    let broken = world.error(request("GET", "/stream", "ms=1&end=error").to_string());
    assert_eq!(broken, ["Function.HttpBody", "HttpBody", "the source ran dry"]);
    let panicked = world.error(request("GET", "/stream", "ms=1&end=panic").to_string());
    assert_eq!(panicked[0], "Runtime.LoaderHandlerPanicked");
    assert_eq!(world.reply(request("GET", "/stream", "").to_string())["statusCode"], 201, "it serves on");
}

#[test]
fn a_whole_body_under_a_streaming_route_goes_behind_a_prelude() {
    let world = world("stream");
    let response = world.response(request("GET", "/orders/7", "lines=3").to_string());
    let (prelude, body) = parts(&response);
    assert_eq!((&prelude["statusCode"], &prelude["headers"]["content-type"]), (&json!(200), &json!("application/json")));
    assert_eq!(prelude["cookies"], json!(["seen=yes; Path=/", "theme=dark; Path=/"]));
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&body["id"], &body["lines"]), (&json!("7"), &json!([0, 1, 2])));
    // Bytes go as they are, few or many.
    for length in [10, 2_000_000] {
        let mut event = request("POST", "/echo", "");
        let bytes: Vec<u8> = (0..length).map(|number: usize| (number % 256) as u8).collect();
        event["headers"]["content-type"] = "application/octet-stream".into();
        event["body"] = BASE64_STANDARD.encode(&bytes).into();
        event["isBase64Encoded"] = true.into();
        let response = world.response(event.to_string());
        let (prelude, body) = parts(&response);
        assert_eq!(prelude["headers"]["content-length"], length.to_string());
        assert!(body == bytes, "{length}: {} bytes", body.len());
    }
}

#[test]
fn bodies_near_the_limit_of_6_mb_go_both_ways() {
    let world = world("buffered");
    let ask = |kind: &str, body: String, base64: bool| {
        let mut event = request("POST", "/echo", "");
        event["headers"]["content-type"] = kind.into();
        event["body"] = body.into();
        event["isBase64Encoded"] = base64.into();
        world.ask(Event::new(event.to_string()))
    };
    let text = "é".repeat(3_100_000);
    let answer = ask("text/plain", text.clone(), false);
    let reply: Value = serde_json::from_slice(&answer.response().unwrap_or_else(|| panic!("no reply")).body).unwrap();
    assert_eq!((&reply["statusCode"], &reply["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert!(body(&reply) == text.as_bytes(), "not the text");
    let bytes = vec![0xfe; 4_600_000];
    let answer = ask("image/png", BASE64_STANDARD.encode(&bytes), true);
    let reply: Value = serde_json::from_slice(&answer.response().unwrap_or_else(|| panic!("no reply")).body).unwrap();
    assert_eq!((&reply["statusCode"], &reply["isBase64Encoded"]), (&json!(200), &json!(true)));
    assert!(body(&reply) == bytes, "not the bytes");
}

#[test]
fn head_and_empty_bodies() {
    let world = world("buffered");
    let get = world.reply(request("GET", "/orders/7", "").to_string());
    let head = world.reply(request("HEAD", "/orders/7", "").to_string());
    assert_eq!((&head["statusCode"], &head["body"], &head["isBase64Encoded"]), (&json!(200), &json!(""), &json!(false)));
    assert_eq!(head["headers"]["content-length"], get["body"].as_str().unwrap().len().to_string());
    // A stream is not even begun.
    let head = world.reply(request("HEAD", "/zeros/7000000", "").to_string());
    assert_eq!((&head["statusCode"], &head["body"]), (&json!(200), &json!("")));
    for empty in [json!(""), Value::Null] {
        let mut event = request("POST", "/echo", "");
        event["headers"]["content-type"] = "image/png".into();
        event["body"] = empty;
        let reply = world.reply(event.to_string());
        assert_eq!((&reply["statusCode"], &reply["body"], &reply["isBase64Encoded"]), (&json!(200), &json!(""), &json!(false)));
    }
}
