//! The protocol itself, byte by byte, over plain sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::local::{Endpoint, Event, Fault, How, InitError, Kind, Lambda, Options, Pending};

const SOON: Duration = Duration::from_secs(30);
const OK: &str = "{\"status\":\"OK\"}\n";

fn lambda() -> Lambda {
    Lambda::start(Options::default()).unwrap()
}

/// Sends `head` and `body` over a connection of its own, and returns status and body of what comes back until it is closed.
fn raw(lambda: &Lambda, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = send(lambda, head, body);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn send(lambda: &Lambda, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(lambda.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

fn get(lambda: &Lambda, path: &str) -> (u16, String) {
    raw(lambda, &format!("GET /2018-06-01/runtime/{path} HTTP/1.1\nhost: x\nconnection: close\n\n"), b"")
}

fn post(lambda: &Lambda, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let head =
        format!("POST /2018-06-01/runtime/{path} HTTP/1.1\nhost: x\nconnection: close\n{headers}content-length: {length}\n\n");
    raw(lambda, &head, body.as_bytes())
}

/// Sends an event and has it taken.
fn taken(lambda: &Lambda, event: impl Into<Event>) -> Pending {
    let pending = lambda.invoke(event);
    assert_eq!(get(lambda, "invocation/next").0, 200);
    pending
}

fn path(pending: &Pending, what: &str) -> String {
    format!("invocation/{}/{what}", pending.request_id())
}

fn refused(answer: (u16, String), status: u16, error_type: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert!(answer.1.contains(&format!("\"errorType\":\"{error_type}\"")), "{}", answer.1);
}

#[test]
fn paths_and_methods_that_do_not_exist_are_refused() {
    let lambda = lambda();
    refused(get(&lambda, "restore/next"), 404, "NotFound");
    refused(get(&lambda, ""), 404, "NotFound");
    refused(post(&lambda, "restore/error", "", "{}"), 404, "NotFound");
    refused(get(&lambda, "init/error"), 405, "MethodNotAllowed");
    refused(get(&lambda, "invocation/x/response"), 405, "MethodNotAllowed");
    refused(post(&lambda, "invocation/next", "", "{}"), 405, "MethodNotAllowed");
    assert_eq!(lambda.polled().count, 0);
}

#[test]
fn an_answer_to_an_unknown_or_answered_invocation_is_refused() {
    let lambda = lambda();
    refused(post(&lambda, "invocation/no-such-id/response", "", "1"), 400, "InvalidRequestID");
    let pending = taken(&lambda, "1");
    assert_eq!(post(&lambda, &path(&pending, "response"), "", "2"), (202, OK.into()));
    refused(post(&lambda, &path(&pending, "response"), "", "3"), 400, "InvalidRequestID");
    refused(post(&lambda, &path(&pending, "error"), "", "{}"), 400, "InvalidRequestID");
    assert_eq!(pending.wait(SOON).unwrap().payload(), "2");
    assert!(pending.poll().is_none(), "one answer only");
}

#[test]
fn an_event_that_nobody_has_taken_yet_cannot_be_answered() {
    let lambda = lambda();
    let pending = lambda.invoke("1");
    refused(post(&lambda, &path(&pending, "response"), "", "2"), 400, "InvalidRequestID");
    assert!(pending.poll().is_none());
}

#[test]
fn a_runtime_may_hold_only_as_many_events_as_it_is_allowed() {
    let lambda = Lambda::start(Options { concurrency: 2, ..Options::default() }).unwrap();
    let (first, _second) = (taken(&lambda, "1"), taken(&lambda, "2"));
    let third = lambda.invoke("3");
    refused(get(&lambda, "invocation/next"), 403, "InvalidStateTransition");
    assert_eq!(post(&lambda, &path(&first, "error"), "", "{}").0, 202);
    assert_eq!(get(&lambda, "invocation/next"), (200, "3".into()));
    assert_eq!(post(&lambda, &path(&third, "response"), "", "").0, 202);
    assert_eq!(third.wait(SOON).unwrap().payload(), "");
}

#[test]
fn polls_wait_as_long_as_it_takes_and_those_that_hang_up_lose_nothing() {
    let lambda = Lambda::start(Options { concurrency: 3, ..Options::default() }).unwrap();
    let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\nhost: x\nconnection: close\n\n";
    let waiting = [send(&lambda, next, b""), send(&lambda, next, b"")];
    assert!(lambda.wait_polled(2, SOON).is_some());
    let [first, second] = waiting;
    drop(first);
    // The server sees the hang-up before it sees anything that is sent after it.
    refused(get(&lambda, "restore/next"), 404, "NotFound");
    let _events = (lambda.invoke("1"), lambda.invoke("2"));
    let mut answers = Vec::new();
    let mut second = second;
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    answers.push(answer.split_once("\r\n\r\n").unwrap().1.to_owned());
    answers.push(get(&lambda, "invocation/next").1);
    answers.sort();
    assert_eq!(answers, ["1", "2"]);
}

#[test]
fn a_start_error_is_kept_as_it_was_sent() {
    let lambda = lambda();
    assert_eq!(lambda.init_error(Duration::ZERO), None);
    let headers = "lambda-runtime-function-error-type: Runtime.LoaderDigestMismatch\n";
    assert_eq!(post(&lambda, "init/error", headers, "{\"errorMessage\":\"x\"}"), (202, OK.into()));
    assert_eq!(post(&lambda, "init/error", "", "{}").0, 202);
    let expected = InitError { error_type: Some("Runtime.LoaderDigestMismatch".into()), body: "{\"errorMessage\":\"x\"}".into() };
    assert_eq!(lambda.init_error(SOON), Some(expected), "the first one counts");
}

#[test]
fn a_streamed_reply_may_fail_in_its_trailers() {
    let lambda = lambda();
    let pending = taken(&lambda, "1");
    let head = format!(
        "POST /2018-06-01/runtime/{} HTTP/1.1\nhost: x\nconnection: close\ncontent-type: text/plain\n\
         lambda-runtime-function-response-mode: streaming\ntransfer-encoding: chunked\n\
         trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\n\n",
        path(&pending, "response")
    );
    let body =
        b"3\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: Runtime.X\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n";
    assert_eq!(raw(&lambda, &head, body).0, 202);
    let Kind::Response(response) = pending.wait(SOON).unwrap().kind else { panic!("a response") };
    assert_eq!((response.content_type.as_deref(), &response.body[..]), (Some("text/plain"), &b"abc"[..]));
    assert_eq!(response.trailer("lambda-runtime-function-error-type"), Some("Runtime.X"));
    assert_eq!(response.trailer("lambda-runtime-function-error-body"), Some("e30="));
    let chunks: Vec<_> = response.chunks.unwrap().into_iter().map(|chunk| chunk.bytes).collect();
    assert_eq!(chunks, ["abc"]);
}

#[test]
fn an_unknown_response_mode_fails_the_invocation() {
    let lambda = lambda();
    let pending = taken(&lambda, "1");
    let answer = post(&lambda, &path(&pending, "response"), "lambda-runtime-function-response-mode: fast\n", "1");
    refused(answer, 400, "InvalidFunctionResponseMode");
    let error_type = Some("Runtime.InvalidResponseModeHeader".to_owned());
    assert_eq!(pending.wait(SOON).unwrap().kind, Kind::Error { error_type, body: "".into() });
}

#[test]
fn a_reply_that_breaks_off_is_truncated() {
    for mode in ["", "lambda-runtime-function-response-mode: streaming\n"] {
        let lambda = lambda();
        let pending = taken(&lambda, "1");
        let head =
            format!("POST /2018-06-01/runtime/{} HTTP/1.1\nhost: x\n{mode}content-length: 10\n\n", path(&pending, "response"));
        drop(send(&lambda, &head, b"12345"));
        assert_eq!(pending.wait(SOON).unwrap().kind, Kind::Truncated, "{mode:?}");
    }
}

#[test]
fn an_answer_with_the_id_of_an_earlier_invocation_is_stale() {
    let lambda = lambda();
    let pending = taken(&lambda, Event { invocation_id: Some("b".into()), ..Event::new("1") });
    refused(post(&lambda, &path(&pending, "response"), "lambda-runtime-invocation-id: a\n", "1"), 410, "StaleInvocationID");
    assert_eq!(post(&lambda, &path(&pending, "response"), "lambda-runtime-invocation-id: b\n", "2").0, 202);
    let answer = pending.wait(SOON).unwrap();
    assert_eq!((answer.payload(), answer.invocation_id.as_deref()), ("2".into(), Some("b")));
}

#[test]
fn after_a_scripted_refusal_a_second_attempt_is_taken_but_after_413_it_is_not() {
    let lambda = lambda();
    lambda.fault(Fault::new(Endpoint::Response, How::Status(500)));
    lambda.fault(Fault::new(Endpoint::Response, How::Close));
    lambda.fault(Fault::new(Endpoint::Response, How::CloseInBody));
    let pending = taken(&lambda, "1");
    refused(post(&lambda, &path(&pending, "response"), "", "2"), 500, "ScriptedFault");
    assert_eq!(post(&lambda, &path(&pending, "response"), "", "2"), (0, String::new()));
    assert_eq!(post(&lambda, &path(&pending, "response"), "", "2"), (200, "{\"statu".into()));
    assert!(pending.poll().is_none());
    assert_eq!(post(&lambda, &path(&pending, "response"), "", "2").0, 202);
    assert_eq!(pending.wait(SOON).unwrap().payload(), "2");

    lambda.fault(Fault::new(Endpoint::Response, How::Status(413)));
    let pending = taken(&lambda, "1");
    refused(post(&lambda, &path(&pending, "response"), "", "1234"), 413, "ScriptedFault");
    assert_eq!(pending.wait(SOON).unwrap().kind, Kind::TooLarge { size: 4 });
    refused(post(&lambda, &path(&pending, "error"), "", "{}"), 400, "InvalidRequestID");
}

#[test]
fn after_a_scripted_refusal_the_next_event_may_be_fetched() {
    let lambda = lambda();
    lambda.fault(Fault::new(Endpoint::Error, How::Status(403)));
    let pending = taken(&lambda, "1");
    assert_eq!(post(&lambda, &path(&pending, "error"), "", "{}").0, 403);
    let _second = taken(&lambda, "2");
}

#[test]
fn an_event_that_was_cut_off_comes_again() {
    let lambda = lambda();
    lambda.fault(Fault::new(Endpoint::Next, How::CloseInBody));
    let _pending = lambda.invoke("[1,2]");
    assert_eq!(get(&lambda, "invocation/next"), (200, "[1".into()));
    assert_eq!(get(&lambda, "invocation/next"), (200, "[1,2]".into()));
}

#[test]
fn an_event_that_was_cut_off_while_a_poll_waited_comes_again() {
    let lambda = lambda();
    lambda.fault(Fault::new(Endpoint::Next, How::CloseInBody));
    let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\nhost: x\n\n";
    let mut waiting = send(&lambda, next, b"");
    assert!(lambda.wait_polled(1, SOON).is_some());
    let _pending = lambda.invoke("[1,2]");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n[1"), "{answer}");
    assert_eq!(get(&lambda, "invocation/next"), (200, "[1,2]".into()));
}

#[test]
fn whoever_waits_when_the_server_stops_waits_no_longer() {
    let lambda = lambda();
    let (queued, waiting) = (taken(&lambda, "1"), lambda.invoke("2"));
    drop(lambda);
    assert!(queued.wait(Duration::MAX).is_none());
    assert!(waiting.wait(Duration::MAX).is_none());
}
