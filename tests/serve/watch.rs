//! `--watch`: what is rebuilt or edited runs soon, and what is half written never does.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::build::Build;
use crate::world::{Serve, folder, manifest, until};

/// A folder whose manifest has no digests.
fn unlocked() -> crate::support::folder::Folder {
    let mut folder = folder(manifest());
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.manifest()).unwrap()).unwrap();
    for plugin in manifest["plugins"].as_object_mut().unwrap().values_mut() {
        plugin.as_object_mut().unwrap().remove("sha256");
    }
    folder.write(manifest.to_string().as_bytes());
    folder
}

#[test]
fn what_is_missing_or_broken_at_the_start_is_waited_for() {
    let mut folder = unlocked();
    let whole = fs::read(folder.manifest()).unwrap();
    let plugin = folder.path().join("plugins/libecho.so");
    let built = fs::read(&plugin).unwrap();
    fs::remove_file(&plugin).unwrap();
    folder.write(b"{ \"version\": 1, ");
    let early = Serve::launch(folder, &["--watch"]);
    early.told(&["watch: error[manifest-syntax]"]);
    early.told(&["watch: nothing runs yet; it starts as soon as that is mended"]);
    fs::write(early.folder.manifest(), whole).unwrap();
    early.told(&["watch: error[artifact-missing]", "libecho.so", "build it"]);
    let (first, second) = built.split_at(built.len() / 2);
    fs::write(&plugin, first).unwrap();
    early.told(&["watch: error[elf-"]);
    fs::write(&plugin, [first, second].concat()).unwrap();
    early.serving().serves_on();
}

#[test]
fn a_signal_ends_the_wait_for_what_is_missing_and_leaves_nothing_behind() {
    let mut folder = unlocked();
    folder.write(b"{");
    let mut early = Serve::launch(folder, &["--watch"]);
    early.told(&["watch: nothing runs yet"]);
    early.interrupt();
    assert_eq!(early.exit_code(), Some(0), "{}", early.errors());
    let left: Vec<_> = fs::read_dir(early.folder.path().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_plugin_that_an_edited_manifest_names_before_it_is_built_runs_once_it_is() {
    let mut serve = Serve::start_in(unlocked(), &["--watch"]);
    serve.serves_on();
    let mut manifest: Value = serde_json::from_slice(&fs::read(serve.folder.manifest()).unwrap()).unwrap();
    manifest["plugins"]["late"] = json!({ "path": "plugins/late.so" });
    manifest["routes"]["late"] = json!({ "source": "operation", "name": "late", "to": "late" });
    serve.folder.write(manifest.to_string().as_bytes());
    serve.told(&["watch: error[artifact-missing]", "late.so"]);
    serve.serves_on();
    fs::copy(Build::plugin("orders").path(), serve.folder.path().join("plugins/late.so")).unwrap();
    serve.told(&["watch: error[", "late"]);
    fs::copy(Build::plugin("echo").path(), serve.folder.path().join("plugins/late.so")).unwrap();
    serve.told(&["watch: plugins.late is now", "starting again"]);
    let reply = || serve.operation("late", json!(7)).json();
    until("the new plugin", || (reply() == json!({ "operation": "late", "input": 7 })).then_some(()));
}

#[test]
fn an_edited_manifest_runs_at_once_and_is_left_as_it_is() {
    let mut serve = Serve::start_in(unlocked(), &["--watch"]);
    serve.told(&["--watch is for this machine only"]);
    serve.serves_on();
    let mut manifest: Value = serde_json::from_slice(&fs::read(serve.folder.manifest()).unwrap()).unwrap();
    manifest["routes"]["any"]["to"] = json!("misbehave.error");
    let text = manifest.to_string();
    serve.folder.write(text.as_bytes());
    until("the new route", || (serve.invoke("", "[1]").header("x-amz-function-error").is_some()).then_some(()));
    serve.told(&["watch: the manifest changed; starting again"]);
    assert_eq!(fs::read_to_string(serve.folder.manifest()).unwrap(), text);
    // A mistake is named, and what ran before goes on.
    serve.folder.write(b"{ \"version\": 1, ");
    serve.told(&["watch: error[manifest-syntax]"]);
    serve.told(&["what ran before goes on"]);
    assert_eq!(serve.operation("error", json!(null)).json()["errorType"], "OutOfStock");
}

#[test]
fn a_rebuilt_plugin_runs_when_it_is_complete_and_not_before() {
    let serve = Serve::start_in(unlocked(), &["--watch"]);
    serve.serves_on();
    let before = serve.bootstrap();
    let path = serve.folder.path().join("plugins/libecho.so");
    let mut bytes = fs::read(Build::plugin("echo").path()).unwrap();
    // Behind the last section: another file, the same code.
    bytes.extend_from_slice(&[0; 64]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    fs::write(&path, first).unwrap();
    // Longer than it takes to count as complete: then it is refused.
    serve.told(&["watch: error[", "echo"]);
    serve.serves_on();
    assert_eq!(serve.bootstrap(), before, "nothing was started again");
    let mut whole = first.to_vec();
    whole.extend_from_slice(second);
    fs::write(&path, whole).unwrap();
    let complete = Instant::now();
    serve.told(&["watch: plugins.echo is now", "starting again"]);
    until("another process", || (serve.bootstrap() != before).then_some(()));
    serve.serves_on();
    let took = complete.elapsed();
    eprintln!("from the complete file to the first reply: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
