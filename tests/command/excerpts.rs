//! The lines of the manifest that a refusal is about: in text alone, in colour on a terminal alone, and without secrets.

use std::process::Command;

use crate::sandbox::Sandbox;

const MISTAKE: &str = "{\n  \"version\": 1,\n  \"plugins\": {\n    \"orders\": { \"pth\": \"x.so\" }\n  }\n}\n";

#[test]
fn the_line_is_shown_with_the_place_marked() {
    let sandbox = Sandbox::new(MISTAKE);
    let run = sandbox.run(&["verify"]);
    run.refused(3, "manifest-unknown-key", &["manifest.json:4:17: plugins.orders.pth", "(hint: did you mean \"path\")"]);
    let expected = "  |\n4 |     \"orders\": { \"pth\": \"****\" }\n  |                 ^^^^^\n";
    assert!(run.err.ends_with(&expected), "{}", run.err);
    // Programs get one object and no pictures.
    let json = sandbox.run(&["verify", "--format", "json"]);
    assert_eq!((json.err.as_str(), &json.json()["error"]["code"]), ("", &"manifest-unknown-key".into()));
}

#[test]
fn two_routes_that_overlap_are_both_shown() {
    let route = |resource: &str| format!("{{ \"source\": \"sns\", \"resource\": \"{resource}\", \"to\": \"p\" }}");
    let (one, other) = (route("arn:aws:sns:*:1:a*"), route("arn:aws:sns:eu-west-1:*:a*"));
    let text = format!(
        "{{\n\"version\": 1,\n\"plugins\": {{ \"p\": {{ \"path\": \"p.so\" }} }},\n\"routes\": {{\n\"one\": {one},\n\"other\": {other}\n}}\n}}\n"
    );
    let run = Sandbox::new(&text).run(&["verify"]);
    run.refused(3, "route-conflict", &[]);
    let marked = |mark: &str| run.err.lines().filter(|line| line.contains(mark)).count();
    assert!(marked("^^^") == 1 && marked("---") == 1, "{}", run.err);
    assert!(run.err.contains("5 | \"one\"") && run.err.contains("6 | \"other\""), "{}", run.err);
}

#[test]
fn secrets_beside_a_mistake_are_masked() {
    let sandbox = Sandbox::new("{}");
    for text in [
        r#"{"version":1,"environment":{"APP_TOKEN":"hunter2"},"rutes":{}}"#,
        r#"{"version":1,"enviroment":{"APP_TOKEN":"hunter2"}}"#,
        r#"{"version":1,"plugins":{"p":{"path":"p.so","config":{"token":"hunter2"},"x":1}}}"#,
        r#"{"version":1,"environment":{"LD_PRELOAD":"hunter2"}}"#,
        r#"{"version":1,"environment":{"APP_TOKEN":"hunter2" "x":1}}"#,
        r#"{"version":1,"environment":{"APP_TOKEN":["hunter2"]}}"#,
        "version: hunter2\n",
    ] {
        sandbox.write("m.json", text);
        let run = sandbox.run(&["verify", "--manifest", "m.json"]);
        assert!(run.code == 3 && run.err.contains(" | ") && run.err.contains("*******"), "{run:?}");
        assert!(!run.err.contains("hunter2"), "{}", run.err);
    }
}

#[test]
fn colours_are_for_a_terminal_and_never_against_no_color() {
    let sandbox = Sandbox::new(MISTAKE);
    assert!(!sandbox.run(&["verify"]).err.contains('\u{1b}'));
    // `script` runs a program on a terminal of its own.
    let on_a_terminal = |variables: &[(&str, &str)]| {
        let mut script = Command::new("script");
        let tool = format!("{} verify", env!("CARGO_BIN_EXE_lambda-loader"));
        script.args(["-qec", &tool, "/dev/null"]).current_dir(sandbox.path("")).env_remove("NO_COLOR").env("TERM", "xterm");
        let output = script.envs(variables.iter().copied()).output().expect("script, of util-linux");
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(on_a_terminal(&[]).contains("\u{1b}["));
    assert!(!on_a_terminal(&[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!on_a_terminal(&[("TERM", "dumb")]).contains('\u{1b}'));
}
