//! The Invoke API, over plain HTTP.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::world::{Reply, Serve, manifest, read, until};

#[track_caller]
fn refused(reply: &Reply, status: u16, name: &str, words: &str) {
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (status, Some(name)), "{reply:?}");
    let body = reply.json();
    assert_eq!(body["Type"], "User");
    assert!(body["Message"].as_str().unwrap().contains(words), "{body}");
}

#[test]
fn an_event_is_answered_and_a_failure_is_marked() {
    let serve = Serve::start(manifest(), &[]);
    let reply = serve.invoke("", "{\"a\": 1.50}");
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"{\"a\": 1.50}".as_slice()));
    assert_eq!(reply.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(reply.header("x-amz-function-error"), None);
    let id = reply.header("x-amzn-requestid").unwrap();
    serve.printed(&["POST /2015-03-31/functions/function/invocations 200 RequestResponse", id]);
    serve.told(&[id, "route=any", "plugin=echo"]);
    assert_eq!(serve.invoke("", "").body, b"{}", "no payload is an empty object");
    let reply = serve.operation("error", json!(null));
    assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, Some("Unhandled")));
    assert_eq!(reply.json()["errorType"], "OutOfStock");
    serve.printed(&["200 RequestResponse", "OutOfStock: nothing left"]);
    let reply = serve.operation("huge", json!({ "bytes": 7 << 20 }));
    assert_eq!(reply.header("x-amz-function-error"), Some("Unhandled"), "{}", reply.head);
    serve.serves_on();
}

#[test]
fn what_is_no_invocation_of_this_function_is_refused_as_the_service_does() {
    let serve = Serve::start(manifest(), &["--function", "orders"]);
    let ask = |function: &str, headers: &str, body: &[u8]| {
        serve.ask(&format!("POST /2015-03-31/functions/{function}/invocations\n{headers}"), body)
    };
    for name in ["orders", "orders:%24LATEST", "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aorders"] {
        assert_eq!(ask(name, "", b"1").status, 200, "{name}");
    }
    let words = "Function not found: arn:aws:lambda:us-east-1:123456789012:function:other";
    refused(&ask("other", "", b"1"), 404, "ResourceNotFoundException", words);
    refused(&ask("orders:7", "", b"1"), 404, "ResourceNotFoundException", "function:orders:7");
    refused(&ask("orders", "x-amz-invocation-type: Maybe", b"1"), 400, "InvalidParameterValueException", "\"Maybe\"");
    refused(&ask("orders", "", b"{half"), 400, "InvalidRequestContentException", "Could not parse request body into json");
    refused(&ask("orders", "x-amz-client-context: ???", b"1"), 400, "InvalidRequestContentException", "Client context");
    refused(&serve.ask("GET /2015-03-31/functions/orders", ""), 404, "UnknownOperationException", "only Invoke");
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024 - 1));
    let words = "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)";
    refused(&ask("orders", "", large.as_bytes()), 413, "RequestEntityTooLargeException", words);
    assert_eq!(ask("orders", "", &large.as_bytes()[..1]).status, 400);
}

