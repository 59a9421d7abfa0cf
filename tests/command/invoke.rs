//! `invoke`: the reply on standard output, everything else on standard error.

use serde_json::json;

use crate::sandbox::{Run, Sandbox, misbehaving};

fn operation(sandbox: &Sandbox, name: &str, options: &[&str]) -> Run {
    let event = json!({ "operation": name }).to_string();
    sandbox.run_with(&[&["invoke", "--event", "-"], options].concat(), &[], &event)
}

#[test]
fn the_reply_alone_is_on_standard_output() {
    let sandbox = Sandbox::locked(&misbehaving());
    let event = "{ \"ü\" : [1.50, \"\\u00e9\"] }";
    sandbox.write("event.json", event);
    for (file, input) in [("event.json", ""), ("-", event)] {
        for format in ["text", "json"] {
            let run = sandbox.run_with(&["invoke", "--event", file, "--format", format], &[], input);
            assert_eq!((run.done().out.as_str(), run.err.as_str()), (format!("{event}\n").as_str(), ""));
            assert!(run.plugin_ran, "the plugins are loaded, and this shows that the mark works");
        }
    }
    // What a plugin logs is not its reply.
    let run = operation(&sandbox, "context", &[]);
    assert_eq!(run.done().json()["route"], "context");
    assert!(run.err.contains("through log") && run.err.contains("through tracing"), "{run:?}");
}

#[test]
fn a_handler_s_failure_exits_1_with_the_error_that_the_caller_would_get() {
    let sandbox = Sandbox::locked(&misbehaving());
    let error = operation(&sandbox, "error", &[]);
    assert_eq!((error.code, error.json()), (1, json!({ "errorType": "OutOfStock", "errorMessage": "nothing left" })));
    assert!(error.err.contains("error[handler-failed]: OutOfStock: nothing left"), "{error:?}");
    let panic = operation(&sandbox, "panic", &[]);
    assert_eq!(panic.code, 1);
    assert!(panic.json()["errorMessage"].as_str().unwrap().contains("handler went wrong"), "{panic:?}");
    assert!(panic.err.contains("error[handler-panicked]: "), "{panic:?}");
    let late = operation(&sandbox, "sleep", &["--timeout-ms", "300"]);
    assert_eq!((late.code, &late.json()["errorType"]), (1, &"Runtime.LoaderDeadlineExceeded".into()), "{late:?}");
    let blocked = operation(&sandbox, "block", &["--timeout-ms", "300"]);
    assert_eq!((blocked.code, &blocked.json()["errorType"]), (1, &"Runtime.LoaderDeadlineExceeded".into()), "{blocked:?}");
    let nowhere = sandbox.run_with(&["invoke", "--event", "-"], &[], r#"{"operation":"unknown"}"#);
    assert_eq!((nowhere.code, &nowhere.json()["errorType"]), (1, &"Runtime.LoaderNoRoute".into()), "{nowhere:?}");
}

#[test]
fn a_start_that_fails_is_told_in_the_chosen_format() {
    let mut manifest = misbehaving();
    manifest["plugins"]["misbehave"]["config"] = json!({ "start": "error" });
    let sandbox = Sandbox::locked(&manifest);
    let text = operation(&sandbox, "error", &[]);
    assert_eq!((text.code, text.out.as_str()), (1, ""), "{text:?}");
    assert!(text.err.contains("error[start-failed]: plugin \"misbehave\""), "{text:?}");
    assert!(text.err.contains("the database is not there"), "{text:?}");
    let json = operation(&sandbox, "error", &["--format", "json"]);
    assert_eq!((json.code, json.json()["error"]["code"].as_str()), (1, Some("start-failed")));
}

#[test]
fn nothing_runs_before_every_file_has_passed() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.patch("plugins/libecho.so", |bytes| bytes[0x200] ^= 1);
    operation(&sandbox, "error", &[]).refused(4, "digest-mismatch", &["plugin \"echo\""]);
    let json = operation(&sandbox, "error", &["--format", "json"]);
    assert_eq!((json.code, json.json()["error"]["code"].as_str(), json.plugin_ran), (4, Some("digest-mismatch"), false));
}

#[test]
fn no_stack_is_told_of_what_is_only_tried() {
    let mut manifest = misbehaving();
    manifest["routes"]["thing"] = json!({ "source": "cloudformation", "to": "misbehave.error" });
    let sandbox = Sandbox::locked(&manifest);
    // Told, it would be refused with a line of its own: the address is none that an answer goes to.
    let event = json!({ "RequestType": "Create", "StackId": "s", "RequestId": "r", "LogicalResourceId": "l", "ResponseURL": "http://127.0.0.1/" });
    let run = sandbox.run_with(&["invoke", "--event", "-"], &[], &event.to_string());
    assert_eq!((run.code, &run.json()["errorType"]), (1, &"OutOfStock".into()), "{run:?}");
    assert!(!run.err.contains("response-url-refused"), "{run:?}");
}
