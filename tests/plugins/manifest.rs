//! `plugins/manifest.json`, as it is: every example plugin in one process.

use std::path::Path;

use serde_json::{Value, json};

use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder, operation};

fn manifest() -> Value {
    serde_json::from_str(include_str!("../../plugins/manifest.json")).unwrap()
}

#[test]
fn the_manifest_has_every_plugin_but_the_one_that_misbehaves() {
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins")).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let mut folders: Vec<_> = folders.filter(|name| name != "misbehave").collect();
    folders.sort();
    let manifest = manifest();
    let plugins: Vec<_> = manifest["plugins"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(plugins, folders);
}

/// All of them in one process. What they write goes to `files`.
pub(crate) fn world(files: &Path) -> World {
    let mut manifest = manifest();
    let mut names = Vec::new();
    for (name, entry) in manifest["plugins"].as_object_mut().unwrap() {
        names.push(name.clone());
        // Here they lie in a folder of their own.
        let path = entry.as_object_mut().unwrap().remove("path").unwrap();
        assert_eq!(path, format!("lib{}.so", name.replace('-', "_")));
    }
    // Of the configuration only what would leave this machine or this test.
    manifest["plugins"]["background"]["config"]["file"] = files.join("records").to_str().into();
    manifest["plugins"]["deferred"]["config"]["receipts"] = files.to_str().into();
    manifest["plugins"]["fetch"]["config"]["base"] = "http://127.0.0.1:1".into();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    World::start(lambda(), folder(&names, manifest), &[])
}

#[test]
fn all_of_them_run_side_by_side() {
    let files = tempfile::tempdir().unwrap();
    let world = world(files.path());

    let failed = world.reply(sample("sqs-event"));
    assert_eq!(failed, json!({ "batchItemFailures": [{ "itemIdentifier": "MessageID_1" }] }));
    assert_eq!(world.reply(sample("eventbridge-schedule")), json!({ "table": "orders-dev", "accepted": 0 }));
    let page = world.reply(sample("apigw-v2-request-no-authorizer"));
    assert!(page["body"].as_str().is_some_and(|body| body.starts_with("<h1>good day</h1>")), "{page}");
    assert_eq!(world.reply(operation("sweep", Value::Null)), 0);
    assert_eq!(world.reply(operation("record", json!(1))), "queued");
    assert_eq!(world.reply(operation("receipt", json!({ "id": 7 }))), Value::Null);
    let [_, _, message] = world.error(operation("fetch", json!({ "path": "/" })));
    assert!(message.contains("Connection refused"), "{message}");
    let topic = sample("sns-event");
    assert_eq!(world.response(topic.clone()).body, topic);
    assert_eq!(world.reply(r#"{"hello":"world"}"#), json!({ "hello": "world" }));
}
