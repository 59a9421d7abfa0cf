//! What a stranger does wrong on the first day: each message says what to do next.

use crate::sandbox::{Sandbox, misbehaving};

#[test]
fn mistakes_with_the_manifest() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.write("m.yaml", "version: 1\nplugins:\n  echo: x\n");
    sandbox.write("comment.json", "{\n  // plugins\n  \"version\": 1\n}\n");
    std::os::unix::fs::symlink("manifest.json", sandbox.path("link.json")).unwrap();
    sandbox.write("stages.json", r#"{"version":1,"stages":{"dev":{},"prod":{}}}"#);
    #[track_caller]
    fn check(sandbox: &Sandbox, arguments: &[&str], code: &str, message: &str) {
        let run = sandbox.run(&[&["verify"], arguments].concat());
        run.refused(3, code, &[]);
        assert_eq!(run.err.lines().next(), Some(format!("error[{code}]: {message}").as_str()), "{}", run.err);
    }
    check(
        &sandbox,
        &["--manifest", "missing.json"],
        "manifest-missing",
        "missing.json: no such file or directory (os error 2) (hint: give its path with --manifest, or set LOADER_MANIFEST)",
    );
    check(
        &sandbox,
        &["--manifest", "plugins"],
        "manifest-unreadable",
        "plugins: is a folder (hint: name the file in it, such as manifest.json)",
    );
    check(
        &sandbox,
        &["--manifest", "link.json"],
        "manifest-unreadable",
        "link.json: too many levels of symbolic links (os error 40) (hint: put the file itself there: it may not be a symbolic link)",
    );
    let json = "(hint: a manifest is JSON, not YAML or TOML)";
    check(&sandbox, &["--manifest", "m.yaml"], "manifest-syntax", &format!("m.yaml:1:1: expected value {json}"));
    check(
        &sandbox,
        &["--manifest", "comment.json"],
        "manifest-syntax",
        "comment.json:2:3: a comment stands here (hint: JSON has no comments; remove it)",
    );
    check(
        &sandbox,
        &["--manifest", "stages.json"],
        "stage-not-chosen",
        "stages.json: the manifest has stages, and none was chosen (hint: set LOADER_STAGE or --stage, or default_stage in the \
         manifest, to one of \"dev\", \"prod\")",
    );
    check(
        &sandbox,
        &["--manifest", "stages.json", "--stage", "live"],
        "stage-unknown",
        "stages.json: there is no stage \"live\" (hint: the stages are \"dev\", \"prod\")",
    );
}

#[test]
fn mistakes_with_plugins() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    sandbox.run(&["verify"]).refused(3, "digest-missing", &["it has no sha256 for", "(hint: run lambda-loader lock)"]);
    sandbox.run(&["lock"]).done();

    // A build newer than the lock.
    sandbox.patch("plugins/libmisbehave.so", |bytes| bytes.push(0));
    for command in [&["verify"][..], &["invoke", "--event", "-"]] {
        let run = sandbox.run_with(command, &[], r#"{"operation":"error"}"#);
        run.refused(4, "digest-mismatch", &["plugin \"misbehave\"", "run lambda-loader lock if this one is meant"]);
    }

    // Another build than the locked one, from its own folder.
    sandbox.place("misbehave", "debug/libmisbehave.so");
    sandbox.patch("debug/libmisbehave.so", |bytes| bytes.extend([0; 2]));
    let run = sandbox.run_with(&["invoke", "--event", "-", "--from", "debug"], &[], "{}");
    run.refused(4, "digest-mismatch", &["plugin \"misbehave\" from ", "/debug/libmisbehave.so: "]);

    std::fs::remove_file(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.run(&["lock"]).refused(
        4,
        "artifact-missing",
        &[
            "plugin \"misbehave\": ",
            "/plugins/libmisbehave.so is not there (hint: build it, correct the path, or give --from the folder that it is built in)",
        ],
    );
    std::fs::create_dir(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.run(&["lock"]).refused(4, "artifact-not-regular", &["is not a regular file (hint: "]);
    std::fs::remove_dir(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.write("plugins/libmisbehave.so", "#!/bin/sh\n");
    sandbox.run(&["lock"]).refused(
        4,
        "elf-foreign",
        &["plugin \"misbehave\": it is not an ELF file (hint: name a shared object"],
    );
}

#[test]
fn mistakes_with_events() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.write("half.json", "{\"operation\":");
    sandbox.write("empty.json", "");
    for command in ["route", "invoke"] {
        let hint = "(hint: give --event the path of a JSON file, or - for standard input)";
        sandbox.run(&[command, "--event", "missing.json"]).refused(2, "usage", &["missing.json: no such file", hint]);
        sandbox.run(&[command, "--event", "plugins"]).refused(2, "usage", &["plugins: is a directory", hint]);
    }
    sandbox.run(&["route", "--event", "half.json"]).refused(1, "event-not-json", &["half.json: not JSON at byte 13"]);
    sandbox.run(&["route", "--event", "empty.json"]).refused(1, "event-not-json", &["empty.json: not JSON"]);
    sandbox.run_with(&["route", "--event", "-"], &[], "nonsense").refused(1, "event-not-json", &["standard input: not JSON"]);
    // The plugins are up by then, as under bootstrap; the event reaches none of them.
    let run = sandbox.run(&["invoke", "--event", "half.json"]);
    assert_eq!((run.code, &run.json()["errorType"]), (1, &"Runtime.LoaderEventNotJson".into()), "{run:?}");
    assert!(run.err.starts_with("error[event-not-json]: "), "{run:?}");
}
