//! Settings from S3. That they become variables at all shows that no thread of the fetch is left.

use lambda_loader::{Code, Digest};
use serde_json::{Value, json};

use crate::proxy::{ALWAYS, Fault};
use crate::support::SOON;
use crate::world::{BUCKET, Scene, operation};

const URI: &str = "s3://artifacts/settings.json";

fn scene(settings: &str, entry: Value) -> Scene {
    let mut scene = Scene::new();
    scene.server.put(BUCKET, "settings.json", settings.as_bytes());
    scene.manifest["environment"] = json!({ "APP_A": "manifest", "APP_B": "manifest", "APP_C": "manifest" });
    scene.manifest["settings"] = entry;
    scene
}

#[track_caller]
fn variables(scene: &Scene) -> Value {
    scene.start().reply(operation("variables", json!(["APP_A", "APP_B", "APP_C", "APP_D"])))
}

#[test]
fn settings_win_over_the_manifest_and_the_function_over_both_unless_they_override() {
    let settings = r#"{ "APP_B": "settings", "APP_C": "settings", "APP_D": "settings" }"#;
    let digest = Digest::of(settings.as_bytes()).to_string();
    let function = |scene: Scene| scene.with("APP_A", "function").with("APP_C", "function").local();
    let plain = function(scene(settings, json!({ "s3": URI, "sha256": digest })));
    assert_eq!(variables(&plain), json!(["function", "settings", "function", "settings"]));
    let not = function(scene(settings, json!({ "s3": URI, "override": false })));
    assert_eq!(variables(&not), json!(["function", "settings", "function", "settings"]));
    let over = function(scene(settings, json!({ "s3": URI, "override": true })));
    assert_eq!(variables(&over), json!(["manifest", "settings", "settings", "settings"]));
}

#[test]
fn settings_that_are_missing_malformed_or_name_what_they_may_not_are_refused_without_a_value() {
    const SECRET: &str = "s3cr3t-value";
    let check = |settings: &str, code, words: &[&str]| {
        let scene = scene(settings, json!({ "s3": URI })).with("AWS_LAMBDA_LOG_LEVEL", "TRACE").local();
        scene.is_refused(code, words);
        let world = scene.start();
        assert!(world.process.wait_exit(SOON).is_some());
        assert!(!world.output().contains(SECRET), "{}", world.output());
    };
    check(r#"["s3cr3t-value"]"#, Code::SettingsInvalid, &["settings: not a JSON object"]);
    check(r#"{ "APP_A": ["s3cr3t-value"] }"#, Code::SettingsInvalid, &["the value of \"APP_A\" is not a string"]);
    check(r#"{ "APP_A": "s3cr3t-value", "#, Code::SettingsInvalid, &["not a JSON object (line 1"]);
    check(r#"{ "OTHER": "s3cr3t-value" }"#, Code::VariableNotAllowed, &["settings: the variable \"OTHER\" is not allowed"]);
    check(r#"{ "LD_PRELOAD": "s3cr3t-value" }"#, Code::VariableForbidden, &["\"LD_PRELOAD\" may never be set"]);
    scene("{}", json!({ "s3": "s3://artifacts/none.json" }))
        .local()
        .is_refused(Code::RemoteMissing, &["settings: s3://artifacts/none.json: S3 answered 404"]);
    scene("{}", json!({ "s3": URI, "sha256": "0".repeat(64) }))
        .local()
        .is_refused(Code::DigestMismatch, &["settings: digest mismatch"]);
    let endless = scene("{}", json!({ "s3": URI })).local();
    endless.proxy.on("settings.json", Fault::Endless, ALWAYS);
    endless.is_refused(Code::SettingsInvalid, &["settings: larger than 1 MiB"]);
}
