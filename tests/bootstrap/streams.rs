//! Replies in pieces: prelude, chunks, and trailers where one fails in the middle.

use std::time::Duration;

use base64::Engine as _;
use lambda_loader::local::{Event, Response};
use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder, operation};

/// One route to `stream` a mode, by path; everything else is not routed.
fn world(rest: Value, margin_ms: u64) -> World {
    let mut manifest = json!({
        "deadline_margin_ms": margin_ms,
        "plugins": { "misbehave": {}, "echo": {} },
        "routes": {
            "streamed": { "source": "function-url", "path": "/streamed", "to": "misbehave.stream", "reply": "stream" },
            "echoed": { "source": "function-url", "path": "/echoed", "to": "echo", "reply": "stream" },
            "failing": { "source": "function-url", "path": "/failing", "to": "misbehave.error", "reply": "stream" },
            "sorry": { "source": "function-url", "path": "/sorry", "to": "misbehave.error", "reply": "stream", "on_failure": "respond" },
            "still": { "source": "operation", "name": "echo", "to": "echo" },
        },
    });
    manifest["routes"].as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[])
}

/// A function URL request in the words of `lambda_http`'s own sample.
fn request(path: &str, query: Value) -> Event {
    let mut event: Value = serde_json::from_slice(&sample("lambda_http/lambda_function_url_request")).unwrap();
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["queryStringParameters"] = query;
    Event::new(event.to_string())
}

/// Prelude and body of a streamed reply.
#[track_caller]
fn parts(response: &Response) -> (Value, String) {
    assert!(response.chunks.is_some(), "it is not streamed: {response:?}");
    assert_eq!(response.content_type.as_deref(), Some("application/vnd.awslambda.http-integration-response"));
    let text = std::str::from_utf8(&response.body).unwrap();
    let (prelude, body) = text.split_once("\0\0\0\0\0\0\0\0").expect("eight NULs");
    (serde_json::from_str(prelude).unwrap(), body.to_owned())
}

/// Trailers: header, `errorType`, `errorMessage`.
#[track_caller]
fn trailers(response: &Response) -> [String; 3] {
    let body = response.trailer("lambda-runtime-function-error-body").unwrap_or_else(|| panic!("no trailers: {response:?}"));
    let body = base64::prelude::BASE64_STANDARD.decode(body).expect("base64");
    crate::world::error(response.trailer("lambda-runtime-function-error-type").map(str::to_owned), &body.into())
}

#[test]
fn chunks_go_out_as_they_are_made_behind_their_prelude() {
    let world = world(json!({}), 1_000);
    let answer = world.ask(request("/streamed", json!({ "chunks": "3", "ms": "20" })));
    let response = answer.response().unwrap_or_else(|| panic!("{answer:?}"));
    let (prelude, body) = parts(response);
    assert_eq!(prelude, json!({ "statusCode": 201, "headers": { "content-type": "text/plain" }, "cookies": ["a=b"] }));
    assert_eq!((body.as_str(), response.trailers.len()), ("chunk 0\nchunk 1\nchunk 2\n", 0));
    let chunks: Vec<_> = response.chunks.iter().flatten().map(|chunk| &chunk.bytes[..]).collect();
    assert!(chunks.len() > 3 && chunks.last() == Some(&&b"chunk 2\n"[..]), "not sent one by one: {chunks:?}");
    // Made after the handler has returned, and still part of the invocation.
    let line = lines::holding(&world.process, "chunk 2 is made");
    assert!(line.contains(&answer.request_id) && line.contains("route=streamed"), "{line}");
    lines::holding(&world.process, "answered in ");
    world.serves_on();
}

#[test]
fn a_stream_that_fails_in_the_middle_ends_in_trailers() {
    let world = world(json!({}), 1_000);
    let check = |query: Value, header: &str, error_type: &str, message: &str, code: &str| {
        let event = Event { timeout: Some(Duration::from_secs(2)), ..request("/streamed", query) };
        let answer = world.ask(event);
        let response = answer.response().unwrap_or_else(|| panic!("{code}: {answer:?}\n{}", world.output()));
        let (prelude, body) = parts(response);
        assert_eq!((&prelude["statusCode"], body.as_str()), (&json!(201), "chunk 0\nchunk 1\n"), "no error in the body");
        let found = trailers(response);
        assert_eq!((found[0].as_str(), found[1].as_str()), (header, error_type));
        assert!(found[2].contains(message), "{found:?}");
        let line = lines::line_of(&world.process, &[&answer.request_id, &format!("code={code}")]);
        assert!(line.contains(" ERROR "), "{line}");
        world.serves_on();
    };
    let query = |end: &str| json!({ "chunks": "2", "ms": "1", "end": end });
    check(query("error"), "Function.BrokenPipe", "BrokenPipe", "the source ran dry", "handler-failed");
    let panicked = "Runtime.LoaderHandlerPanicked";
    check(query("panic"), panicked, panicked, "stream went wrong", "handler-panicked");
    let late = "Runtime.LoaderDeadlineExceeded";
    check(query("hang"), late, late, "the reply's stream did not end before the deadline", "deadline-exceeded");
}

