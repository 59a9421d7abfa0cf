//! What a stranger does wrong on the first day: each message says what to do next.

use crate::sandbox::{Sandbox, misbehaving};
use crate::support::build::Build;

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
    sandbox.write("m.yml", "# plugins\nversion: 1\n");
    sandbox.write("m.toml", "[plugins.echo]\npath = \"libecho.so\"\n");
    let json = "(hint: a manifest is JSON, not YAML or TOML)";
    check(&sandbox, &["--manifest", "m.yml"], "manifest-syntax", &format!("m.yml:1:1: a comment stands here {json}"));
    check(&sandbox, &["--manifest", "m.toml"], "manifest-syntax", &format!("m.toml:1:2: expected value {json}"));
    sandbox.write("comma.json", "{\"version\":1,\"plugins\":{},}");
    check(
        &sandbox,
        &["--manifest", "comma.json"],
        "manifest-syntax",
        "comma.json:1:27: a comma stands before a closing bracket (hint: remove the comma)",
    );
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

    let missing = "(hint: build it, correct the path, or give --from the folder that it is built in)";
    std::fs::remove_file(sandbox.path("plugins/libmisbehave.so")).unwrap();
    for command in [&["lock"][..], &["verify"], &["invoke", "--event", "-"], &["serve", "--address", "127.0.0.1:0"]] {
        let what = format!("plugin \"misbehave\": {} is not there {missing}", sandbox.text("plugins/libmisbehave.so"));
        sandbox.run_with(command, &[], "{}").refused(4, "artifact-missing", &[&what]);
    }
    std::fs::create_dir(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.run(&["lock"]).refused(
        4,
        "artifact-not-regular",
        &["is not a regular file: it is a folder (hint: name the .so file in it)"],
    );
    std::fs::remove_dir(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.write("plugins/libmisbehave.so", "#!/bin/sh\n");
    sandbox.run(&["lock"]).refused(
        4,
        "elf-foreign",
        &["plugin \"misbehave\": it is not an ELF file (hint: name a shared object"],
    );
    std::fs::remove_file(sandbox.path("plugins/libmisbehave.so")).unwrap();
    std::os::unix::fs::symlink("libecho.so", sandbox.path("plugins/libmisbehave.so")).unwrap();
    let hint = "(hint: put the file itself there, or name the place that the link leads to)";
    sandbox.run(&["verify"]).refused(4, "path-symlink", &["libmisbehave.so: a symbolic link stands in the path", hint]);
}

/// A crate without `crate-type = ["cdylib"]` builds without complaint, and there is no plugin.
#[test]
fn a_crate_that_makes_no_shared_object() {
    let sandbox = Sandbox::locked(&misbehaving());
    std::fs::remove_file(sandbox.path("plugins/libmisbehave.so")).unwrap();
    let rlib = Build::plugin("misbehave").path().with_extension("rlib");
    let mend = |archive: &str| {
        format!(
            "(hint: cargo made {} of the crate: write crate-type = [\"cdylib\", \"rlib\"] below [lib] in its Cargo.toml, and build again)",
            sandbox.text(archive)
        )
    };
    std::fs::copy(&rlib, sandbox.path("plugins/libmisbehave.rlib")).unwrap();
    for command in [&["lock"][..], &["verify"], &["invoke", "--event", "-"]] {
        let run = sandbox.run_with(command, &[], "{}");
        run.refused(4, "artifact-missing", &["libmisbehave.so is not there ", &mend("plugins/libmisbehave.rlib")]);
    }
    // Where cargo builds, beside the manifest.
    std::fs::create_dir_all(sandbox.path("target/debug")).unwrap();
    sandbox.write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    std::fs::rename(sandbox.path("plugins/libmisbehave.rlib"), sandbox.path("target/debug/libmisbehave.rlib")).unwrap();
    sandbox.run(&["lock"]).refused(4, "artifact-missing", &[&mend("target/debug/libmisbehave.rlib")]);
    let run = sandbox.run(&["lock", "--from", "target/debug"]);
    run.refused(2, "usage", &["--from: target/debug has none of the manifest's files", &mend("target/debug/libmisbehave.rlib")]);
    let run = sandbox.run(&["inspect", &sandbox.text("target/debug/libmisbehave.so")]);
    run.refused(4, "artifact-missing", &[&mend("target/debug/libmisbehave.rlib")]);
    // Named as the plugin.
    std::fs::copy(&rlib, sandbox.path("plugins/libmisbehave.so")).unwrap();
    for command in [&["lock"][..], &["inspect", "plugins/libmisbehave.so"]] {
        sandbox.run(command).refused(
            4,
            "elf-foreign",
            &["it is an archive: a static library or an rlib (hint: write crate-type = [\"cdylib\", \"rlib\"] below [lib]"],
        );
    }
}

#[test]
fn a_plugin_that_was_built_elsewhere_than_the_manifest_says() {
    let sandbox = Sandbox::locked(&misbehaving());
    std::fs::remove_file(sandbox.path("plugins/libmisbehave.so")).unwrap();
    sandbox.write("plugins/.keep", "");
    std::fs::create_dir(sandbox.path("target")).unwrap();
    sandbox.write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    sandbox.place("misbehave", "target/release/libmisbehave.so");
    let folder = sandbox.text("target/release");
    let hint = format!("(hint: it was built in {folder}: add --from {folder})");
    for command in [&["lock"][..], &["verify"], &["invoke", "--event", "-"], &["serve", "--address", "127.0.0.1:0"]] {
        sandbox.run_with(command, &[], "{}").refused(4, "artifact-missing", &[&hint]);
    }
    // The hint is right.
    sandbox.run(&["verify", "--from", &folder]).done();
    // A build of another profile than the locked one: the mend is the whole command.
    sandbox.patch("target/release/libmisbehave.so", |bytes| bytes.push(0));
    let run = sandbox.run(&["verify", "--manifest", "manifest.json", "--from", "target/release"]);
    let lock = "lambda-loader lock --manifest manifest.json --from target/release";
    run.refused(4, "digest-mismatch", &[&format!("ship the file that was locked, or run {lock} if this one is meant)")]);
    sandbox.run(&lock.split(' ').skip(1).collect::<Vec<_>>()).done();
    sandbox.run(&["verify", "--from", "target/release"]).done();
}

#[test]
fn mistakes_with_handlers_and_config() {
    #[track_caller]
    fn manifest(sandbox: &Sandbox, to: &str, config: serde_json::Value) {
        let manifest = serde_json::json!({
            "version": 1,
            "plugins": { "shop": { "path": "plugins/liborders.so", "config": config } },
            "routes": { "queue": { "source": "sqs", "to": to } },
        });
        sandbox.write("manifest.json", manifest.to_string());
        sandbox.run(&["lock"]).done();
    }
    let good = || serde_json::json!({ "table": "orders" });
    let sandbox = Sandbox::new("{}");
    sandbox.place("orders", "plugins/liborders.so");
    manifest(&sandbox, "shop", good());
    sandbox.run(&["verify"]).refused(
        5,
        "handler-missing",
        &["route \"queue\": it has 2 handlers, and none is named (hint: write one of them into `to`: \"shop.on_message\", \"shop.nightly\")"],
    );
    manifest(&sandbox, "shop.on_mesage", good());
    sandbox.run(&["verify"]).refused(
        5,
        "handler-missing",
        &["it has no handler \"on_mesage\" (hint: did you mean \"on_message\"; it has: on_message, nightly)"],
    );
    manifest(&sandbox, "shop.receive", good());
    sandbox.run(&["verify"]).refused(
        5,
        "handler-missing",
        &["it has no handler \"receive\" (hint: it has: on_message, nightly)"],
    );

    for (config, message) in [
        (
            serde_json::json!({ "tabel": "orders" }),
            "plugins.shop.config.tabel: unknown field `tabel`, expected `table` or `most_pieces`",
        ),
        (serde_json::json!({}), "plugins.shop.config: missing field `table`"),
        (serde_json::json!({ "table": 7 }), "plugins.shop.config.table: invalid type: integer"),
    ] {
        manifest(&sandbox, "shop.on_message", config);
        sandbox.run(&["verify"]).done();
        let run = sandbox.run(&["invoke", "--event", "manifest.json"]);
        run.refused(1, "start-failed", &["plugin \"shop\": ", message]);
    }

    // An event that the handler's type does not fit.
    manifest(&sandbox, "shop.on_message", good());
    let event = r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:q","body":7}]}"#;
    let run = sandbox.run_with(&["invoke", "--event", "-"], &[], event);
    let hint = "(hint: the handler takes another type of event: correct that type, the route or the event)";
    run.refused(1, "handler-failed", &["EventDecode: event: invalid type: integer", hint]);
    // An event that nobody takes.
    let run = sandbox.run_with(&["invoke", "--event", "-"], &[], "{}");
    run.refused(1, "no-route", &["no route takes this event of source direct (hint: give the manifest a route for this source"]);
}

#[test]
fn a_file_that_others_may_write_is_closed_by_the_command_in_the_message() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::locked(&misbehaving());
    let path = sandbox.path("plugins/libmisbehave.so");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
    let run = sandbox.run(&["verify"]);
    run.refused(4, "artifact-writable", &[&format!("(mode 664) (hint: run chmod go-w {})", path.display())]);
    assert!(std::process::Command::new("chmod").arg("go-w").arg(&path).status().unwrap().success());
    sandbox.run(&["verify"]).done();
}