#[test]
fn the_log_tail_holds_what_the_invocation_logged_and_no_other() {
    let serve = Serve::start(manifest(), &[]);
    let other = serve.operation("context", json!(null)).header("x-amzn-requestid").unwrap().to_owned();
    let context = BASE64_STANDARD.encode(r#"{"custom":{"a":"1"}}"#);
    let event = json!({ "operation": "context" }).to_string();
    let reply = serve.invoke(&format!("x-amz-log-type: Tail\nx-amz-client-context: {context}"), event);
    assert_eq!(reply.json()["client_context"], r#"{"custom":{"a":"1"}}"#, "{reply:?}");
    let id = reply.header("x-amzn-requestid").unwrap();
    let tail = String::from_utf8(BASE64_STANDARD.decode(reply.header("x-amz-log-result").unwrap()).unwrap()).unwrap();
    assert!(tail.len() <= 4096 && tail.contains("through log") && !tail.contains(&other), "{tail}");
    for words in ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "] {
        assert!(tail.contains(&format!("{words}{id}")), "{tail}");
    }
    assert!(!tail.contains("Init Duration"), "it is not the first event of its process: {tail}");
    let used = tail.split_once("\tMax Memory Used: ").unwrap().1.split(' ').next().unwrap();
    let peak = std::fs::read_to_string(format!("/proc/{}/status", serve.bootstrap().as_raw_nonzero())).unwrap();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    let (used, peak): (u64, u64) = (used.parse().unwrap(), peak.parse::<u64>().unwrap().div_ceil(1024));
    assert!((1..=peak).contains(&used), "{tail} and {peak} MB now");
}

#[test]
fn the_report_of_a_process_s_first_event_has_its_start_and_that_of_a_late_one_says_so() {
    let serve = Serve::start(manifest(), &["--timeout-ms", "3000"]);
    let tail =
        |reply: &Reply| String::from_utf8(BASE64_STANDARD.decode(reply.header("x-amz-log-result").unwrap()).unwrap()).unwrap();
    let first = tail(&serve.invoke("x-amz-log-type: Tail", "1"));
    assert!(first.contains("\tInit Duration: ") && !first.contains("Status:"), "{first}");
    let event = json!({ "operation": "wait", "input": "/nowhere" }).to_string();
    let late = serve.send("POST /2015-03-31/functions/function/invocations\nx-amz-log-type: Tail", event.as_bytes());
    serve.told(&["waits", "plugin=misbehave"]);
    kill_process(serve.bootstrap(), Signal::STOP).unwrap();
    let late = tail(&read(late));
    assert!(late.contains(" Task timed out after 3.00 seconds\n") && late.contains("\tMax Memory Used: "), "{late}");
    assert!(late.ends_with("\tStatus: timeout\n"), "{late}");
}

#[test]
fn the_log_tail_is_json_where_the_function_s_log_is() {
    let serve = Serve::start(manifest(), &["--env", "AWS_LAMBDA_LOG_FORMAT=JSON"]);
    let reply = serve.invoke("x-amz-log-type: Tail", json!({ "operation": "context" }).to_string());
    let tail = String::from_utf8(BASE64_STANDARD.decode(reply.header("x-amz-log-result").unwrap()).unwrap()).unwrap();
    let lines: Vec<serde_json::Value> = tail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!((&first["type"], &last["type"]), (&json!("platform.start"), &json!("platform.report")), "{tail}");
    assert_eq!(last["record"]["status"], "success");
    assert!(last["record"]["metrics"]["maxMemoryUsedMB"].as_u64().is_some_and(|used| used > 0), "{tail}");
}

#[test]
fn an_event_that_nobody_waits_for_is_tried_three_times_and_a_dry_run_not_at_all() {
    let serve = Serve::start(manifest(), &[]);
    let event = json!({ "operation": "error" }).to_string();
    let reply = serve.invoke("x-amz-invocation-type: DryRun", &event);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    let reply = serve.invoke("x-amz-invocation-type: Event", &event);
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    serve.told(&["another attempt in 1 s, where Lambda waits 1 min"]);
    serve.told(&["another attempt in 2 s"]);
    serve.told(&["failed three times", "dead-letter queue"]);
    let attempts = || serve.errors().lines().filter(|line| line.contains("ERROR") && line.contains("route=error")).count();
    // The log comes through a pipe, past the answer.
    until("three attempts", || (attempts() >= 3).then_some(()));
    assert_eq!(attempts(), 3, "{}", serve.errors());
}

#[test]
fn access_lines_are_json_where_that_is_wanted() {
    let serve = Serve::start(manifest(), &["--format", "json"]);
    serve.operation("error", json!(null));
    let line: serde_json::Value = serde_json::from_str(&serve.printed(&["\"status\":200"])).unwrap();
    assert_eq!(
        (&line["kind"], &line["errorType"], &line["method"]),
        (&json!("RequestResponse"), &json!("OutOfStock"), &json!("POST"))
    );
    let told = serve.told(&["\"route\":\"error\""]);
    assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{told}");
}