#[test]
fn a_stream_that_always_has_more_ends_at_its_deadline_and_not_the_process() {
    // Time enough between the deadline and the watchdog for what is under way.
    let world = world(json!({}), 4_250);
    let query = json!({ "chunks": "1000000000", "bytes": "100" });
    let answer = world.ask(Event { timeout: Some(Duration::from_millis(8_500)), ..request("/streamed", query) });
    let response = answer.response().unwrap_or_else(|| panic!("{:?}", answer.kind));
    assert_eq!(trailers(response)[0], "Runtime.LoaderDeadlineExceeded");
    world.serves_on();
}

#[test]
fn under_stream_every_answer_is_streamed_and_failures_are_errors() {
    let world = world(json!({}), 1_000);
    let event = request("/echoed", Value::Null);
    let (prelude, body) = parts(&world.response(event.clone()));
    assert_eq!(prelude, json!({ "statusCode": 200, "headers": { "content-type": "application/json" }, "cookies": [] }));
    assert_eq!(body.as_bytes(), event.body, "any JSON is a 200, as under a function URL");
    let (prelude, body) = parts(&world.response(request("/nowhere", Value::Null)));
    assert_eq!((&prelude["statusCode"], body.as_str()), (&json!(404), r#"{"message":"Not Found"}"#));
    assert_eq!(world.error(request("/failing", Value::Null))[0], "Function.OutOfStock");
    let answer = world.ask(request("/sorry", Value::Null));
    let (prelude, body) = parts(answer.response().expect("a reply"));
    assert_eq!(prelude["statusCode"], 500);
    assert_eq!(body, format!(r#"{{"message":"Internal Server Error","requestId":"{}"}}"#, answer.request_id));
    world.serves_on();
}

#[test]
fn an_http_object_of_a_buffered_handler_becomes_prelude_and_body() {
    let world = world(json!({}), 1_000);
    let mut event: Value = serde_json::from_slice(&request("/echoed", Value::Null).body).unwrap();
    event["statusCode"] = 202.into();
    event["headers"] = json!({ "X-One": "1" });
    event["cookies"] = json!(["c=d"]);
    event["body"] = "aGVsbG8=".into();
    event["isBase64Encoded"] = true.into();
    let (prelude, body) = parts(&world.response(event.to_string()));
    assert_eq!(prelude, json!({ "statusCode": 202, "headers": { "x-one": "1" }, "cookies": ["c=d"] }));
    assert_eq!(body, "hello");
    event["statusCode"] = 99.into();
    let found = world.error(event.to_string());
    assert_eq!(found, ["Runtime.LoaderReplyMalformed", "Runtime.LoaderReplyMalformed", "`statusCode` is not a status code"]);
    world.serves_on();
}

#[test]
fn under_buffered_a_stream_is_collected_into_the_source_s_reply_object() {
    let world = world(
        json!({
            "whole": { "source": "function-url", "path": "/whole", "to": "misbehave.stream" },
            "text": { "source": "operation", "name": "stream", "to": "misbehave.stream" },
        }),
        1_000,
    );
    let reply = world.reply(request("/whole", json!({ "chunks": "2" })));
    assert_eq!(
        reply,
        json!({
            "statusCode": 201, "headers": { "content-type": "text/plain" }, "cookies": ["a=b"], "isBase64Encoded": false,
            "body": "chunk 0\nchunk 1\n",
        })
    );
    let late = Event { timeout: Some(Duration::from_secs(2)), ..request("/whole", json!({ "chunks": "1", "end": "hang" })) };
    for (event, header, message) in [
        (request("/whole", json!({ "chunks": "1", "end": "error" })), "Function.BrokenPipe", "the source ran dry"),
        (late, "Runtime.LoaderDeadlineExceeded", "the reply's stream did not end before the deadline"),
        (
            request("/whole", json!({ "chunks": "7", "bytes": "1000000" })),
            "Runtime.LoaderReplyTooLarge",
            "the streamed reply has more than 6291556 bytes, and the route collects it",
        ),
        // It fits until its quotes are escaped in the reply object.
        (
            request("/whole", json!({ "chunks": "5", "bytes": "1000000" })),
            "Runtime.LoaderReplyTooLarge",
            "bytes, Lambda takes 6291556",
        ),
        (Event::new(operation("stream", Value::Null)), "Runtime.LoaderReplyNotJson", "the handler's streamed reply is not JSON"),
    ] {
        let found = world.error(event);
        assert!(found[0] == header && found[2].contains(message), "{found:?} is not {header} {message}");
        world.serves_on();
    }
}