#[test]
fn mistakes_with_serve() {
    let sandbox = Sandbox::locked(&misbehaving());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    sandbox.run(&["serve", "--address", &address]).refused(
        2,
        "usage",
        &[&format!("--address {address}: the port is in use by another process (hint: stop that process, give another port, or give port 0")],
    );
    for address in ["9000", "localhost", "127.0.0.1:99999"] {
        let message = format!("--address {address}: is not HOST:PORT (hint: such as 127.0.0.1:9000)");
        sandbox.run(&["serve", "--address", address]).refused(2, "usage", &[&message]);
    }
    sandbox.run(&["serve", "--bootstrap", "nowhere", "--address", "127.0.0.1:0"]).refused(
        2,
        "usage",
        &["nowhere: there is no bootstrap to run (hint: build it beside this program with cargo build --bin bootstrap"],
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
    let one = |name: &str| format!("(hint: {name} has to hold one JSON value, such as lambda-loader event SOURCE prints)");
    let none = |name: &str| format!("(hint: {name} is empty: put an event there, such as lambda-loader event SOURCE prints)");
    for command in ["route", "invoke"] {
        let run = |event: &str, input: &str| sandbox.run_with(&[command, "--event", event], &[], input);
        #[track_caller]
        fn check(run: crate::sandbox::Run, words: &[&str]) {
            assert_eq!(run.code, 1, "{run:?}");
            let line = run.err.lines().find(|line| line.starts_with("error[event-not-json]: ")).unwrap_or_default();
            assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {run:?}");
        }
        check(run("half.json", ""), &["not JSON at byte 13", &one("half.json")]);
        check(run("empty.json", ""), &["not JSON at byte 0", &none("empty.json")]);
        check(run("-", "nonsense"), &["not JSON at byte 0", &one("standard input")]);
        check(run("-", ""), &["not JSON at byte 0", &none("standard input")]);
        let run = run(r#"{"secret":1}"#, "");
        run.refused(2, "usage", &["--event: this is an event, and the path of a file is wanted (hint: give --event - and pipe"]);
        assert!(!run.err.contains("secret"), "{run:?}");
    }
    // The plugins are up by then, as under bootstrap; the event reaches none of them.
    let run = sandbox.run(&["invoke", "--event", "half.json"]);
    assert_eq!((run.code, &run.json()["errorType"]), (1, &"Runtime.LoaderEventNotJson".into()), "{run:?}");
    assert!(run.err.starts_with("error[event-not-json]: "), "{run:?}");
}
