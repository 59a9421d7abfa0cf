//! `--from` in all its forms.

use serde_json::json;

use crate::sandbox::Sandbox;

fn sandbox() -> Sandbox {
    let manifest = json!({
        "version": 1,
        "plugins": { "echo": { "path": "plugins/libecho.so" }, "orders": { "path": "plugins/liborders.so", "config": { "table": "t" } } },
        "routes": { "any": { "source": "direct", "to": "echo" }, "night": { "source": "schedule", "to": "orders.nightly" } },
    });
    let sandbox = Sandbox::locked(&manifest);
    sandbox.place("echo", "build/libecho.so");
    sandbox.place("orders", "build/liborders.so");
    sandbox
}

/// Name and path of all plugins that `verify` took.
fn taken(sandbox: &Sandbox, from: &[&str]) -> Vec<(String, String)> {
    let options = from.iter().flat_map(|from| ["--from", from]);
    let arguments: Vec<&str> = ["verify", "--format", "json"].into_iter().chain(options).collect();
    let run = sandbox.run(&arguments);
    let rows = run.done().json()["plugins"].as_array().unwrap().clone();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "name"), text(row, "path"))).collect()
}

#[test]
fn artifacts_come_from_a_folder_a_file_or_both() {
    let sandbox = sandbox();
    let expect =
        |echo: &str, orders: &str| vec![("echo".to_owned(), sandbox.text(echo)), ("orders".to_owned(), sandbox.text(orders))];
    sandbox.place("echo", "renamed.so");
    sandbox.place("echo", "a=b/libecho.so");
    assert_eq!(taken(&sandbox, &[]), expect("plugins/libecho.so", "plugins/liborders.so"));
    assert_eq!(taken(&sandbox, &["build"]), expect("build/libecho.so", "build/liborders.so"));
    assert_eq!(taken(&sandbox, &["build/../build/", "build"]), expect("build/libecho.so", "build/liborders.so"));
    assert_eq!(taken(&sandbox, &["echo=renamed.so"]), expect("renamed.so", "plugins/liborders.so"));
    assert_eq!(taken(&sandbox, &["build", "echo=renamed.so"]), expect("renamed.so", "build/liborders.so"));
    assert_eq!(taken(&sandbox, &["./a=b"]), expect("a=b/libecho.so", "plugins/liborders.so"));
    // The caller chose the file, so a link to it will do.
    std::os::unix::fs::symlink(sandbox.path("build"), sandbox.path("link")).unwrap();
    assert_eq!(taken(&sandbox, &["link"]), expect("build/libecho.so", "build/liborders.so"));
}

#[test]
fn the_digest_still_decides() {
    let sandbox = sandbox();
    let run = sandbox.run(&["verify", "--from", "echo=build/liborders.so"]);
    run.refused(4, "digest-mismatch", &["plugin \"echo\" from ", "/build/liborders.so: "]);
    assert!(run.out.contains("refused plugin echo  ") && run.out.contains("ok      plugin orders  "), "{run:?}");
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_that_says_what_to_write() {
    let sandbox = sandbox();
    sandbox.place("echo", "other/libecho.so");
    #[track_caller]
    fn check(sandbox: &Sandbox, from: &[&str], message: &str) {
        let options: Vec<&str> = from.iter().flat_map(|from| ["--from", from]).collect();
        sandbox.write("event.json", "{}");
        for command in [&["verify"][..], &["lock"], &["invoke", "--event", "event.json"]] {
            let run = sandbox.run(&[command, &options].concat());
            assert_eq!((run.code, run.err.as_str()), (2, format!("error[usage]: --from: {message}\n").as_str()), "{command:?}");
            assert_eq!((run.out.as_str(), run.plugin_ran), ("", false));
        }
    }
    let (build, other) = (sandbox.text("build/libecho.so"), sandbox.text("other/libecho.so"));
    let twice = |first: &str, second: &str| {
        format!(
            "plugin \"echo\" is found twice: {first} and {second} (hint: name the one that is meant, and only that: --from echo=FILE)"
        )
    };
    check(&sandbox, &["build", "other"], &twice(&build, &other));
    check(&sandbox, &["echo=build/libecho.so", "echo=other/libecho.so"], &twice(&build, &other));
    check(&sandbox, &["eco=build/libecho.so"], "the manifest has no plugin or library \"eco\" (hint: is \"echo\" meant)");
    check(
        &sandbox,
        &["web=build/libecho.so"],
        "the manifest has no plugin or library \"web\" (hint: it has \"echo\", \"orders\")",
    );
    check(&sandbox, &["echo=build"], "echo=build names a folder (hint: give the file, or the folder without the name)");
    check(&sandbox, &["build/libecho.so"], "build/libecho.so is not a folder (hint: give a folder, or NAME=FILE)");
    check(
        &sandbox,
        &["nowhere"],
        "\"nowhere\": no such file or directory (os error 2) (hint: build it first, or correct the path)",
    );
    check(&sandbox, &["echo="], "\"\": no such file or directory (os error 2) (hint: build it first, or correct the path)");
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    check(
        &sandbox,
        &["empty"],
        "empty has none of the manifest's files (hint: build them first, correct the folder, or name the file: --from NAME=FILE)",
    );
}

#[test]
fn an_s3_artifact_comes_from_a_file_where_it_is_told_to() {
    let manifest = json!({
        "version": 1, "allow": { "buckets": ["bucket"] },
        "plugins": { "echo": { "s3": "s3://bucket/web/libecho.so?versionId=1" } },
        "routes": { "any": { "source": "direct", "to": "echo" } },
    });
    let sandbox = Sandbox::new(&manifest.to_string());
    sandbox.place("echo", "build/libecho.so");
    // As on a machine where nobody has signed in.
    let nobody = [("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nowhere")];
    let refused = |arguments: &[&str], words: &[&str]| {
        sandbox.run_with(arguments, &nobody, "").refused(6, "remote-not-configured", words);
    };
    refused(&["lock"], &["plugin \"echo\": nothing says in which region S3 is to be asked (hint: set AWS_REGION"]);
    assert_eq!(sandbox.read("manifest.json"), manifest.to_string(), "nothing is written");
    for from in ["build", "echo=build/libecho.so"] {
        sandbox.write("manifest.json", manifest.to_string());
        sandbox.run(&["lock", "--from", from]).done();
        assert!(sandbox.read("manifest.json").contains(&sandbox.digest("build/libecho.so")));
    }
    let run = sandbox.run_with(&["invoke", "--from", "build", "--event", "-"], &[], "{\"a\":1}");
    assert_eq!((run.code, run.out.as_str()), (0, "{\"a\":1}\n"));
    refused(&["verify"], &["plugin \"echo\": "]);
    refused(&["lock", "--check"], &[]);
}
