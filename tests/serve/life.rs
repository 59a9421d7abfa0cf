//! What becomes of a process that is stuck, that dies, that cannot start; and how it all ends.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::json;

use crate::support::{SOON, bootstrap_path};
use crate::world::{Serve, folder, manifest, read};

#[test]
fn a_process_that_is_stuck_is_killed_when_the_time_is_up() {
    let serve = Serve::start(manifest(), &["--timeout-ms", "6000"]);
    serve.serves_on();
    let stuck = serve.bootstrap();
    // An event's time begins when it is handed out: the process has to have asked for the next one before it is stopped.
    std::thread::sleep(Duration::from_secs(2));
    kill_process(stuck, Signal::STOP).unwrap();
    let begun = Instant::now();
    let reply = serve.invoke("", "1");
    assert_eq!(reply.header("x-amz-function-error"), Some("Unhandled"), "{reply:?}");
    let body = reply.json();
    let message = body["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Error: Task timed out after 6.00 seconds") && body["errorType"] == "Sandbox.Timedout", "{body}");
    assert!(begun.elapsed().as_millis() >= 6000);
    serve.told(&["serve: an event's time is up"]);
    serve.serves_on();
    assert!(test_kill_process(stuck).is_err(), "it is gone");
}

/// Answers one event and asks for no other; the next process is the real one.
const HANGS: &str = r#"#!/bin/bash
if [ -e ./mark ]; then exec REAL; fi
: > ./mark
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
api=/2018-06-01/runtime/invocation
printf 'GET %s/next HTTP/1.1\r\nhost: x\r\n\r\n' $api >&3
while read -r line <&3; do
    line=${line%$'\r'}
    case $line in
    '') break ;;
    lambda-runtime-aws-request-id:*) id=${line#*: } ;;
    esac
done
exec 4<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
printf 'POST %s/%s/response HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n"mine!"' $api "$id" >&4
exec sleep 600
"#;

#[test]
fn a_process_that_never_asks_for_its_next_event_leaves_no_caller_without_an_answer() {
    let folder = crate::world::folder(manifest());
    let program = folder.path().join("hangs");
    std::fs::write(&program, HANGS.replace("REAL", bootstrap_path().to_str().unwrap())).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let serve = Serve::start_in(folder, &["--timeout-ms", "3000", "--bootstrap", program.to_str().unwrap()]);
    assert_eq!(serve.invoke("", "1").body, b"\"mine!\"", "{}", serve.errors());
    let stuck = serve.bootstrap();
    serve.serves_on();
    serve.told(&["serve: bootstrap did not ask for its next event within 3 s: it is killed and started again"]);
    assert!(test_kill_process(stuck).is_err(), "it is gone");
}

#[test]
fn the_caller_of_a_process_that_dies_is_told_and_another_serves_on() {
    let serve = Serve::start(manifest(), &[]);
    let event = json!({ "operation": "wait", "input": "/nowhere" }).to_string();
    let stream = serve.send("POST /2015-03-31/functions/function/invocations", event.as_bytes());
    serve.told(&["waits", "plugin=misbehave"]);
    kill_process(serve.bootstrap(), Signal::KILL).unwrap();
    let reply = read(stream);
    assert_eq!((reply.status, &reply.json()["errorType"]), (200, &json!("Runtime.ExitError")), "{reply:?}");
    serve.told(&["serve: bootstrap ended: signal: 9 (SIGKILL)"]);
    serve.serves_on();
}

#[test]
fn a_start_that_fails_is_what_the_caller_gets_and_the_next_event_tries_again() {
    let mut manifest = manifest();
    manifest["plugins"] = json!({ "misbehave": { "config": { "start": "error" } } });
    let serve = Serve::start(manifest, &[]);
    serve.told(&["the database is not there"]);
    for _ in 0..2 {
        let reply = serve.invoke("", "1");
        assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, Some("Unhandled")), "{reply:?}");
        assert!(reply.json()["errorMessage"].as_str().unwrap().contains("the database is not there"), "{reply:?}");
    }
    assert_eq!(serve.ask("GET /", "").status, 502);
}

