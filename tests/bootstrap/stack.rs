//! CloudFormation events: where a handler fails or there is none, the stack is told, by the real TLS client to a server of a name of
//! S3's. The name leads here by a hosts file of the process's own, which takes a mount namespace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda_loader::local::{Bootstrap, Event, Lambda, Options};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::lines;
use crate::support::{bootstrap_path, folder::Folder};
use crate::world::{World, folder};

const HOST: &str = "cloudformation-custom-resource-response-useast1.s3.amazonaws.com";

/// What stands for S3: what it was asked, head and body, and what it answers.
struct Bucket {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    certificate: String,
}

impl Bucket {
    /// With that status; an empty one: it hangs.
    fn start(status: &'static str) -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream));
                let mut head = String::new();
                // A client that does not trust the certificate ends here.
                while stream.read_line(&mut head).is_ok_and(|read| read > 2) {}
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
                let Some(length) = length else { continue };
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                log.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
                if status.is_empty() {
                    // Never an answer, and the connection stays.
                    std::mem::forget(stream);
                    continue;
                }
                let _gone = write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Bucket { address, asked, certificate: made.cert.pem() }
    }

    fn url(&self) -> String {
        format!("https://{HOST}:{}/arn%3Aaws%3Astack?X-Amz-Signature=s3cr3t", self.address.port())
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

fn event(kind: &str, url: Option<&str>, resource_type: &str) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../../loader/command/event/samples/cloudformation.json")).unwrap();
    event["RequestType"] = kind.into();
    event["ResponseURL"] = url.into();
    event["ResourceType"] = resource_type.into();
    if kind != "Create" {
        event["PhysicalResourceId"] = "thing-1".into();
    }
    event.to_string()
}

fn plugins(more: Value) -> Folder {
    let route = |name: &str, to: &str| {
        (name.to_owned(), json!({ "source": "cloudformation", "resource_type": format!("Custom::{name}"), "to": to }))
    };
    let names = ["error", "panic", "sleep", "block", "huge", "not_json"].map(|name| route(name, &format!("misbehave.{name}")));
    let routes: serde_json::Map<_, _> = names.into_iter().chain([route("good", "echo")]).collect();
    let mut manifest = more;
    manifest["routes"] = routes.into();
    folder(&["misbehave", "echo"], manifest)
}

/// A world in which the name of AWS leads to this machine; `None` where the system gives no mount namespace.
fn world(bucket: &Bucket) -> Option<World> {
    // Much, so that on a busy machine the watchdog is not faster than the handler's own thread.
    world_of(bucket, json!({ "deadline_margin_ms": 1_500 }))
}

/// With that in its manifest besides plugins and routes.
fn world_of(bucket: &Bucket, more: Value) -> Option<World> {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system gives no mount namespace (unshare -rm)");
        return None;
    }
    let (lambda, folder) = (Lambda::start(Options::default()).unwrap(), plugins(more));
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hosts = file("hosts", format!("127.0.0.1 localhost {HOST} {}\n", HOST.replace("useast1", "useast2")));
    let certificates = file("ca.pem", bucket.certificate.clone());
    let bootstrap = bootstrap_path().display().to_string();
    let script = file(
        "start",
        format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\nexport PATH\nexec unshare -rm sh -c 'mount --bind {hosts} /etc/hosts && exec {bootstrap}'\n"
        ),
    );
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = folder.manifest();
    let variables = [
        ("LOADER_MANIFEST", manifest.to_str().unwrap()),
        ("LOADER_MANIFEST_SHA256", folder.pin.as_str()),
        ("SSL_CERT_FILE", certificates.as_str()),
    ];
    let process = Bootstrap::spawn(&lambda, script.as_ref(), &variables).unwrap();
    Some(World { process, lambda, folder })
}

#[test]
fn a_stack_hears_of_every_failure_and_the_invocation_is_over() {
    let bucket = Bucket::start("200 OK");
    let Some(world) = world(&bucket) else { return };
    let url = bucket.url();
    let check = |kind: &str, resource_type: &str, code: &str, physical: Option<&str>| {
        let before = bucket.asked().len();
        let event = Event { timeout: Some(Duration::from_secs(8)), ..Event::new(event(kind, Some(&url), resource_type)) };
        let answer = world.ask(event);
        assert_eq!(answer.payload(), "null", "{resource_type}: {answer:?}\n{}", world.output());
        let asked = bucket.asked();
        assert_eq!(asked.len(), before + 1, "{resource_type}");
        let (head, body) = &asked[before];
        let head = head.to_lowercase();
        assert!(head.starts_with("put /arn%3aaws%3astack?x-amz-signature=s3cr3t http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nhost: {HOST}:{}\r\n", bucket.address.port())), "{head}");
        assert!(head.contains("\r\ncontent-type:\r\n") || head.contains("\r\ncontent-type: \r\n"), "{head}");
        let physical = physical.map_or_else(|| format!("failed-{}", answer.request_id), str::to_owned);
        assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            json!({
                "Status": "FAILED",
                "Reason": format!("{code} ({})", answer.request_id),
                "PhysicalResourceId": physical,
                "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4-872e-1234567db123",
                "RequestId": "5d478078-13e9-baf0-464a-7ef285ecc786",
                "LogicalResourceId": "Thing",
            })
        );
        lines::line_of(&world.process, &[&answer.request_id, " ERROR ", &format!("code={code}")]);
    };
    check("Create", "Custom::unknown", "no-route", None);
    check("Delete", "Custom::unknown", "no-route", Some("thing-1"));
    check("Create", "Custom::error", "handler-failed", None);
    check("Update", "Custom::panic", "handler-panicked", Some("thing-1"));
    check("Create", "Custom::huge", "reply-too-large", None);
    check("Create", "Custom::not_json", "reply-not-json", None);
    check("Create", "Custom::sleep", "deadline-exceeded", None);
    // A handler that succeeds answers the stack itself.
    let good = event("Create", Some(&url), "Custom::good");
    assert_eq!(world.response(good.clone()).body, good);
    assert_eq!(bucket.asked().len(), 7);
    // Last: the process ends by it.
    check("Create", "Custom::block", "deadline-exceeded", None);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert!(!world.output().contains("s3cr3t"), "the address is a secret");
}

