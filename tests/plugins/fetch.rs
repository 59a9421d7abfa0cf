//! A client inside a handler: sockets, name resolution, TLS, timers and a pool of connections, all in the plugin.

use std::time::Duration;

use lambda_loader::local::Event;
use serde_json::{Value, json};

use crate::remote::Remote;
use crate::support::lambda;
use crate::world::{World, folder, operation};

fn world(config: Value) -> World {
    let manifest = json!({
        "plugins": { "fetch": { "config": config } },
        "routes": { "fetch": { "source": "operation", "name": "fetch", "to": "fetch" } },
    });
    World::start(lambda(), folder(&["fetch"], manifest), &[])
}

fn get(path: &str) -> String {
    operation("fetch", json!({ "path": path }))
}

#[test]
fn a_handler_asks_another_server_and_keeps_the_connection_for_the_next_event() {
    let remote = Remote::plain();
    let world = world(json!({ "base": format!("http://{}", remote.address) }));
    for path in ["/a?b=c", "/again"] {
        let body = format!("GET {path} HTTP/1.1 | host: {}", remote.address);
        assert_eq!(world.reply(get(path)), json!({ "status": 200, "body": body }));
    }
    assert_eq!(world.reply(get("/missing")), json!({ "status": 404, "body": "" }));
    assert_eq!(remote.connections(), 1);
}

#[test]
fn https_is_spoken_with_whom_the_authorities_vouch_for_and_no_other() {
    let (remote, authority) = Remote::tls();
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    let base = format!("https://localhost:{}", remote.address.port());

    let trusting = world(json!({ "base": base, "authorities": file }));
    let body = format!("GET /secret HTTP/1.1 | host: localhost:{}", remote.address.port());
    assert_eq!(trusting.reply(get("/secret")), json!({ "status": 200, "body": body }));

    let (_, other) = Remote::tls();
    std::fs::write(&file, other).unwrap();
    let distrusting = world(json!({ "base": base, "authorities": file }));
    let [_, _, message] = distrusting.error(get("/secret"));
    assert!(message.contains("invalid peer certificate"), "{message}");
}

#[test]
fn an_event_chooses_a_path_and_never_the_server() {
    let (remote, other) = (Remote::plain(), Remote::plain());
    let world = world(json!({ "base": format!("http://{}", remote.address) }));
    for path in [format!("//{}/x", other.address), format!("/@{}/", other.address)] {
        let body = format!("GET {path} HTTP/1.1 | host: {}", remote.address);
        assert_eq!(world.reply(get(&path))["body"], body);
    }
    let [_, kind, _] = world.error(get(&format!("http://{}/", other.address)));
    assert_eq!(kind, "InvalidUri");
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_server_that_is_slow_says_too_much_or_is_not_there_is_an_error_and_no_more() {
    let remote = Remote::plain();
    let world = world(json!({ "base": format!("http://{}", remote.address), "most_bytes": 1_000 }));
    let [_, kind, message] = world.error(Event { timeout: Some(Duration::from_secs(3)), ..Event::new(get("/silent")) });
    assert_eq!((kind.as_str(), message.as_str()), ("RemoteSlow", "the other server did not answer in time"));
    let [_, kind, message] = world.error(get("/large"));
    assert_eq!((kind.as_str(), message.as_str()), ("BodyRead", "length limit exceeded"));
    assert_eq!(world.reply(get("/missing"))["status"], 404);

    let nobody = self::world(json!({ "base": "http://127.0.0.1:1" }));
    let [_, _, message] = nobody.error(get("/"));
    assert!(message.contains("Connection refused"), "{message}");
}
