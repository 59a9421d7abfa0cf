//! What a real start says of itself.

use serde_json::{Value, json};

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
