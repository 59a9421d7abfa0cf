//! How the process ends when it is asked to, and what it does without a Lambda.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lines;
use crate::support::{SOON, bootstrap_path};
use crate::world::{World, operation};

#[test]
fn sigterm_lets_what_is_in_flight_finish_asks_for_nothing_more_and_runs_the_hooks() {
    for slots in [1, 3] {
        let world = World::with_slots(slots);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let pending: Vec<_> = (0..slots).map(|_| world.lambda.invoke(operation("wait", json!(file.to_str())))).collect();
        lines::holding(&world.process, "started in ");
        while world.delivered() < slots {
            assert_eq!(world.process.wait_exit(Duration::from_millis(2)), None, "{}", world.output());
        }
        world.process.terminate();
        lines::holding(&world.process, "told to shut down: no further event is taken");
        let late = world.lambda.invoke(operation("echo", Value::Null));
        std::fs::write(&file, "finished").unwrap();
        for pending in pending {
            assert_eq!(pending.wait(SOON).expect("an answer").payload(), "\"finished\"");
        }
        assert_eq!(world.exit_code(), Some(0), "{}", world.output());
        let hook = lines::holding(&world.process, "misbehave was told to shut down");
        assert!(hook.contains("plugin=misbehave digest="), "{hook}");
        assert_eq!(world.delivered(), slots, "asked for another event");
        assert!(late.poll().is_none(), "it waits for the next process");
    }
}

#[test]
fn sigterm_while_nothing_is_in_flight_ends_it_with_success() {
    for slots in [1, 3] {
        let world = World::with_slots(slots);
        world.serves_on();
        world.process.terminate();
        assert_eq!(world.exit_code(), Some(0), "{}", world.output());
        assert_eq!(lines::count(&world.process, "misbehave was told to shut down"), 1, "{}", world.output());
    }
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let output = Command::new(bootstrap_path()).args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    (output, text)
}

#[test]
fn its_version_is_told_without_a_lambda() {
    let (output, _) = run(&["--version"], &[]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(concat!("bootstrap ", env!("CARGO_PKG_VERSION"))) && text.contains("plugin ABI 0"), "{text}");
}

#[test]
fn without_a_runtime_api_it_says_so() {
    for (variables, words) in [
        (&[][..], "AWS_LAMBDA_RUNTIME_API: is not set: bootstrap runs under Lambda or a local emulator of it"),
        (&[("AWS_LAMBDA_RUNTIME_API", "")], "AWS_LAMBDA_RUNTIME_API: is not host:port"),
        (&[("AWS_LAMBDA_RUNTIME_API", "no address")], "AWS_LAMBDA_RUNTIME_API: is not host:port"),
    ] {
        let (output, text) = run(&[], variables);
        assert_eq!(output.status.code(), Some(2), "{variables:?}: {text}");
        assert!(text.contains(words) && text.contains("code=usage") && text.contains("(hint: "), "{text}");
    }
    // One that nobody listens at: the manifest is refused first, and that cannot be reported.
    let (output, text) = run(&[], &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"), ("LOADER_MANIFEST", "/nowhere")]);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("code=manifest-missing") && text.contains("the failed start could not be reported"), "{text}");
}
