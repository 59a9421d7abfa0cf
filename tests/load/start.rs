//! What a real start says of itself.

use lambda_loader::Code;
use serde_json::{Value, json};

use crate::c;
use crate::check::bootstrap_refuses;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

#[test]
fn the_start_line_tells_how_each_file_is_held_and_found_and_where_it_lay() {
    let folder = Folder::new(&[("echo", &Build::plugin("echo").path())], json!({ "routes": {} }));
    let lambda = lambda();
    let process = bootstrap(&lambda, &folder, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]);
    let line = process.wait_for_line(|line| line.contains("\"artifacts\""), SOON);
    let line: Value = serde_json::from_str(&line.unwrap_or_else(|| panic!("{}", output(&process))).text).unwrap();
    let fields = line.pointer("/fields").unwrap_or(&line);
    let held = &fields["artifacts"][0];
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.manifest()).unwrap()).unwrap();
    let digest = manifest["plugins"]["echo"]["sha256"].as_str().unwrap();
    let (name, prefix) = held["file"].as_str().unwrap().split_once('@').unwrap();
    assert_eq!(name, "echo");
    assert!(prefix.len() >= 8 && digest.starts_with(prefix), "{held}");
    assert_eq!((&held["held"], &held["lookup"]), (&json!("sealed"), &json!("openat2")), "{line}");
    let mount = held["mount"].as_str().unwrap();
    assert!(!mount.is_empty() && !mount.contains("read-only"), "a folder that could be written: {mount}");
    assert_eq!(fields["uid"], rustix::process::geteuid().as_raw());
    assert_eq!(fields["manifest"], folder.manifest().to_str().unwrap());
}

/// What a start brings in has run before anybody can look; it is found and named all the same, and no event follows.
#[test]
fn a_start_that_opens_an_unverified_library_is_found_out() {
    let files = tempfile::tempdir().unwrap();
    let library = c::shared(files.path(), "libbrought.so", c::MARK, &[]);
    let (at, plugin) = (library.to_str().unwrap(), Build::plugin("misbehave").path());
    let manifest = json!({ "plugins": { "odd": { "config": { "start": "open", "at": at } } } });
    let folder = Folder::new(&[("odd", &plugin)], manifest.clone());
    let words = ["plugin \"odd\": its start mapped", at, "which was not verified"];
    bootstrap_refuses(&folder, &plugin, Code::LoadForeignObject, &words, Some("code ran"));
    // At first use: the event fails, and no other is asked for, though a second start would find all there already.
    let mut late = manifest;
    late["plugins"]["odd"]["load"] = json!("first-use");
    late["routes"] = json!({ "odd": { "source": "direct", "to": "odd.spawn" } });
    let (lambda_late, folder) = (lambda(), Folder::new(&[("odd", &plugin)], late));
    let process = bootstrap(&lambda_late, &folder, &[]);
    let answer = lambda_late.invoke("{}").wait(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    let (error_type, body) = answer.error().unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(error_type, Some(Code::LoadForeignObject.error_type()), "{}", output(&process));
    assert!(String::from_utf8_lossy(body).contains("its start mapped"), "{answer:?}");
    let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    assert_eq!(status.code(), Some(Code::LoadForeignObject.class().exit().into()), "{}", output(&process));
    assert_eq!(lambda_late.polled().count, 1, "no event was asked for after that");
    // One of the system's is nobody's harm.
    let manifest = json!({ "plugins": { "odd": { "config": { "start": "open", "at": "libutil.so.1" } } } });
    let (lambda, folder) = (lambda(), Folder::new(&[("odd", &plugin)], manifest));
    let process = bootstrap(&lambda, &folder, &[]);
    assert!(lambda.wait_polled(1, SOON).is_some(), "{}", output(&process));
}
