//! `package`: what is written, in the eyes of Python and cfn-lint, and what is refused before anything is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, misbehaving};
use crate::support::client;

const FILES: [&str; 3] = ["function.zip", "layer.zip", "template.yaml"];

/// Two stages, of which one takes another plugin.
fn staged() -> Value {
    let mut manifest = misbehaving();
    manifest["functions"] = json!(["orders-*"]);
    manifest["default_stage"] = json!("dev");
    manifest["stages"] = json!({ "dev": {}, "prod": { "plugins": { "echo": { "path": "plugins/other/libecho.so" } } } });
    manifest
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(&staged().to_string());
    sandbox.place("echo", "plugins/other/libecho.so");
    // Another file of the same plugin.
    sandbox.patch("plugins/other/libecho.so", |bytes| bytes.push(0));
    sandbox
}

#[track_caller]
fn nothing_written(sandbox: &Sandbox) {
    assert!(!sandbox.path("out").exists());
}

#[test]
fn the_same_input_is_the_same_bytes_in_another_folder_with_other_times_and_permissions() {
    let (one, other) = (sandbox(), sandbox());
    for file in ["plugins/libecho.so", "plugins/libmisbehave.so", "plugins/other/libecho.so", "manifest.json"] {
        let opened = fs::File::options().write(true).open(other.path(file)).unwrap();
        opened.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
        fs::set_permissions(other.path(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let packed = one.run(&["package", "--out", "out"]);
    assert!(!packed.done().plugin_ran);
    other.run(&["package", "--out", "elsewhere/deep"]).done();
    for file in FILES {
        let bytes = |sandbox: &Sandbox, folder: &str| fs::read(sandbox.path(&format!("{folder}/{file}"))).unwrap();
        assert!(bytes(&one, "out") == bytes(&other, "elsewhere/deep"), "{file}");
    }
    // The manifest stays as it is.
    assert_eq!(one.read("manifest.json"), staged().to_string());
}

#[test]
fn python_finds_the_files_with_their_bytes_without_times_and_readable() {
    let sandbox = sandbox();
    let packed = sandbox.run(&["package", "--out", "out", "--format", "json"]);
    let packed = packed.done().json();
    let script = r#"
import hashlib, json, sys, zipfile
for file in ("function.zip", "layer.zip"):
    archive = zipfile.ZipFile("out/" + file)
    assert archive.testzip() is None
    for entry in archive.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0), entry
        print(file, entry.filename, oct(entry.external_attr >> 16 & 0o777), hashlib.sha256(archive.read(entry)).hexdigest())
"#;
    let output = Command::new("python3").args(["-c", script]).current_dir(sandbox.path("")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let digest = |file: &str| sandbox.digest(file);
    let bootstrap = lambda_loader::Digest::of(&fs::read(env!("CARGO_BIN_EXE_bootstrap")).unwrap());
    let expected = [
        format!("function.zip bootstrap 0o755 {bootstrap}"),
        format!("layer.zip loader/manifest.json 0o644 {}", packed["sha256"].as_str().unwrap()),
        format!("layer.zip loader/plugins/libecho.so 0o644 {}", digest("plugins/libecho.so")),
        format!("layer.zip loader/plugins/libmisbehave.so 0o644 {}", digest("plugins/libmisbehave.so")),
        format!("layer.zip loader/plugins/other/libecho.so 0o644 {}", digest("plugins/other/libecho.so")),
    ];
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn cfn_lint_accepts_the_template() {
    let sandbox = sandbox();
    sandbox.run(&["package", "--out", "out", "--env", "APP_MODE=a: \"b\""]).done();
    let template = sandbox.read("out/template.yaml");
    for line in ["AllowedValues: [\"dev\", \"prod\"]", "FunctionName: !Sub \"orders-${Stage}\"", "LOADER_STAGE: !Ref Stage"] {
        assert!(template.contains(line), "no {line}: {template}");
    }
    let Some(lint) = client("cfn-lint", &["--version"]) else { return };
    let output = Command::new(lint).args(["--", "out/template.yaml"]).current_dir(sandbox.path("")).output().unwrap();
    assert!(output.status.success(), "{}{template}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_lambda_would_not_run_or_take_is_refused_before_anything_is_written() {
    let sandbox = sandbox();
    let run = |more: &[&str]| sandbox.run(&[&["package", "--out", "out"], more].concat());
    run(&["--glibc", "2.2"]).refused(4, "glibc-version-missing", &["bootstrap", "it is to run with glibc 2.2"]);
    run(&["--bootstrap", "plugins/none"]).refused(2, "usage", &["there is no bootstrap to pack"]);
    let big = format!("BIG={}", "x".repeat(4096));
    run(&["--env", &big]).refused(2, "usage", &["Lambda has room for 4096"]);
    let plugin = fs::File::options().write(true).open(sandbox.path("plugins/other/libecho.so")).unwrap();
    plugin.set_len(250 << 20).unwrap();
    run(&[]).refused(4, "package-too-large", &["Lambda takes 262144000"]);
    sandbox.make_foreign("plugins/libecho.so");
    run(&[]).refused(4, "elf-foreign", &["plugin \"echo\"", "it is for "]);
    nothing_written(&sandbox);
}

#[test]
fn a_file_that_is_not_the_one_that_was_locked_is_not_packed() {
    let sandbox = sandbox();
    sandbox.run(&["lock"]).done();
    sandbox.patch("plugins/other/libecho.so", |bytes| bytes.push(0));
    let words =
        ["plugins.echo: the file's SHA-256 for ", ", and the manifest's is ", "run lambda-loader lock if this one is meant"];
    sandbox.run(&["package", "--out", "out"]).refused(4, "digest-stale", &words);
    nothing_written(&sandbox);
    sandbox.run(&["lock"]).done();
    sandbox.run(&["package", "--out", "out"]).done();
}

#[test]
fn a_signature_is_packed_with_the_manifest_that_it_is_of_and_no_other() {
    let sandbox = Sandbox::new(&staged().to_string());
    sandbox.place("echo", "plugins/other/libecho.so");
    sandbox.run(&["lock"]).done();
    let made = sandbox.run(&["keygen", "--no-password", "--format", "json"]);
    let key = made.done().json()["key"].as_str().unwrap().to_owned();
    sandbox.run(&["sign"]).done();
    sandbox.run(&["package", "--out", "out"]).refused(2, "usage", &["not the key to check it with"]);
    let with_key = |more: &[&str]| {
        sandbox.run_with(&[&["package", "--out", "out", "--format", "text"], more].concat(), &[("LOADER_MANIFEST_KEY", &key)], "")
    };
    with_key(&["--stage", "prod"]).refused(3, "signature-invalid", &["packed is one of them"]);
    nothing_written(&sandbox);
    with_key(&[]).done();
    assert!(sandbox.read("out/template.yaml").contains(&format!("LOADER_MANIFEST_KEY: \"{key}\"")));
    let list = Command::new("python3").args(["-m", "zipfile", "-l"]).arg(sandbox.path("out/layer.zip")).output().unwrap();
    assert!(String::from_utf8(list.stdout).unwrap().contains("loader/manifest.json.minisig"));
}

/// Mounts as Lambda has them, then a user without rights; `$1` is the folder that was unpacked.
const LAMBDA: &str = r#"
set -e
mount -t tmpfs tmpfs /var
mkdir /var/task
mount --bind "$1/function" /var/task && mount -o remount,bind,ro /var/task
mount --bind "$1/layer" /opt && mount -o remount,bind,ro /opt
exec unshare --user --map-user=1234 --map-group=1234 /var/task/bootstrap
"#;

#[test]
fn the_package_unpacked_as_lambda_does_starts_and_answers() {
    let may = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !may("unshare", &["-r", "-m", "true"]) || !may("unzip", &["-v"]) {
        eprintln!("skipped: user and mount namespaces and unzip are not all to be had here");
        return;
    }
    let sandbox = sandbox();
    let packed = sandbox.run(&["package", "--out", "out", "--format", "json"]);
    let pin = packed.done().json()["sha256"].as_str().unwrap().to_owned();
    for name in ["function", "layer"] {
        let unpacked =
            Command::new("unzip").args(["-q", &format!("out/{name}.zip"), "-d", name]).current_dir(sandbox.path("")).status();
        assert!(unpacked.unwrap().success());
    }
    let lambda = lambda_loader::local::Lambda::start(lambda_loader::local::Options::default()).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "sh", "-c", LAMBDA, "sh"]).arg(sandbox.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    let name = "orders-prod";
    let variables = [("LOADER_STAGE", "prod"), ("LOADER_MANIFEST_SHA256", &pin), ("LAMBDA_TASK_ROOT", "/var/task")];
    command.envs(variables).env("AWS_LAMBDA_FUNCTION_NAME", name).env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").env("AWS_LAMBDA_RUNTIME_API", lambda.address().to_string());
    let mut child = command.spawn().unwrap();
    let answer = lambda.invoke(r#"{"hello":"world"}"#).wait(crate::support::SOON);
    child.kill().unwrap();
    child.wait().unwrap();
    match answer.expect("an answer").kind {
        lambda_loader::local::Kind::Response(response) => assert_eq!(response.body, r#"{"hello":"world"}"#),
        other => panic!("{other:?}"),
    }
}
