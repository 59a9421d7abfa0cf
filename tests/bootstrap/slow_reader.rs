//! A service that does not read a streamed reply: the deadline ends the invocation, and not the process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_loader::local::Bootstrap;
use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path, lambda};
use crate::world::folder;

/// The first line of a request, its headers read.
fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, usize)> {
    let mut first = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        match line.strip_prefix("content-length: ") {
            Some(value) => length = value.parse().ok()?,
            None if line.is_empty() => return Some((first, length)),
            None if first.is_empty() => first = line,
            None => {}
        }
    }
}

/// Gives `event` to the first poll, never reads a reply's body, and sends the first line of each request.
fn serve(stream: TcpStream, event: &str, seen: &mpsc::Sender<String>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (request, length) = head(&mut stream)?;
        seen.send(request.clone()).ok()?;
        let answer = if request.contains("/next") {
            let until = SystemTime::now().duration_since(UNIX_EPOCH).ok()? + Duration::from_secs(4);
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: only\r\nlambda-runtime-deadline-ms: {}\r\ncontent-length: {}\r\n\r\n{event}",
                until.as_millis(),
                event.len()
            )
        } else if request.contains("/response") {
            // Open, and not read, until the other side leaves.
            std::thread::sleep(SOON);
            return None;
        } else {
            stream.by_ref().take(length as u64).read_to_end(&mut Vec::new()).ok()?;
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

/// Has `event` answered to a service that does not read the reply, through to the poll after it.
fn left_unread(event: &Value, folder: &Folder) -> Bootstrap {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let event = event.to_string();
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (event, sender) = (event.clone(), sender.clone());
            std::thread::spawn(move || serve(stream, &event, &sender));
        }
    });
    // For its environment alone.
    let lambda = lambda();
    let manifest = folder.manifest();
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("LOADER_MANIFEST", manifest.to_str().unwrap()),
        ("LOADER_MANIFEST_SHA256", folder.pin.as_str()),
    ];
    let process = Bootstrap::spawn(&lambda, &bootstrap_path(), &variables).unwrap();
    let version = "/2018-06-01/runtime/invocation";
    for wanted in ["get", "post", "post", "get"] {
        let request = seen.recv_timeout(SOON).unwrap_or_else(|_| panic!("no {wanted}\n{}", crate::support::output(&process)));
        assert!(request.starts_with(&format!("{wanted} {version}/")), "{request} is not {wanted}");
    }
    lines::line_of(&process, &["the service had not read the reply's stream when the deadline came", "code=runtime-api"]);
    assert_eq!(process.wait_exit(Duration::ZERO), None);
    process
}

fn request() -> Value {
    serde_json::from_slice(&sample("lambda_http/lambda_function_url_request")).unwrap()
}

fn manifest(to: &str) -> Value {
    json!({
        "deadline_margin_ms": 2_000,
        "routes": { "url": { "source": "function-url", "to": to, "reply": "stream" } },
    })
}

#[test]
fn a_client_that_does_not_read_is_left_at_the_deadline_and_the_next_event_follows() {
    let mut event = request();
    event["queryStringParameters"] = json!({ "chunks": "1000000000", "bytes": "10000" });
    left_unread(&event, &folder(&["misbehave"], manifest("misbehave.stream")));
}

#[test]
fn a_web_application_makes_no_more_of_its_body_than_the_service_takes() {
    let mut event = request();
    event["requestContext"]["http"]["method"] = "GET".into();
    // 30,518 pieces of 64 KiB.
    event["rawPath"] = "/zeros/2000000000".into();
    let process = left_unread(&event, &Folder::new(&[("axum", &Build::fixture("axum").path())], manifest("axum")));
    let made = process.logs().iter().filter(|line| line.text.contains(" is made")).count();
    // What fits between two sockets is a few megabytes.
    assert!((1..1_000).contains(&made), "{made} pieces were made and not taken");
}
