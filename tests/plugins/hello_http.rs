//! An axum site behind every source of HTTP.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder, operation};

fn world(reply: &str) -> World {
    let manifest = json!({
        "plugins": { "hello-http": { "config": { "greeting": "good day" } } },
        "routes": {
            "site": { "source": "http", "to": "hello-http.web", "reply": reply },
            "sweep": { "source": "operation", "name": "sweep", "to": "hello-http.sweep" },
        },
    });
    World::start(lambda(), folder(&["hello-http"], manifest), &[("AWS_LAMBDA_LOG_FORMAT", "JSON")])
}

/// A sample of the source, asking for `path` by `method`.
fn request(source: &str, method: &str, path: &str) -> Value {
    let name = match source {
        "api-gateway-rest" => "apigw-request",
        "api-gateway-http" => "apigw-v2-request-no-authorizer",
        "function-url" => "lambda_http/lambda_function_url_request",
        "alb" => "lambda_http/alb_request",
        "alb-multi" => "alb-lambda-target-request-multivalue-headers",
        "vpc-lattice" => "vpc-lattice-v2-request",
        other => panic!("{other}"),
    };
    let mut event: Value = serde_json::from_slice(&sample(name)).unwrap();
    match source {
        "api-gateway-http" | "function-url" => {
            event["rawPath"] = path.into();
            event["requestContext"]["http"]["method"] = method.into();
        }
        "vpc-lattice" => (event["path"], event["method"]) = (path.into(), method.into()),
        _ => (event["path"], event["httpMethod"]) = (path.into(), method.into()),
    }
    event["body"] = Value::Null;
    event
}

fn ask(world: &World, event: &Value) -> Value {
    world.reply(event.to_string())
}

#[test]
fn one_site_answers_every_source_in_that_source_s_own_form() {
    let world = world("buffered");
    for source in ["api-gateway-rest", "api-gateway-http", "function-url", "alb", "alb-multi", "vpc-lattice"] {
        let answer = world.ask(request(source, "GET", "/").to_string());
        let reply: Value =
            serde_json::from_slice(&answer.response().unwrap_or_else(|| panic!("{source}: {answer:?}")).body).unwrap();
        assert_eq!((&reply["statusCode"], &reply["isBase64Encoded"]), (&json!(200), &json!(false)), "{source}");
        // The context among the request's extensions is that of this invocation.
        let body = format!("<h1>good day</h1>\n<p>request {}</p>\n", answer.request_id);
        assert_eq!(reply["body"], body, "{source}");
        let record = lines::of_request(&world.process, &answer.request_id, "somebody is here");
        assert_eq!((&record["plugin"], &record["route"]), (&json!("hello-http"), &json!("site")));

        let cookies = json!(["seen=yes; Path=/", "theme=dark; Path=/"]);
        let html = "text/html; charset=utf-8";
        let length = body.len().to_string();
        let single = json!({ "content-type": html, "content-length": length });
        let multi = json!({ "content-type": [html], "content-length": [length], "set-cookie": cookies });
        let spelled = json!({
            "content-type": html, "content-length": length,
            "set-cookie": "seen=yes; Path=/", "Set-cookie": "theme=dark; Path=/",
        });
        let (headers, multi_value_headers, own_cookies) = match source {
            "api-gateway-rest" | "alb-multi" => (&Value::Null, &multi, &Value::Null),
            "api-gateway-http" | "function-url" => (&single, &Value::Null, &cookies),
            _ => (&spelled, &Value::Null, &Value::Null),
        };
        assert_eq!(
            (&reply["headers"], &reply["multiValueHeaders"], &reply["cookies"]),
            (headers, multi_value_headers, own_cookies),
            "{source}"
        );
        let description = if source.starts_with("alb") { json!("200 OK") } else { Value::Null };
        assert_eq!(reply["statusDescription"], description, "{source}");
    }
}

