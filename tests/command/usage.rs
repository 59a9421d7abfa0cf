//! Help, formats, and each exit code.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, misbehaving};

const HELP: &str = "\
Exit codes:
  0  done
  1  the work failed: a handler's error, an event that no route takes
  2  usage
  3  manifest refused
  4  artifact refused
  5  ABI refused
  6  remote source failed
";

#[test]
fn help_shows_the_exit_codes_and_every_command() {
    let sandbox = Sandbox::new("{}");
    let help = sandbox.run(&["--help"]);
    assert!(help.done().out.ends_with(HELP), "{}", help.out);
    assert_eq!(HELP.trim_end(), lambda_loader::command::exit_codes());
    for command in [
        "verify",
        "lock",
        "show",
        "diff",
        "inspect",
        "route",
        "event",
        "invoke",
        "new",
        "schema",
        "completions",
        "man",
        "import-zappa",
        "keygen",
        "sign",
    ] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}");
        assert!(sandbox.run(&[command, "--help"]).done().out.contains("--format"), "{command}");
    }
    let version = sandbox.run(&["--version"]);
    assert!(version.done().out.starts_with("lambda-loader 0."), "{version:?}");
}

#[test]
fn every_exit_code_comes_from_the_command_that_it_is_for() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.write("error.json", r#"{"operation":"error"}"#);
    sandbox.write("sqs.json", r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:1:q"}]}"#);
    sandbox.write("stale.json", sandbox.read("manifest.json").replace("libecho", "libmisbehave"));
    sandbox.write("handler.json", sandbox.read("manifest.json").replace("misbehave.sleep", "misbehave.slep"));
    sandbox.write("s3.json", r#"{"version":1,"allow":{"buckets":["bucket"]},"plugins":{"web":{"s3":"s3://bucket/libweb.so"}}}"#);
    #[track_caller]
    fn check(sandbox: &Sandbox, arguments: &[&str], expected: i32) {
        let run = sandbox.run(arguments);
        assert_eq!(run.code, expected, "{arguments:?} {run:?}");
    }
    check(&sandbox, &["verify"], 0);
    check(&sandbox, &["lock", "--check"], 0);
    check(&sandbox, &["inspect", "plugins/libecho.so"], 0);
    check(&sandbox, &["invoke", "--event", "error.json"], 1);
    check(&sandbox, &["invoke", "--event", "sqs.json"], 1);
    check(&sandbox, &["route", "--event", "sqs.json"], 1);
    check(&sandbox, &[], 2);
    check(&sandbox, &["route"], 2);
    check(&sandbox, &["serve-all"], 2);
    check(&sandbox, &["verify", "--format", "yaml"], 2);
    check(&sandbox, &["lock", "--check", "--out", "x"], 2);
    check(&sandbox, &["verify", "--from", "nowhere"], 2);
    check(&sandbox, &["route", "--event", "missing.json"], 2);
    check(&sandbox, &["verify", "--manifest", "missing.json"], 3);
    check(&sandbox, &["verify", "--stage", "prod"], 3);
    check(&sandbox, &["verify", "--manifest", "stale.json"], 4);
    check(&sandbox, &["lock", "--check", "--manifest", "stale.json"], 4);
    check(&sandbox, &["inspect", "missing.so"], 4);
    check(&sandbox, &["verify", "--manifest", "handler.json"], 5);
    check(&sandbox, &["invoke", "--event", "error.json", "--manifest", "handler.json"], 5);
    check(&sandbox, &["lock", "--manifest", "s3.json"], 6);
    check(&sandbox, &["verify", "--manifest", "s3://bucket/manifest.json"], 6);
}

#[test]
fn a_refusal_is_one_line_on_standard_error_or_one_object_on_standard_output() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.write("event.json", "{}");
    for command in [&["verify"][..], &["lock"], &["route", "--event", "event.json"], &["invoke", "--event", "event.json"]] {
        let text = sandbox.run(&[command, &["--manifest", "missing.json"]].concat());
        assert_eq!((text.code, text.out.as_str(), text.err.lines().count()), (3, "", 1), "{text:?}");
        text.refused(3, "manifest-missing", &["missing.json: ", "(hint: "]);
        let json = sandbox.run(&[command, &["--manifest", "missing.json", "--format", "json"]].concat());
        assert_eq!((json.code, json.err.as_str(), json.plugin_ran), (3, "", false), "{json:?}");
        assert_eq!(json.json()["error"]["code"], "manifest-missing");
        let message = json.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(text.err.ends_with(&format!("]: {message}\n")), "{text:?} {message}");
    }
    let inspect = sandbox.run(&["inspect", "missing.so", "--format", "json"]);
    assert_eq!(inspect.json()["error"]["code"], "artifact-missing");
}

#[test]
fn the_manifest_is_the_named_one_else_the_variable_s_else_the_folder_s() {
    let sandbox = Sandbox::locked(&misbehaving());
    let route = |name: &str| {
        json!({ "version": 1, "plugins": { "p": { "path": "p.so" } },
        "routes": { name: { "source": "direct", "to": "p" } }, "stages": { "a": {}, "b": { "routes": { name: null } } } })
    };
    sandbox.write("variable.json", route("variable").to_string());
    sandbox.write("named.json", route("named").to_string());
    let ask = |arguments: &[&str], variables: &[(&str, &str)]| {
        let run = sandbox.run_with(&[&["route", "--event", "-", "--format", "json"], arguments].concat(), variables, "{}");
        run.json()["route"].clone()
    };
    let variables = [("LOADER_MANIFEST", "variable.json"), ("LOADER_STAGE", "a")];
    assert_eq!(ask(&[], &[]), "any");
    assert_eq!(ask(&[], &[("LOADER_MANIFEST", ""), ("LOADER_STAGE", "")]), "any");
    assert_eq!(ask(&[], &variables), "variable");
    assert_eq!(ask(&["--manifest", "named.json"], &variables), "named");
    assert_eq!(ask(&["--stage", "b"], &variables), Value::Null);
    assert_eq!(ask(&["--manifest", "manifest.json"], &[variables[0]]), "any");
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let sandbox = Sandbox::locked(&misbehaving());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
    command.current_dir(sandbox.path("")).args(["inspect", "plugins/libecho.so"]).env_clear();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
