//! The tool before S3: what is deployed is checked from where people are.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use lambda_loader::Digest;
use serde_json::{Value, json};

use crate::proxy::{ALWAYS, Fault};
use crate::world::{BUCKET, Scene, plugin};

const MANIFEST: &str = "s3://artifacts/release/manifest.json";

/// Runs the tool with a person's variables.
fn run(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
    command.args(arguments).current_dir(scene.folder.path()).env_clear().envs(scene.variables()).stdin(Stdio::null());
    let output = command.env_remove("LOADER_MANIFEST").env("AWS_EC2_METADATA_DISABLED", "true").output().expect("the tool runs");
    assert!(!scene.mark().exists() || arguments[0] == "invoke", "plugin code ran: {output:?}");
    output
}

#[track_caller]
fn done(scene: &Scene, arguments: &[&str]) -> String {
    let output = run(scene, arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], exit: i32, words: &[&str]) {
    let output = run(scene, arguments);
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    words.iter().for_each(|word| assert!(said.contains(word), "no {word:?} in {said}"));
}

#[test]
fn verify_checks_a_deployed_manifest_and_all_that_it_names() {
    let scene = Scene::new().remote();
    for arguments in [&["verify", MANIFEST][..], &["verify", "--manifest", MANIFEST]] {
        let out = done(&scene, arguments);
        assert!(
            out.contains("ok      plugin misbehave  ") && out.contains("  s3://artifacts/libecho.so  handlers echo"),
            "{out}"
        );
    }
    let output = run(&scene, &["verify", MANIFEST, "--manifest", MANIFEST]);
    assert_eq!(output.status.code(), Some(2), "one of the two: {output:?}");
    // Every artifact is looked at, whatever becomes of the first.
    scene.proxy.on("libecho.so", Fault::Status(403, "AccessDenied", String::new()), ALWAYS);
    let output = run(&scene, &["verify", MANIFEST, "--format", "json"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["plugins"][0]["error"]["code"], "remote-denied", "{found}");
    assert_eq!(
        (&found["plugins"][1]["ok"], &found["plugins"][1]["path"]),
        (&json!(true), &json!("s3://artifacts/libmisbehave.so"))
    );
    // What bootstrap would not believe is no more believed here.
    refused(&scene, &["verify", MANIFEST, "--bootstrap"], 3, &["error[manifest-untrusted]", MANIFEST]);
    refused(&scene, &["verify", "s3://artifacts/none.json"], 6, &["error[remote-missing]", "S3 answered 404"]);
}

#[test]
fn show_route_and_diff_read_a_manifest_in_s3() {
    let scene = Scene::new().remote();
    assert!(done(&scene, &["show", "--manifest", MANIFEST]).contains("s3://artifacts/libecho.so"));
    std::fs::write(scene.folder.path().join("event.json"), r#"{"operation":"echo"}"#).unwrap();
    let routed = done(&scene, &["route", "--manifest", MANIFEST, "--event", "event.json", "--format", "json"]);
    assert!(routed.contains("\"plugin\": \"echo\""), "{routed}");
    let mut other = scene.manifest.clone();
    other["plugins"]["echo"]["sha256"] = "0".repeat(64).into();
    std::fs::write(scene.folder.path().join("other.json"), other.to_string()).unwrap();
    let changes = done(&scene, &["diff", MANIFEST, "other.json"]);
    assert!(changes.contains("echo") && !changes.contains("misbehave"), "{changes}");
}

#[test]
fn invoke_runs_what_lies_in_s3() {
    let scene = Scene::new().remote();
    std::fs::write(scene.folder.path().join("event.json"), r#"{"operation":"echo","input":7}"#).unwrap();
    let reply = done(&scene, &["invoke", "--manifest", MANIFEST, "--event", "event.json"]);
    assert_eq!(serde_json::from_str::<Value>(&reply).unwrap()["input"], 7);
}

#[test]
fn serve_copies_what_it_fetches_for_the_program_without_s3() {
    let scene = Scene::new().remote();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
    command.args(["serve", "--address", "127.0.0.1:0", "--manifest", MANIFEST, "--bootstrap", env!("CARGO_BIN_EXE_bootstrap")]);
    command.env_clear().envs(scene.variables()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut served = command.spawn().expect("the tool runs");
    let mut lines = BufReader::new(served.stdout.take().unwrap()).lines();
    let first = lines.next().expect("a line").unwrap();
    let address = first.split_once("http://").expect("an address").1.split(['"', ',', ' ']).next().unwrap().to_owned();
    let event = r#"{"operation":"echo","input":7}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nhost: x\r\nconnection: close";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{event}", event.len()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with(event), "{reply}");
    let pid = rustix::process::Pid::from_child(&served);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(served.wait().unwrap().success());
}

#[test]
fn lock_takes_digests_from_s3_and_writes_none_there() {
    let scene = Scene::new().remote();
    let mut open = scene.manifest.clone();
    for name in ["echo", "misbehave"] {
        open["plugins"][name].as_object_mut().unwrap().remove("sha256");
    }
    let file = scene.folder.path().join("manifest.json");
    std::fs::write(&file, open.to_string()).unwrap();
    done(&scene, &["lock"]);
    let locked: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(locked, scene.manifest);
    assert_eq!(scene.proxy.asked().len(), 2, "each object once, for both architectures: {:?}", scene.proxy.asked());
    done(&scene, &["lock", "--check", "--manifest", MANIFEST]);
    refused(&scene, &["lock", "--manifest", MANIFEST], 2, &["lock needs the manifest as a file", "upload it again"]);
    refused(&scene, &["sign", "--manifest", MANIFEST, "--key", "none"], 2, &["sign needs the manifest as a file"]);
    scene.proxy.on("libecho.so", Fault::Status(404, "NoSuchKey", String::new()), ALWAYS);
    refused(&scene, &["lock"], 6, &["error[remote-missing]: plugin \"echo\": s3://artifacts/libecho.so"]);
}

#[test]
fn a_file_takes_the_place_of_an_object() {
    let scene = Scene::new().remote();
    scene.proxy.on(".so", Fault::Status(403, "AccessDenied", String::new()), ALWAYS);
    for name in ["echo", "misbehave"] {
        std::fs::write(scene.folder.path().join(format!("lib{name}.so")), plugin(name)).unwrap();
    }
    done(&scene, &["verify", MANIFEST, "--from", "."]);
    assert_eq!(scene.proxy.asked(), ["GET /artifacts/release/manifest.json"]);
}

#[test]
fn package_packs_the_program_that_fetches_where_something_has_to_be_fetched() {
    let packed = |scene: &Scene, more: &[&str]| {
        std::fs::write(scene.folder.path().join("manifest.json"), scene.manifest.to_string()).unwrap();
        done(scene, &[&["package", "--out", "out"], more].concat());
        let script =
            "import hashlib, zipfile; print(hashlib.sha256(zipfile.ZipFile('out/function.zip').read('bootstrap')).hexdigest())";
        let output = Command::new("python3").args(["-c", script]).current_dir(scene.folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let program = |path: &str| Digest::of(&std::fs::read(path).unwrap()).to_string();
    let (lean, fetching) = (program(env!("CARGO_BIN_EXE_bootstrap")), program(env!("CARGO_BIN_EXE_bootstrap-s3")));
    let mut scene = Scene::new();
    assert_eq!(packed(&scene, &[]), fetching);
    let template = || std::fs::read_to_string(scene.folder.path().join("out/template.yaml")).unwrap();
    assert!(template().contains("- !Sub \"arn:${AWS::Partition}:s3:::artifacts/*\""), "{}", template());
    if let Some(lint) = crate::support::client("cfn-lint", &["--version"]) {
        let output = Command::new(lint).args(["--", "out/template.yaml"]).current_dir(scene.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), template());
    }
    let bytes = plugin("echo");
    std::fs::write(scene.folder.path().join("libecho.so"), &bytes).unwrap();
    scene.manifest["plugins"] = json!({ "echo": { "path": "libecho.so" } });
    scene.manifest["routes"] = json!({ "echo": { "source": "operation", "name": "echo", "to": "echo" } });
    assert_eq!(packed(&scene, &[]), lean);
    assert_eq!(packed(&scene, &["--s3"]), fetching);
    // Settings of one stage are enough.
    scene.server.put(BUCKET, "settings.json", b"{}");
    scene.manifest["stages"] = json!({ "dev": {}, "prod": { "settings": { "s3": "s3://artifacts/settings.json" } } });
    scene.manifest["default_stage"] = "dev".into();
    assert_eq!(packed(&scene, &[]), fetching);
}
