//! Variables of the manifest and its settings.

use lambda_loader::Digest;
use serde_json::json;

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

#[test]
fn settings_win_over_the_environment_and_the_function_over_both_and_no_value_is_logged() {
    let settings = r#"{ "APP_B": "value-settings-b", "APP_C": "value-settings-c" }"#;
    let mut manifest = misbehave();
    manifest["allow"] = json!({ "environment": ["APP_*"] });
    manifest["environment"] = json!({ "APP_A": "value-manifest-a", "APP_B": "value-manifest-b", "APP_D": "value-manifest-d" });
    manifest["settings"] = json!({ "path": "settings.json", "sha256": Digest::of(settings.as_bytes()).to_string() });
    let folder = folder(&["misbehave", "echo"], manifest);
    std::fs::write(folder.path().join("settings.json"), settings).unwrap();
    let variables =
        [("APP_C", "value-function-c"), ("APP_D", ""), ("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let world = World::start(lambda(), folder, &variables);
    let names = json!(["APP_A", "APP_B", "APP_C", "APP_D", "APP_E"]);
    let found = world.reply(operation("variables", names));
    assert_eq!(found, json!(["value-manifest-a", "value-settings-b", "value-function-c", "", null]));
    lines::holding(&world.process, "answered in ");
    for value in ["value-manifest", "value-settings", "value-function"] {
        assert_eq!(lines::count(&world.process, value), 0, "{}", world.output());
    }
}

#[test]
fn the_stage_s_own_variables_are_set() {
    let mut manifest = misbehave();
    manifest["allow"] = json!({ "environment": ["APP_MODE"] });
    manifest["environment"] = json!({ "APP_MODE": "live" });
    manifest["stages"] = json!({ "dev": {}, "prod": { "environment": { "APP_MODE": "prod" } } });
    manifest["default_stage"] = "dev".into();
    let names = || operation("variables", json!(["APP_MODE"]));
    for (variables, expected) in [(&[][..], "live"), (&[("LOADER_STAGE", "prod")], "prod"), (&[("LOADER_STAGE", "")], "live")] {
        let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest.clone()), variables);
        assert_eq!(world.reply(names()), json!([expected]));
    }
}

#[test]
fn the_trace_id_is_never_a_variable() {
    let world = World::misbehave();
    for _ in 0..2 {
        assert_eq!(world.reply(operation("variables", json!(["_X_AMZN_TRACE_ID"]))), json!([null]));
    }
}
