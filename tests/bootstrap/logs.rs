//! What stands in the log, in which format, from which level on.

use lambda_loader::local::Stream;
use serde_json::{Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

fn world(variables: &[(&str, &str)]) -> World {
    World::start(lambda(), folder(&["misbehave", "echo"], misbehave()), variables)
}

#[test]
fn records_of_tracing_and_log_stand_among_the_loader_s_own_with_all_that_they_belong_to() {
    let world = world(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]);
    let answer = world.ask(operation("context", Value::Null));
    for (message, level, target, fields) in [
        ("through log", "WARN", Some("misbehave"), None),
        ("through tracing", "INFO", Some("misbehave"), Some(json!({ "answer": 42 }))),
        ("answered in ", "INFO", None, None),
    ] {
        let line = lines::of_request(&world.process, &answer.request_id, message);
        assert_eq!((line["level"].as_str(), line["target"].as_str()), (Some(level), target), "{line}");
        assert_eq!(line.get("fields"), fields.as_ref());
        assert_eq!(
            (&line["source"], &line["route"], &line["plugin"]),
            (&json!("operation"), &json!("context"), &json!("misbehave"))
        );
        assert!(line["digest"].as_str().is_some_and(|digest| digest.len() == 12), "{line}");
        assert!(line["timestamp"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{line}");
    }
    assert!(
        world.process.logs().iter().all(|line| line.stream == Stream::Err && serde_json::from_str::<Value>(&line.text).is_ok())
    );
}

#[test]
fn text_lines_carry_the_same() {
    for variables in [&[][..], &[("AWS_LAMBDA_LOG_FORMAT", "Text")]] {
        let world = world(variables);
        let answer = world.ask(operation("context", Value::Null));
        lines::holding(&world.process, "answered in ");
        for words in [
            format!(
                " WARN  {} misbehave: through log source=operation route=context plugin=misbehave digest=",
                answer.request_id
            ),
            format!(
                " INFO  {} misbehave: through tracing source=operation route=context plugin=misbehave digest=",
                answer.request_id
            ),
            format!(" INFO  {} answered in ", answer.request_id),
        ] {
            let line = lines::holding(&world.process, &words);
            assert_eq!(line.ends_with(" {\"answer\":42}"), line.contains("through tracing"), "{line}");
        }
    }
}

#[test]
fn lambda_s_own_level_wins_over_rust_log() {
    // What is there: info through tracing, warn through log, error of the loader.
    #[track_caller]
    fn check(variables: &[(&str, &str)], info: bool, warn: bool) {
        let world = world(variables);
        world.ask(operation("context", Value::Null));
        world.ask(operation("error", Value::Null));
        lines::holding(&world.process, "the handler failed: OutOfStock");
        let found = |words| lines::count(&world.process, words) == 1;
        assert_eq!((found("through tracing"), found("through log")), (info, warn), "{variables:?}\n{}", world.output());
        assert_eq!((found("started in "), found("answered in ")), (info, info), "{variables:?}");
    }
    check(&[], true, true);
    check(&[("AWS_LAMBDA_LOG_LEVEL", "WARN")], false, true);
    check(&[("AWS_LAMBDA_LOG_LEVEL", "fatal")], false, false);
    check(&[("RUST_LOG", "error")], false, false);
    check(&[("RUST_LOG", "hyper=trace,warn")], false, true);
    check(&[("AWS_LAMBDA_LOG_LEVEL", "INFO"), ("RUST_LOG", "error")], true, true);
    check(&[("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("RUST_LOG", "trace")], false, false);
    check(&[("AWS_LAMBDA_LOG_LEVEL", "loud"), ("RUST_LOG", "warn")], false, true);
}