#[test]
fn what_is_in_flight_is_finished_at_the_end_and_nothing_is_left() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut serve = Serve::start(manifest(), &[]);
        let file = serve.folder.path().join("file");
        let event = json!({ "operation": "wait", "input": file }).to_string();
        let stream = serve.send("POST /2015-03-31/functions/function/invocations", event.as_bytes());
        serve.told(&["waits", "plugin=misbehave"]);
        let bootstrap = serve.bootstrap();
        kill_process(Pid::from_raw(serve.pid().cast_signed()).unwrap(), signal).unwrap();
        serve.told(&["told to shut down"]);
        std::fs::write(file, "finished").unwrap();
        assert_eq!(read(stream).body, b"\"finished\"");
        assert_eq!(serve.exit_code(), Some(0), "{}", serve.errors());
        assert!(test_kill_process(bootstrap).is_err(), "it is gone");
        let started = serve.told(&["started in", "lambda-loader-"]);
        let private = started.split("\"manifest\":\"").nth(1).unwrap().split("/0/").next().unwrap().to_owned();
        assert!(!std::path::Path::new(&private).exists(), "{private}");
    }
}

#[test]
fn a_second_signal_waits_for_nothing_and_the_caller_is_told() {
    let mut serve = Serve::start(manifest(), &[]);
    let event = json!({ "operation": "wait", "input": "/nowhere" }).to_string();
    let stream = serve.send("POST /2015-03-31/functions/function/invocations", event.as_bytes());
    serve.told(&["waits", "plugin=misbehave"]);
    serve.interrupt();
    serve.told(&["serve: ending: no further event is taken; once more to end at once"]);
    serve.interrupt();
    let reply = read(stream);
    assert_eq!((reply.status, &reply.json()["errorType"]), (200, &json!("Runtime.ExitError")), "{reply:?}");
    assert_eq!(serve.exit_code(), Some(0), "{}", serve.errors());
}

#[test]
fn a_file_that_is_not_the_locked_one_is_refused_with_the_command_that_locks_it() {
    let folder = folder(manifest());
    let file = folder.path().join("plugins/libmisbehave.so");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.push(0);
    std::fs::write(&file, bytes).unwrap();
    let mut serve = Serve::launch(folder, &[]);
    assert_eq!(serve.exit_code(), Some(4), "{}", serve.errors());
    let lock = format!("lambda-loader lock --manifest {}", serve.folder.manifest().display());
    serve.told(&["error[digest-mismatch]: plugin \"misbehave\": ", &format!("(hint: run {lock}, or serve with --watch")]);
}

#[test]
fn events_run_at_once_where_the_function_may_have_several() {
    let serve = Serve::start(manifest(), &["--concurrency", "2"]);
    let file = serve.folder.path().join("file");
    let event = json!({ "operation": "wait", "input": file }).to_string();
    let waiting = serve.send("POST /2015-03-31/functions/function/invocations", event.as_bytes());
    serve.told(&["waits"]);
    serve.serves_on();
    std::fs::write(&file, "x").unwrap();
    assert_eq!(read(waiting).body, b"\"x\"");
}

/// Runs `serve` where it cannot, and returns exit code and message.
fn cannot(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = crate::world::folder(manifest());
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
    command.arg("serve").arg("--manifest").arg(folder.manifest()).args(arguments).env_clear();
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > SOON {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
    (status.code(), text)
}

#[test]
fn a_port_in_use_a_missing_bootstrap_and_a_wrong_name_are_usage_errors_that_say_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, text) = cannot(&["--address", &taken.local_addr().unwrap().to_string()]);
    assert!(code == Some(2) && text.contains("the port is in use by another process (hint: stop that process"), "{text}");
    let (code, text) = cannot(&["--bootstrap", "/nowhere"]);
    assert!(code == Some(2) && text.contains("/nowhere: there is no bootstrap to run (hint: build it"), "{text}");
    let (code, text) = cannot(&["--bootstrap", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert!(code == Some(2) && text.contains("/Cargo.toml: is not a program that may be run (hint: give --bootstrap"), "{text}");
    let (code, text) = cannot(&["--env", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"]);
    assert!(code == Some(2) && text.contains("AWS_LAMBDA_RUNTIME_API is set by serve itself (hint: leave it out"), "{text}");
    let (code, text) = cannot(&["--function", "a/b"]);
    assert!(code == Some(2) && text.contains("is no name that Lambda allows"), "{text}");
}

#[test]
fn variables_are_the_function_s_own_and_nothing_of_the_caller_s_comes_along() {
    let mut manifest = manifest();
    manifest["routes"]["variables"] = json!({ "source": "operation", "name": "variables", "to": "misbehave.variables" });
    let serve = Serve::start(manifest, &["--env", "APP_MODE=local", "--memory-mb", "512"]);
    let names = ["APP_MODE", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "HOME"];
    assert_eq!(serve.operation("variables", json!(names)).json(), json!(["local", "512", "function", null]));
}
