//! `new`: what it makes builds, passes its tests, and answers its sample event.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::support::build::target_dir;

const KINDS: [(&str, &str); 5] = [
    ("event", r#"{"message":"hello, world"}"#),
    ("sqs", r#"{"batchItemFailures":[]}"#),
    (
        "http",
        r#"{"body":"{\"path\":\"/orders\"}","headers":{"content-length":"18","content-type":"application/json"},"isBase64Encoded":false,"statusCode":200}"#,
    ),
    ("operation", r#"{"changed":true}"#),
    ("schedule", r#"{"done":"arn:aws:events:us-east-1:123456789012:rule/nightly"}"#),
];

/// Tests and builds all that is in `folder`, with the packages that this repository has, and gives the folder of the libraries.
fn build(folder: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let target = target_dir().join("variants/new");
    for command in [&["test", "--lib"][..], &["build"]] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(folder).args(command).args(["--offline", "--quiet"]).env("CARGO_TARGET_DIR", &target);
        let output = cargo.env_remove("RUSTFLAGS").output().unwrap();
        assert!(
            output.status.success(),
            "{command:?} in {}: {}",
            folder.display(),
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n")
        );
    }
    // The umask of whoever builds may let the group write.
    let debug = target.join("debug");
    for file in std::fs::read_dir(&debug).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "so") {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    debug.to_str().unwrap().to_owned()
}

/// Locks, verifies and invokes as the last lines of `new` say.
fn answers(sandbox: &Sandbox, name: &str, from: &str, expected: &str) {
    let (manifest, event) = (format!("{name}/manifest.json"), format!("{name}/event.json"));
    for command in [&["lock"][..], &["verify"]] {
        sandbox.run(&[command, &["--manifest", &manifest, "--from", from]].concat()).done();
    }
    let run = sandbox.run(&["invoke", "--manifest", &manifest, "--from", from, "--event", &event]);
    let reply: Value = run.done().json();
    assert_eq!(reply, serde_json::from_str::<Value>(expected).unwrap(), "{name}");
}

#[test]
fn a_plugin_of_every_kind_builds_in_a_workspace_and_answers_its_event() {
    let sandbox = Sandbox::new("{}");
    let members: Vec<_> = KINDS.iter().map(|(kind, _)| format!("new-{kind}")).collect();
    sandbox.write("Cargo.toml", format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"));
    for ((kind, _), name) in KINDS.iter().zip(&members) {
        let run = sandbox.run(&["new", name, "--kind", kind, "--kit", env!("CARGO_MANIFEST_DIR")]);
        assert!(run.done().err.contains("belongs to the workspace"), "{run:?}");
    }
    let from = build(&sandbox.path(""));
    for ((_, expected), name) in KINDS.iter().zip(&members) {
        answers(&sandbox, name, &from, expected);
    }
}

#[test]
fn a_plugin_far_from_this_repository_carries_the_kit_that_it_builds_with() {
    let sandbox = Sandbox::new("{}");
    let run = sandbox.run(&["new", "far-away"]);
    assert_eq!(run.done().err, "");
    assert!(run.out.starts_with("made far-away: try it with\n\n  cd far-away\n  cargo test\n"), "{run:?}");
    assert!(sandbox.read("far-away/Cargo.toml").contains("lambda-plugin-abi = { path = \"kit/plugin-abi\" }"));
    // No file names a place of the machine that the tool was built on.
    fn check(folder: &Path) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                check(&path);
            } else {
                assert!(!std::fs::read_to_string(&path).unwrap().contains(env!("CARGO_MANIFEST_DIR")), "{}", path.display());
            }
        }
    }
    check(&sandbox.path("far-away"));
    let from = build(&sandbox.path("far-away"));
    answers(&sandbox, "far-away", &from, KINDS[0].1);
}

#[test]
fn the_readme_s_first_plugin_is_what_new_says_to_type() {
    let sandbox = Sandbox::new("{}");
    let run = sandbox.run(&["new", "site", "--kind", "http"]);
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let commands: Vec<_> = run.done().out.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert!(commands.len() > 6, "{run:?}");
    for command in commands {
        assert!(readme.contains(command), "README.md does not have {command}");
    }
}

#[test]
fn mistakes_make_nothing_and_say_what_to_do() {
    let sandbox = Sandbox::new("{}");
    #[track_caller]
    fn check(sandbox: &Sandbox, arguments: &[&str], expected: &str) {
        let run = sandbox.run(&[&["new"], arguments].concat());
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (2, "", format!("error[usage]: {expected}\n").as_str()));
    }
    let names = "it begins with one of a-z and goes on with a-z, 0-9, _ and -, up to 64 of them";
    check(&sandbox, &["Orders"], &format!("NAME: \"Orders\" is not the name of a plugin (hint: {names})"));
    check(&sandbox, &["../orders"], &format!("NAME: \"../orders\" is not the name of a plugin (hint: {names})"));
    check(&sandbox, &["serde"], "NAME: serde is the name of something else (hint: call it serde-plugin for one)");
    check(&sandbox, &["plugins"], "plugins: there is something of that name here already (hint: take another name or folder)");
    let kits = "give the folder plugin-abi of the loader's repository, the repository's folder, or its git URL";
    check(&sandbox, &["a", "--kit", "plugins"], &format!("--kit: the kit is not in \"plugins\" (hint: {kits})"));
    check(&sandbox, &["a", "--kit", "no"], &format!("--kit: \"no\": no such file or directory (os error 2) (hint: {kits})"));
    sandbox.write("Cargo.toml", "[workspace]\n");
    let what = format!("a: the workspace {} has no kit, and a member of it cannot carry its own", sandbox.path("").display());
    check(
        &sandbox,
        &["a"],
        &format!(
            "{} (hint: give --kit, or make the plugin outside the workspace)",
            what.trim_end_matches('/').replace("/ has", " has")
        ),
    );
    assert!(!sandbox.path("a").exists());
    let json = sandbox.run(&["new", "b", "--kit", "https://example.com/loader.git", "--format", "json"]).done().json();
    assert_eq!(json["files"], json!(["b/Cargo.toml", "b/src/lib.rs", "b/event.json", "b/manifest.json", "b/.gitignore"]));
    assert!(sandbox.read("b/Cargo.toml").contains("lambda-plugin-abi = { git = \"https://example.com/loader.git\" }"));
}
