//! `push`: what it uploads, in which order, and that functions and other clients can use it.

use std::process::Command;

use lambda_loader::local::Bootstrap;
use lambda_loader::{Architecture, Digest};
use serde_json::{Value, json};

use crate::pushing::{Desk, SETTING, TO};
use crate::server::{ACCESS_KEY, SECRET_KEY};
use crate::support::{self, client};
use crate::world::{World, operation, plugin, program};

/// A function with these lines of `push` for its variables, and the settings and plugins that they lead to.
#[track_caller]
fn starts(desk: &Desk, lines: &[&str]) {
    let mut variables = desk.server.variables();
    variables.push(("MISBEHAVE_MARK", desk.path("ran-in-the-function").display().to_string()));
    variables.push(("AWS_LAMBDA_FUNCTION_NAME", "orders-prod".to_owned()));
    let lines = lines.iter().map(|line| line.split_once('=').expect("a variable"));
    let all: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).chain(lines).collect();
    let lambda = support::lambda();
    let world = World { process: Bootstrap::spawn(&lambda, &program(), &all).expect("bootstrap-s3 starts"), lambda };
    world.answers();
    let names = json!(["APP_STAGE", "APP_SECRET"]);
    let found = world.reply(operation("variables", names)).to_string();
    assert!(found.contains("prod") && found.contains(SETTING), "{found}");
}

#[test]
fn what_a_stage_names_lies_under_keys_of_its_digests_and_the_manifest_comes_last() {
    let desk = Desk::new();
    let run = desk.push(&[]).done();
    let lines: Vec<&str> = run.out.lines().filter(|line| line.starts_with("LOADER_")).collect();
    let [manifest, pin] = lines.as_slice() else { panic!("{run:?}") };
    let (uri, pin) = (manifest.strip_prefix("LOADER_MANIFEST=").unwrap(), pin.strip_prefix("LOADER_MANIFEST_SHA256=").unwrap());
    assert_eq!(uri, format!("{TO}/prod/manifest-{pin}.json"));
    let bytes = desk.object(uri);
    assert_eq!(Digest::of(&bytes).to_string(), pin);
    let found: Value = serde_json::from_slice(&bytes).unwrap();
    let entry = |file: &str, folder: &str| {
        let digest = desk.digest(&format!("{folder}{file}"));
        json!({ "s3": format!("{TO}/sha256/{digest}/{file}"), "sha256": digest.to_string() })
    };
    let mut expected = desk.manifest.clone();
    let members = expected.as_object_mut().unwrap();
    members.remove("stages");
    members["allow"].as_object_mut().unwrap().remove("roots");
    members["plugins"]["misbehave"] = entry("libmisbehave.so", "plugins/");
    members["plugins"]["echo"] = entry("libecho.so", "plugins/");
    members["settings"] = entry("settings.json", "");
    members.insert("environment".to_owned(), json!({ "APP_STAGE": "prod" }));
    assert_eq!(found, expected);
    for entry in [&found["plugins"]["misbehave"], &found["plugins"]["echo"], &found["settings"]] {
        let bytes = desk.object(entry["s3"].as_str().unwrap());
        assert_eq!(Digest::of(&bytes).to_string(), entry["sha256"].as_str().unwrap());
    }
    // S3 was told to replace nothing and to keep no damaged bytes.
    let heads = desk.proxy.heads();
    let puts: Vec<_> = heads.iter().filter(|head| head.starts_with("put ")).collect();
    assert_eq!(puts.len(), 4, "{puts:?}");
    assert!(puts[3].contains("manifest-"), "{puts:?}");
    for put in puts {
        assert!(put.contains("\r\nif-none-match: *\r\n") && put.contains("\r\nx-amz-checksum-sha256: "), "{put}");
        assert!(!put.contains("x-amz-checksum-crc"), "{put}");
    }
    // The manifest of whoever pushes stays as it is.
    assert_eq!(std::fs::read(desk.path("manifest.json")).unwrap(), desk.manifest.to_string().as_bytes());
    starts(&desk, &lines);
}

