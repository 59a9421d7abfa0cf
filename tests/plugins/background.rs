//! Work that outlives the invocation that gave it, and the hook that ends it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::lines;
use crate::support::{SOON, lambda};
use crate::world::{World, folder};

fn world(file: &Path, flush_ms: u64) -> World {
    let manifest = json!({
        "plugins": { "background": { "config": { "file": file, "flush_ms": flush_ms } } },
        "routes": { "record": { "source": "direct", "to": "background.record" } },
    });
    World::start(lambda(), folder(&["background"], manifest), &[("AWS_LAMBDA_LOG_FORMAT", "JSON")])
}

#[test]
fn the_task_works_on_after_the_reply_with_no_event_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let world = world(&file, 300);
    assert_eq!(world.reply(r#"{"n":1}"#), "queued");
    assert_eq!(world.reply(r#"{"n":2}"#), "queued");
    let record = lines::line(&world.process, |line| line["message"] == "written in the background");
    assert_eq!(record["plugin"], "background");
    assert_eq!(record.get("requestId"), None, "it belongs to no request");
    // A busy machine may have made two batches of it.
    let end = Instant::now() + SOON;
    while std::fs::read_to_string(&file).unwrap() != "{\"n\":1}\n{\"n\":2}\n" {
        assert!(Instant::now() < end, "{}", world.output());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_still_queued_at_the_end_is_written_by_the_shutdown_hook() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let world = world(&file, 3_600_000);
    for n in 0..3 {
        assert_eq!(world.reply(json!({ "n": n }).to_string()), "queued");
    }
    assert!(!file.exists(), "nothing was due");
    world.ends();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
    let flushed = lines::line(&world.process, |line| line["message"] == "flushed");
    assert_eq!(flushed["fields"], json!({ "records": 3 }));
}

#[test]
fn records_that_cannot_be_written_are_kept_for_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-yet/records");
    let world = world(&file, 20);
    assert_eq!(world.reply(r#"{"n":1}"#), "queued");
    lines::line(&world.process, |line| line["message"] == "records are not written, and kept for the next try");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    lines::line(&world.process, |line| line["message"] == "written in the background");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"n\":1}\n");
}
