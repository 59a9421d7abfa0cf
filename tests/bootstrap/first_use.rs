//! Plugins that are verified, loaded and started with their first event.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use lambda_loader::local::Event;
use serde_json::{Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave, operation};

/// `misbehave` at first use, and where it leaves its mark.
fn world(config: Value) -> (World, PathBuf) {
    let mut manifest = misbehave();
    manifest["plugins"]["misbehave"] = json!({ "load": "first-use", "config": config });
    let folder = folder(&["misbehave", "echo"], manifest);
    let mark = folder.path().join("mark");
    let world = World::start(lambda(), folder, &[("MISBEHAVE_MARK", mark.to_str().unwrap())]);
    world.serves_on();
    assert!(!mark.exists(), "loaded before its first event");
    (world, mark)
}

fn spawn() -> String {
    operation("spawn", Value::Null)
}

#[test]
fn it_is_loaded_by_its_first_event_and_once() {
    let (world, mark) = world(Value::Null);
    assert_eq!(world.reply(spawn()), 42);
    assert!(mark.exists());
    std::fs::remove_file(&mark).unwrap();
    std::fs::remove_file(world.folder.path().join("plugins/libmisbehave.so")).unwrap();
    assert_eq!(world.reply(spawn()), 42, "what is loaded needs no file any more");
    assert!(!mark.exists(), "loaded a second time");
}

#[test]
fn a_refused_file_fails_the_event_and_later_events_look_again() {
    let (world, mark) = world(Value::Null);
    let file = world.folder.path().join("plugins/libmisbehave.so");
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&file, bad).unwrap();
    for _ in 0..2 {
        let answer = world.ask(spawn());
        let Some((header, body)) = answer.error() else { panic!("{answer:?}") };
        let found = crate::world::error(header.map(str::to_owned), body);
        assert_eq!((found[0].as_str(), found[1].as_str()), ("Runtime.LoaderDigestMismatch", "Runtime.LoaderDigestMismatch"));
        assert!(found[2].starts_with("plugin \"misbehave\": the file's SHA-256 is "), "{found:?}");
        let line = lines::line_of(&world.process, &[&answer.request_id, " ERROR ", "code=digest-mismatch"]);
        assert!(line.contains("source=operation route=spawn"), "{line}");
        world.serves_on();
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(world.error(spawn())[0], "Runtime.LoaderArtifactMissing");
    assert!(!mark.exists(), "plugin code ran");
    std::fs::write(&file, good).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.reply(spawn()), 42);
}

#[test]
fn a_start_that_fails_is_tried_again_without_loading_again() {
    let (world, mark) = world(json!({ "start": "once" }));
    let found = world.error(spawn());
    assert_eq!(found[0], "Runtime.LoaderStartFailed");
    assert!(found[2].contains("start failed: NotYet: the database is still starting"), "{found:?}");
    world.serves_on();
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(world.reply(spawn()), 42);
    assert!(!mark.exists(), "loaded a second time, with statics of its own");
}

#[test]
fn a_start_past_the_deadline_fails_the_event_and_not_the_process() {
    let (world, _mark) = world(json!({ "start": "hang" }));
    for _ in 0..2 {
        let found = world.error(Event { timeout: Some(Duration::from_secs(1)), ..Event::new(spawn()) });
        assert_eq!(found[0], "Runtime.LoaderDeadlineExceeded");
        assert!(found[2].contains("plugin \"misbehave\": its start did not finish before the deadline"), "{found:?}");
        world.serves_on();
    }
}

#[test]
fn a_handler_that_is_missing_is_found_with_the_first_event_and_before_any_code_runs() {
    let mut manifest = misbehave();
    manifest["plugins"]["misbehave"] = json!({ "load": "first-use" });
    manifest["routes"]["spawn"]["to"] = "misbehave.nothing".into();
    let folder = folder(&["misbehave", "echo"], manifest);
    let mark = folder.path().join("mark");
    let world = World::start(lambda(), folder, &[("MISBEHAVE_MARK", mark.to_str().unwrap())]);
    for _ in 0..2 {
        assert_eq!(world.error(spawn())[0], "Runtime.LoaderHandlerMissing");
        world.serves_on();
    }
    assert!(!mark.exists(), "plugin code ran");
}

#[test]
fn how_its_file_is_held_is_told_when_it_is_loaded() {
    let (world, _mark) = world(Value::Null);
    assert_eq!(world.reply(spawn()), 42);
    let line = lines::holding(&world.process, "loading misbehave@");
    assert!(line.contains("at its first use: sealed, openat2, "), "{line}");
}