#[test]
fn a_second_push_uploads_nothing_and_says_so_and_a_change_uploads_what_has_changed() {
    let mut desk = Desk::new();
    let first = desk.push(&[]).done();
    let puts = desk.count("PUT", "");
    let second = desk.push(&[]).done();
    assert_eq!(desk.count("PUT", ""), puts, "{:?}", desk.proxy.asked());
    assert_eq!(desk.count("GET", ""), 0, "what S3 says of the digests is enough: {:?}", desk.proxy.asked());
    assert!(second.out.contains("nothing to upload: all 4 objects are there\n"), "{second:?}");
    let variables = |out: &str| out.lines().filter(|line| line.starts_with("LOADER_")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(variables(&first.out), variables(&second.out));
    desk.manifest["serial"] = json!(8);
    let third = desk.push(&["--format", "json"]).done().json();
    assert_eq!(third["uploaded"], 1, "{third}");
    let states: Vec<_> = third["objects"].as_array().unwrap().iter().map(|object| object["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["there", "there", "there", "uploaded"], "{third}");
    // The manifest of before is still what a function was told to take.
    let lines = variables(&first.out);
    starts(&desk, &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_signed_push_is_believed_for_its_key_and_a_second_one_takes_the_signature_that_is_there() {
    let desk = Desk::new();
    desk.run(&["keygen", "--no-password"], &[]).done();
    let run = desk.push(&["--key", "manifest.key"]).done();
    let lines: Vec<&str> = run.out.lines().filter(|line| line.starts_with("LOADER_") && !line.contains("_SHA256=")).collect();
    assert!(lines.len() == 3 && lines[2] == "LOADER_MANIFEST_MIN_SERIAL=7", "{run:?}");
    // Whoever finds the manifest finds its signature.
    let asked = desk.proxy.asked();
    let puts: Vec<_> = asked.iter().filter(|asked| asked.starts_with("PUT ")).collect();
    assert!(puts[3].ends_with(".json.minisig") && puts[4].ends_with(".json"), "{puts:?}");
    starts(&desk, &lines);
    let before = puts.len();
    let again = desk.push(&["--key", "manifest.key"]).done();
    assert!(again.out.contains("nothing to upload: all 5 objects are there\n"), "{again:?}");
    assert_eq!(desk.count("PUT", ""), before);
    // Another key's signature would have to take the place of this one.
    desk.run(&["keygen", "--no-password", "--out", "other.key"], &[]).done();
    let other = desk.push(&["--key", "other.key"]);
    other.refused(
        3,
        "signature-invalid",
        &["signature: s3://artifacts/releases/prod/manifest-", "it is by another key", "raise `serial`"],
    );
    desk.push(&["--key", "none.key"]).refused(2, "usage", &["none.key"]);
    assert_eq!(desk.count("PUT", ""), before);
}

#[test]
fn a_dry_run_asks_and_uploads_nothing() {
    let desk = Desk::new();
    let run = desk.push(&["--dry-run"]).done();
    assert_eq!(run.out.lines().filter(|line| line.starts_with("missing   s3://artifacts/releases/")).count(), 4, "{run:?}");
    assert_eq!((desk.count("HEAD", ""), desk.count("PUT", "")), (4, 0));
    assert!(!desk.server.path("artifacts", "releases").exists());
}

#[test]
fn what_lies_in_s3_stays_where_it_is_unless_a_file_takes_its_place() {
    let mut desk = Desk::new();
    desk.server.put("artifacts", "libecho.so", &plugin("echo"));
    desk.manifest["plugins"]["echo"] = json!({ "s3": "s3://artifacts/libecho.so" });
    let found = desk.push(&["--format", "json"]).done().json();
    let manifest: Value = serde_json::from_slice(&desk.object(found["manifest"].as_str().unwrap())).unwrap();
    let digest = Digest::of(&plugin("echo")).to_string();
    assert_eq!(manifest["plugins"]["echo"], json!({ "s3": "s3://artifacts/libecho.so", "sha256": digest }));
    // A file from elsewhere takes its place, and goes where files go.
    let found = desk.push(&["--format", "json", "--from", "echo=plugins/libecho.so"]).done().json();
    let manifest: Value = serde_json::from_slice(&desk.object(found["manifest"].as_str().unwrap())).unwrap();
    assert_eq!(manifest["plugins"]["echo"]["s3"], format!("s3://artifacts/{}", desk.key("libecho.so")));
}

/// An x86-64 plugin as one for AArch64, as far as can be told without running it.
fn translated(mut bytes: Vec<u8>) -> Vec<u8> {
    let number = |bytes: &[u8], at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    // EM_AARCH64
    bytes[18] = 183;
    let (sections, count) = (number(&bytes, 40, 8), number(&bytes, 60, 2));
    for section in (0..count).map(|index| sections + index * 64) {
        // SHT_RELA
        if number(&bytes, section + 4, 4) != 4 {
            continue;
        }
        let (offset, size) = (number(&bytes, section + 24, 8), number(&bytes, section + 32, 8));
        for kind in (offset..offset + size).step_by(24).map(|entry| entry + 8) {
            let other: u32 = match number(&bytes, kind, 4) {
                1 => 257,
                6 => 1025,
                7 => 1026,
                8 => 1027,
                16 => 1028,
                17 => 1029,
                18 => 1030,
                other => panic!("a relocation of type {other}"),
            };
            bytes[kind..kind + 4].copy_from_slice(&other.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn each_architecture_that_has_all_files_gets_them_under_one_key_with_its_name() {
    if Architecture::HERE != Architecture::X86_64 {
        eprintln!("skipped: the other architecture's plugin is made of one for x86-64");
        return;
    }
    let mut desk = Desk::new();
    desk.manifest["plugins"] = json!({ "echo": { "path": "plugins/{arch}/libecho.so" } });
    desk.manifest["routes"].as_object_mut().unwrap().remove("variables");
    let (one, other) = (plugin("echo"), translated(plugin("echo")));
    for (name, bytes) in [("x86_64", &one), ("aarch64", &other)] {
        std::fs::create_dir(desk.path(&format!("plugins/{name}"))).unwrap();
        desk.file(&format!("plugins/{name}/libecho.so"), bytes);
    }
    let found = desk.push(&["--format", "json"]).done().json();
    assert_eq!(found["architectures"], json!(["x86_64", "aarch64"]));
    let manifest: Value = serde_json::from_slice(&desk.object(found["manifest"].as_str().unwrap())).unwrap();
    let (first, second) = (Digest::of(&one).to_string(), Digest::of(&other).to_string());
    let both = Digest::of(format!("{first}  x86_64\n{second}  aarch64\n").as_bytes());
    let uri = format!("{TO}/sha256/{both}/{{arch}}/libecho.so");
    assert_eq!(manifest["plugins"]["echo"], json!({ "s3": uri, "sha256": { "x86_64": first, "aarch64": second } }));
    assert!(desk.object(&uri.replace("{arch}", "x86_64")) == one && desk.object(&uri.replace("{arch}", "aarch64")) == other);
    // One that lacks a file is left out, with what it has.
    desk.manifest["plugins"]["misbehave"] = json!({ "path": "plugins/libmisbehave.so" });
    let run = desk.push(&["--format", "json"]).done();
    assert_eq!(run.json()["architectures"], json!(["x86_64"]));
    assert!(run.err.contains("warning: aarch64 is left out: misbehave has no file for it"), "{run:?}");
    let manifest: Value = serde_json::from_slice(&desk.object(run.json()["manifest"].as_str().unwrap())).unwrap();
    assert_eq!(manifest["plugins"]["echo"]["sha256"], first);
}

#[test]
fn the_aws_cli_reads_what_was_pushed() {
    let desk = Desk::new();
    let found = desk.push(&["--format", "json"]).done().json();
    let Some(aws) = client("aws", &["--version"]) else { return };
    let uri = found["manifest"].as_str().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&aws);
        command.args(arguments).args(["--endpoint-url", &format!("http://{}", desk.server.address)]);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY).env("AWS_REGION", "us-east-1");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE").current_dir(desk.folder.path());
        let output = command.output().expect("the AWS CLI runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    run(&["s3", "cp", uri, "read.json"]);
    assert_eq!(desk.digest("read.json").to_string(), found["sha256"].as_str().unwrap());
    let listed = run(&["s3", "ls", "--recursive", &format!("{TO}/sha256/")]);
    for (file, folder) in [("libecho.so", "plugins/"), ("libmisbehave.so", "plugins/"), ("settings.json", "")] {
        let key = format!("releases/sha256/{}/{file}", desk.digest(&format!("{folder}{file}")));
        assert!(listed.contains(&key), "no {key} in {listed}");
    }
    let key = desk.key("libecho.so");
    let head = run(&["s3api", "head-object", "--bucket", "artifacts", "--key", &key, "--checksum-mode", "ENABLED"]);
    let head: Value = serde_json::from_str(&head).unwrap();
    assert_eq!(head["ContentLength"], plugin("echo").len());
    assert!(head["ChecksumSHA256"].is_string(), "{head}");
}
