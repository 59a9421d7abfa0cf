//! Any other request: an event of an HTTP API, and back.

use std::io::Read as _;

use serde_json::json;

use crate::world::{Serve, manifest, read};

#[test]
fn a_request_reaches_the_plugin_as_an_event_of_an_http_api() {
    let serve = Serve::start(manifest(), &[]);
    let reply = serve.ask("PATCH /a/b?x=1&token=secret\ncookie: a=1; b=2\ncontent-type: application/json", "{}");
    assert_eq!(reply.status, 200, "{reply:?}");
    let event = reply.json();
    assert_eq!((&event["version"], &event["rawPath"], &event["body"]), (&json!("2.0"), &json!("/a/b"), &json!("{}")));
    assert_eq!((&event["cookies"], &event["requestContext"]["http"]["method"]), (&json!(["a=1", "b=2"]), &json!("PATCH")));
    assert_eq!(event["queryStringParameters"], json!({ "x": "1", "token": "secret" }));
    let line = serve.printed(&["PATCH /a/b 200 Http"]);
    assert!(!line.contains("secret"), "{line}");
    let failed = serve.ask("GET /broken", "");
    assert_eq!((failed.status, failed.json()), (502, json!({ "message": "Internal Server Error" })));
    serve.printed(&["GET /broken 502 Http", "OutOfStock: nothing left"]);
}

#[test]
fn a_reply_with_a_status_is_that_reply() {
    let mut manifest = manifest();
    manifest["routes"]["site"] = json!({ "source": "http", "path": "/only", "to": "echo" });
    let serve = Serve::start(manifest, &[]);
    let reply = serve.ask("GET /nowhere", "");
    assert_eq!((reply.status, reply.header("content-type")), (404, Some("application/json")), "{reply:?}");
}

#[test]
fn a_streamed_reply_arrives_while_it_is_made_and_one_that_breaks_is_not_whole() {
    let serve = Serve::start(manifest(), &["--timeout-ms", "1500"]);
    let reply = serve.ask("GET /stream?chunks=2", "");
    assert_eq!((reply.status, reply.header("set-cookie")), (201, Some("a=b")), "{reply:?}");
    assert!(reply.body.ends_with(b"\r\n0\r\n\r\n"), "{reply:?}");
    let mut stream = serve.send("GET /stream?chunks=1&end=hang", b"");
    let mut seen = Vec::new();
    while !seen.windows(7).any(|seven| seven == b"chunk 0") {
        let mut some = [0; 512];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "{:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&some[..read]);
    }
    assert!(seen.starts_with(b"HTTP/1.1 201"), "it has no end yet, and is here");
    let mut rest = Vec::new();
    let _cut = stream.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "broken off: {:?}", String::from_utf8_lossy(&rest));
    let broken = read(serve.send("GET /stream?chunks=1&end=error", b""));
    assert!(!broken.body.ends_with(b"0\r\n\r\n"), "{broken:?}");
    serve.printed(&["GET /stream 201 Http", "broke off"]);
    serve.serves_on();
}