#[test]
fn path_and_query_arrive_as_the_client_wrote_them() {
    let world = world("buffered");
    for source in ["api-gateway-rest", "api-gateway-http", "function-url", "alb", "alb-multi", "vpc-lattice"] {
        let mut event = request(source, "GET", "/hello/J%C3%BCrg%2FM");
        match source {
            "api-gateway-rest" => {
                event["queryStringParameters"] = json!({ "loud": "true" });
                event["multiValueQueryStringParameters"] = Value::Null;
            }
            "api-gateway-http" | "function-url" => event["rawQueryString"] = "loud=true".into(),
            "alb-multi" => event["multiValueQueryStringParameters"] = json!({ "loud": ["true"] }),
            "alb" => event["queryStringParameters"] = json!({ "loud": "true" }),
            _ => event["queryStringParameters"] = json!({ "loud": ["true"] }),
        }
        assert_eq!(ask(&world, &event)["body"], "GOOD DAY, JÜRG/M", "{source}");
    }
}

#[test]
fn a_body_of_either_encoding_is_taken_state_lasts_and_a_handler_stands_beside_the_site() {
    let world = world("buffered");
    let post = |body: &str, base64: bool| {
        let mut event = request("function-url", "POST", "/notes");
        event["headers"]["content-type"] = "application/json".into();
        event["body"] = if base64 { BASE64_STANDARD.encode(body).into() } else { body.into() };
        event["isBase64Encoded"] = base64.into();
        ask(&world, &event)
    };
    let first = post(r#"{"text":"é"}"#, false);
    assert_eq!((&first["statusCode"], &first["headers"]["location"]), (&json!(201), &json!("/notes/1")));
    assert_eq!(post(r#"{"text":"2"}"#, true)["headers"]["location"], "/notes/2");
    let refused = post("{", false);
    assert_eq!(refused["statusCode"], 400);
    assert!(refused["body"].as_str().is_some_and(|text| text.contains("EOF while parsing")), "{refused}");

    let listed = ask(&world, &request("alb", "GET", "/notes"));
    assert_eq!(listed["body"], r#"[{"text":"é"},{"text":"2"}]"#);
    assert_eq!(listed["headers"]["content-type"], "application/json");
    assert_eq!(world.reply(operation("sweep", Value::Null)), 2);
    assert_eq!(ask(&world, &request("alb", "GET", "/notes"))["body"], "[]");

    assert_eq!(ask(&world, &request("alb", "GET", "/nowhere"))["statusDescription"], "404 Not Found");
    assert_eq!(ask(&world, &request("alb", "DELETE", "/notes"))["statusDescription"], "405 Method Not Allowed");
}

#[test]
fn a_body_that_is_not_text_goes_in_base64_or_as_it_is_where_the_route_streams() {
    let gif = |bytes: &[u8]| assert!(bytes.starts_with(b"GIF89a") && bytes.ends_with(b";"), "{bytes:?}");
    let event = request("function-url", "GET", "/pixel.gif");
    let reply = ask(&world("buffered"), &event);
    assert_eq!((&reply["isBase64Encoded"], &reply["headers"]["content-type"]), (&json!(true), &json!("image/gif")));
    gif(&BASE64_STANDARD.decode(reply["body"].as_str().unwrap()).unwrap());

    let response = world("stream").response(event.to_string());
    let end = response.body.windows(8).position(|window| window == [0; 8]).expect("eight zeros after the prelude");
    let prelude: Value = serde_json::from_slice(&response.body[..end]).unwrap();
    assert_eq!((&prelude["statusCode"], &prelude["headers"]["content-type"]), (&json!(200), &json!("image/gif")));
    gif(&response.body[end + 8..]);
}

#[test]
fn an_event_that_is_no_request_is_refused_with_the_mend() {
    let manifest = json!({
        "plugins": { "hello-http": { "config": { "greeting": "good day" } } },
        "routes": { "wrong": { "source": "sqs", "to": "hello-http.web" } },
    });
    let world = World::start(lambda(), folder(&["hello-http"], manifest), &[]);
    let [header, kind, message] = world.error(sample("sqs-event"));
    assert_eq!((header.as_str(), kind.as_str()), ("Function.EventDecode", "EventDecode"));
    assert!(message.ends_with("(hint: route only sources of HTTP to a name under `http`)"), "{message}");
}
