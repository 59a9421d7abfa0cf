//! Neither settings nor credentials enter the log, at any level.

use serde_json::json;

use crate::server::{ACCESS_KEY, SECRET_KEY};
use crate::support::SOON;
use crate::world::{BUCKET, Scene, operation};

#[test]
fn the_sdk_s_own_tracing_tells_nothing_even_at_trace() {
    const SECRET: &str = "s3cr3t-of-the-settings";
    let mut scene = Scene::new();
    scene.server.put(BUCKET, "settings.json", json!({ "APP_A": SECRET }).to_string().as_bytes());
    scene.manifest["settings"] = json!({ "s3": "s3://artifacts/settings.json" });
    let scene = scene.with("AWS_LAMBDA_LOG_LEVEL", "TRACE").with("RUST_LOG", "trace").with("AWS_SESSION_TOKEN", "s3cr3t-token");
    let scene = scene.local();
    let world = scene.start();
    assert_eq!(world.reply(operation("variables", json!(["APP_A"]))), json!([SECRET]));
    world.process.terminate();
    assert!(world.process.wait_exit(SOON).is_some());
    let output = world.output();
    assert!(output.contains("TRACE") || output.contains("DEBUG"), "the level has an effect\n{output}");
    for secret in [SECRET, SECRET_KEY, ACCESS_KEY, "s3cr3t-token", "Credential="] {
        assert!(!output.contains(secret), "{secret}\n{output}");
    }
}
