//! A start that does not come to its end. Lambda sets its limit (10 s for a function on demand, more with provisioned concurrency)
//! and says only that it was exceeded; the log says whose start it is.

use std::time::Duration;

use serde_json::json;

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

#[test]
fn a_start_that_hangs_is_named_and_left_to_lambda_s_own_limit() {
    let mut manifest = misbehave();
    manifest["plugins"]["misbehave"]["config"] = json!({ "start": "hang" });
    let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]);
    lines::line_of(&world.process, &[" DEBUG ", "plugin \"misbehave\": start"]);
    lines::line_of(&world.process, &[" WARN ", "plugin \"misbehave\": its start takes more than 3 s"]);
    assert_eq!(world.process.wait_exit(Duration::ZERO), None);
    assert_eq!((world.lambda.polled().count, world.lambda.init_error(Duration::ZERO)), (0, None));
    // What Lambda's shutdown does to it.
    world.process.terminate();
    assert_eq!(world.exit_code(), None, "ended by the signal");
}

#[test]
fn a_start_that_takes_its_time_is_waited_for() {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("ready");
    let mut manifest = misbehave();
    manifest["plugins"]["misbehave"]["config"] = json!({ "start": "wait", "at": path.to_str() });
    let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[]);
    let pending = world.lambda.invoke(operation("spawn", json!(null)));
    lines::holding(&world.process, "its start takes more than 3 s");
    std::fs::write(path, "").unwrap();
    assert_eq!(pending.wait(crate::support::SOON).expect("an answer").payload(), "42");
}