#[test]
fn a_stack_that_cannot_be_told_leaves_the_invocation_failed() {
    let bucket = Bucket::start("403 Forbidden");
    let Some(world) = world(&bucket) else { return };
    let check = |url: Option<&str>, second: Option<(&str, &str)>| {
        let answer = world.ask(event("Create", url, "Custom::error"));
        let Some((header, _)) = answer.error() else { panic!("{url:?}: {answer:?}\n{}", world.output()) };
        assert_eq!(header, Some("Function.OutOfStock"), "{url:?}");
        lines::line_of(&world.process, &[&answer.request_id, "code=handler-failed"]);
        if let Some((code, message)) = second {
            lines::line_of(&world.process, &[&answer.request_id, message, &format!("code={code}")]);
        }
    };
    check(None, None);
    check(Some(&bucket.url()), Some(("stack-not-told", "CloudFormation could not be told: it answered 403 Forbidden")));
    assert_eq!(bucket.asked().len(), 1);
    let port = bucket.address.port();
    let plain = format!("http://{HOST}:{port}/a");
    check(Some(&plain), Some(("response-url-refused", "the event's `ResponseURL` is not https")));
    let elsewhere = format!("https://localhost:{port}/a");
    check(Some(&elsewhere), Some(("response-url-refused", "the event's `ResponseURL` is not one of CloudFormation's own")));
    // Reached, and not believed: the certificate is for another name.
    let address = format!("https://{HOST}:{port}/a").replace("useast1", "useast2");
    check(
        Some(&address),
        Some(("stack-not-told", "CloudFormation could not be told: invalid peer certificate: for another name")),
    );
    assert!(!world.output().contains("useast1"), "what the peer calls itself is not the log's");
    // Nobody listens.
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    check(Some(&format!("https://{HOST}:{closed}/a")), Some(("stack-not-told", "Connection refused")));
    assert_eq!(bucket.asked().len(), 1, "nothing was sent to any of them");
    assert!(!world.output().contains("s3cr3t"), "the address is a secret");
}

#[test]
fn a_server_whose_certificate_the_system_does_not_know_gets_nothing() {
    let bucket = Bucket::start("200 OK");
    let other =
        Bucket { certificate: Bucket::start("200 OK").certificate, asked: Arc::clone(&bucket.asked), address: bucket.address };
    let Some(world) = world(&other) else { return };
    let answer = world.ask(event("Create", Some(&bucket.url()), "Custom::error"));
    assert!(answer.error().is_some(), "{answer:?}");
    lines::line_of(&world.process, &[&answer.request_id, "code=stack-not-told", "invalid peer certificate"]);
    assert_eq!(bucket.asked(), []);
}

fn blocked(url: &str) -> Event {
    Event { timeout: Some(Duration::from_secs(8)), ..Event::new(event("Create", Some(url), "Custom::block")) }
}

#[test]
fn a_blocked_handler_leaves_time_for_its_stack_at_the_default_margin() {
    let bucket = Bucket::start("200 OK");
    let Some(world) = world_of(&bucket, json!({})) else { return };
    let answer = world.ask(blocked(&bucket.url()));
    assert_eq!(answer.payload(), "null", "{answer:?}\n{}", world.output());
    let asked = bucket.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].1.contains("\"FAILED\"") && asked[0].1.contains("deadline-exceeded"), "{}", asked[0].1);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
}

#[test]
fn a_blocked_handler_whose_stack_hangs_is_answered_for_and_the_process_ends() {
    let bucket = Bucket::start("");
    let Some(world) = world_of(&bucket, json!({})) else { return };
    let answer = world.ask(blocked(&bucket.url()));
    let Some((header, _)) = answer.error() else { panic!("{answer:?}\n{}", world.output()) };
    assert_eq!(header, Some("Runtime.LoaderDeadlineExceeded"), "{}", world.output());
    lines::line_of(&world.process, &[&answer.request_id, "code=stack-not-told", "the time was up"]);
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert_eq!(bucket.asked().len(), 1, "told once, by the watchdog alone");
}
