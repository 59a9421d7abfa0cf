//! Plugins that another compiler has built, or this one otherwise.

use lambda_loader::local::Lambda;
use serde_json::{Value, json};

use crate::support::build::{Build, has_toolchain};
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

fn operation(plugin: &str, handler: &str) -> Value {
    json!({ "source": "operation", "name": handler, "to": format!("{plugin}.{handler}") })
}

fn answer(lambda: &Lambda, event: &Value) -> Value {
    let answer = lambda.invoke(event.to_string()).wait(SOON).expect("an answer");
    let reply = answer.response().unwrap_or_else(|| panic!("{event}: {answer:?}"));
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn plugins_of_another_compiler_load_and_answer() {
    if !has_toolchain("nightly") {
        eprintln!("skipped: there is no nightly toolchain");
        return;
    }
    let built = ["echo", "orders", "misbehave"].map(|name| (name, Build::plugin(name).toolchain("nightly").path()));
    let mut plugins: Vec<_> = built.iter().map(|(name, path)| (*name, path.as_path())).collect();
    // And one of the loader's own compiler among them: each has its own copy of everything.
    let own = Build::fixture("keeper").path();
    plugins.push(("keeper", &own));
    let folder = Folder::new(
        &plugins,
        json!({
            "plugins": { "orders": { "config": { "table": "t", "most_pieces": 5 } } },
            "routes": {
                "echo": operation("echo", "echo"),
                "queue": { "source": "sqs", "resource": "orders", "to": "orders.on_message" },
                "context": operation("misbehave", "context"),
                "panic": operation("misbehave", "panic_in_drop"),
                "spawn": operation("misbehave", "spawn"),
                "count": operation("keeper", "count"),
            },
        }),
    );
    let compilers: Vec<String> =
        plugins.iter().map(|(name, path)| crate::plugin::verify(name, path).unwrap().note.unwrap().compiler).collect();
    assert!(compilers[..3].iter().all(|compiler| compiler.contains("nightly")), "{compilers:?}");
    assert!(!compilers[3].contains("nightly"), "{compilers:?}");

    let lambda = lambda();
    let process = bootstrap(&lambda, &folder, &[]);
    assert!(lambda.wait_polled(1, SOON).is_some(), "{}", output(&process));
    let echo = json!({ "operation": "echo", "input": { "a": [1, 2.5, "é"] } });
    assert_eq!(answer(&lambda, &echo), echo);
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "body": body, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders", "receiptHandle": "r", "attributes": {},
            "messageAttributes": {}, "md5OfBody": "m",
        })
    };
    let batch = json!({ "Records": [record("1", r#"{"id":"a","pieces":5}"#), record("2", r#"{"id":"b","pieces":6}"#)] });
    assert_eq!(answer(&lambda, &batch), json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }));
    let context = answer(&lambda, &json!({ "operation": "context" }));
    assert_eq!(
        (&context["route"], &context["source"], &context["has_deadline"]),
        (&json!("context"), &json!("operation"), &json!(true))
    );
    assert_eq!(answer(&lambda, &json!({ "operation": "spawn" })), 42);
    // Unwinding stays inside, whichever unwinder and std it was built with.
    let failed = lambda.invoke(r#"{"operation":"panic_in_drop"}"#).wait(SOON).unwrap();
    let (error_type, body) = failed.error().unwrap_or_else(|| panic!("{failed:?}"));
    assert_eq!(error_type, Some("Runtime.LoaderHandlerPanicked"));
    assert!(String::from_utf8_lossy(body).contains("drop went wrong"), "{body:?}");
    assert_eq!(answer(&lambda, &json!({ "operation": "count" })), 1);
    assert!(process.wait_for_line(|line| line.contains("through tracing") && line.contains("misbehave"), SOON).is_some());
}

#[test]
fn a_plugin_whose_panics_end_the_process_is_named_before_one_does() {
    let file = Build::fixture("keeper").panic_abort().path();
    for load in ["init", "first-use"] {
        let folder = Folder::new(
            &[("keeper", &file)],
            json!({
                "plugins": { "keeper": { "load": load } },
                "routes": { "count": operation("keeper", "count"), "panic": operation("keeper", "panic") },
            }),
        );
        let lambda = lambda();
        let process = bootstrap(&lambda, &folder, &[]);
        assert_eq!(answer(&lambda, &json!({ "operation": "count" })), 1);
        let warned = |line: &str| line.contains("WARN") && line.contains("plugin \"keeper\" was built with panic = \"abort\"");
        assert!(process.wait_for_line(warned, SOON).is_some(), "{load}: {}", output(&process));
        let pending = lambda.invoke(r#"{"operation":"panic"}"#);
        let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{load}: {}", output(&process)));
        assert!(!status.success(), "{load}: {status}");
        let answer = pending.wait(SOON).unwrap();
        assert!(matches!(answer.kind, lambda_loader::local::Kind::ProcessDied { .. }), "{load}: {answer:?}");
    }
}
