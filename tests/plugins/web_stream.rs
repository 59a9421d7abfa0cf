//! An axum application whose bodies go out as they are made.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lambda_loader::local::{Event, Piece};
use serde_json::json;
use tokio::sync::mpsc;

use crate::lines;
use crate::support::SOON;
use crate::web::{parts, request, world};

#[test]
fn the_client_has_a_piece_while_the_next_is_still_being_made() {
    let world = world("stream");
    let (sender, mut live) = mpsc::unbounded_channel();
    let (done, over) = std::sync::mpsc::channel();
    let event = Event { timeout: Some(SOON), ..Event::new(request("GET", "/stream", "count=2&ms=1&end=hang").to_string()) };
    let pending = world.lambda.invoke_live(event, sender, move |answer| _ = done.send(answer));
    // It never ends by itself, so whatever comes before its deadline has come while it was being made.
    let mut seen = Vec::new();
    while !seen.ends_with(b"piece 0 piece 1 ") {
        match live.blocking_recv() {
            Some(Piece::Data(bytes)) => seen.extend_from_slice(&bytes),
            Some(Piece::Begin { .. }) => {}
            None => panic!("it ended: {}", String::from_utf8_lossy(&seen)),
        }
    }
    assert!(over.try_recv().is_err(), "answered already");
    drop(pending);
}

#[test]
fn more_than_6_mb_arrive_whole() {
    let world = world("stream");
    let response = world.response(request("GET", "/zeros/20000000", "").to_string());
    let (prelude, body) = parts(&response);
    assert_eq!((&prelude["statusCode"], &prelude["headers"]["content-type"]), (&json!(200), &json!("application/octet-stream")));
    assert!(body.len() == 20_000_000 && body.iter().all(|byte| *byte == 0xff), "{}", body.len());
    assert_eq!(response.trailers, []);
}

#[test]
fn a_body_that_fails_in_the_middle_ends_in_trailers_and_not_in_text() {
    let world = world("stream");
    for (end, header, message) in [
        ("error", "Function.HttpBody", "the source ran dry"),
        ("panic", "Runtime.LoaderHandlerPanicked", "the stream went wrong"),
        ("hang", "Runtime.LoaderDeadlineExceeded", "the reply's stream did not end before the deadline"),
    ] {
        let event = request("GET", "/stream", &format!("count=2&ms=1&end={end}")).to_string();
        let answer = world.ask(Event { timeout: Some(Duration::from_secs(2)), ..Event::new(event) });
        let response = answer.response().unwrap_or_else(|| panic!("{end}: {answer:?}\n{}", world.output()));
        let (prelude, body) = parts(response);
        assert_eq!((&prelude["statusCode"], &prelude["cookies"]), (&json!(201), &json!(["a=b", "c=d"])), "{end}");
        assert_eq!(body, b"piece 0 piece 1 ", "{end}");
        assert_eq!(response.trailer("lambda-runtime-function-error-type"), Some(header), "{end}");
        let error = BASE64_STANDARD.decode(response.trailer("lambda-runtime-function-error-body").unwrap()).unwrap();
        let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
        assert!(error["errorMessage"].as_str().is_some_and(|text| text.contains(message)), "{end}: {error}");
        lines::line_of(&world.process, &[&answer.request_id, " ERROR "]);
        let next = world.response(request("GET", "/stream", "").to_string());
        assert_eq!(parts(&next).1, b"piece 0 piece 1 piece 2 ", "it serves on");
    }
}

#[test]
fn a_body_that_fails_at_once_is_an_error_before_anything_was_sent() {
    let world = world("stream");
    let found = world.error(request("GET", "/stream", "count=1&end=error&at_once=true").to_string());
    assert_eq!(found, ["Function.HttpBody", "HttpBody", "the source ran dry"]);
}
