//! An operation that a handler defers: from the AWS SDK in a plugin to the Invoke API of the function that the plugin runs in.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::{Value, json};

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::world::{Serve, until};

/// A port that is known before `serve` has one, and leads to it. What the plugin sends is kept.
struct Endpoint {
    port: u16,
    to: Arc<OnceLock<String>>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Endpoint {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint { port: listener.local_addr().unwrap().port(), to: Arc::default(), sent: Arc::default() };
        let (to, sent) = (Arc::clone(&endpoint.to), Arc::clone(&endpoint.sent));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(to.get().expect("nothing is deferred at the start")).unwrap();
                let (from_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let sent = Arc::clone(&sent);
                thread::spawn(move || pass(from_client, server, |bytes| sent.lock().unwrap().extend_from_slice(bytes)));
                thread::spawn(move || pass(from_server, client, |_| {}));
            }
        });
        endpoint
    }
}

/// Passes on what comes, until one of the two has gone.
fn pass(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        seen(&bytes[..read]);
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _gone = to.shutdown(Shutdown::Write);
}

/// With a count of the rounds that an event has gone.
const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:a87bd80c:3";

const SECRET: &str = "wJalrXUtnFEMI-not-a-key";

fn serve(port: u16, receipts: &str) -> Serve {
    let route = |name: &str| json!({ "source": "operation", "name": name, "to": format!("deferred.{name}") });
    let manifest = json!({
        "plugins": { "deferred": { "config": { "receipts": receipts } } },
        "routes": { "order": route("order"), "receipt": route("receipt") },
    });
    let folder = Folder::new(&[("deferred", &Build::plugin("deferred").path())], manifest);
    let endpoint = format!("AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:{port}");
    let secret = format!("AWS_SECRET_ACCESS_KEY={SECRET}");
    let variables = [endpoint.as_str(), "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", &secret, "AWS_LAMBDA_LOG_LEVEL=TRACE"];
    // The SDK tries again where it is not heard, for some seconds.
    let arguments = [vec!["--timeout-ms", "30000"], variables.map(|variable| ["--env", variable]).concat()].concat();
    Serve::start_in(folder, &arguments)
}

#[test]
fn an_operation_that_a_handler_defers_runs_after_its_reply_and_once() {
    let receipts = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::new();
    let serve = serve(endpoint.port, receipts.path().to_str().unwrap());
    endpoint.to.set(serve.address.clone()).unwrap();

    let event = json!({ "operation": "order", "input": { "id": 7 } }).to_string();
    let reply = serve.invoke(&format!("x-amzn-trace-id: {TRACE}"), event);
    assert_eq!((reply.status, reply.json()), (200, json!({ "accepted": 7 })), "{}", serve.errors());
    let first = reply.header("x-amzn-requestid").unwrap();
    until("no receipt", || receipts.path().join("7").exists().then_some(()));
    let written = serve.told(&["receipt written"]);
    assert!(!written.contains(first), "an invocation of its own: {written}");
    serve.printed(&["POST /2015-03-31/functions/arn%3Aaws%3Alambda%3A", "%3Afunction%3Afunction/invocations 202 Event"]);

    // However often it comes.
    assert_eq!(serve.operation("order", json!({ "id": 7 })).json(), json!({ "accepted": 7 }));
    serve.told(&["there is a receipt already"]);
    assert_eq!(std::fs::read_dir(receipts.path()).unwrap().count(), 1);

    let sent = String::from_utf8_lossy(&endpoint.sent.lock().unwrap()).into_owned();
    assert!(sent.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"), "{sent}");
    assert!(sent.contains("/lambda/aws4_request") && sent.contains(r#"{"input":{"id":7},"operation":"receipt"}"#), "{sent}");
    assert!(sent.contains(&format!("x-amzn-trace-id: {TRACE}\r\n")), "{sent}");
    assert!(!sent.contains(SECRET) && !serve.errors().contains(SECRET), "at no level");
}

#[test]
fn what_cannot_be_deferred_is_an_error_and_nothing_is_accepted() {
    let receipts = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let serve = serve(1, receipts.path().to_str().unwrap());
    let reply = serve.operation("order", json!({ "id": 7 }));
    let error: Value = reply.json();
    assert_eq!(error["errorType"], "NotDeferred");
    assert!(error["errorMessage"].as_str().unwrap().contains("Connection refused"), "{error}");
    assert_eq!(std::fs::read_dir(receipts.path()).unwrap().count(), 0);
    assert!(!serve.errors().contains(SECRET), "at no level");
}
