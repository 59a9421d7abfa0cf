//! Plugins from S3 that are fetched with their first event.

use lambda_loader::Code;
use serde_json::json;

use crate::proxy::Fault;
use crate::world::{Scene, error, operation};

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.manifest["plugins"]["misbehave"]["load"] = "first-use".into();
    scene.local()
}

#[test]
fn it_is_fetched_by_its_first_event_and_once() {
    let scene = scene();
    let world = scene.start();
    world.answers();
    assert_eq!(scene.proxy.asked(), ["GET /artifacts/libecho.so"], "fetched before its first event");
    assert_eq!(world.reply(operation("spawn", json!(null))), 42);
    assert_eq!(world.reply(operation("spawn", json!(null))), 42);
    assert_eq!(scene.proxy.asked().len(), 2, "{:?}", scene.proxy.asked());
    world.says("at its first use: sealed, s3, memory");
}

#[test]
fn a_failed_fetch_fails_its_event_alone_and_the_next_one_fetches_again() {
    let scene = scene();
    scene.proxy.on("libmisbehave.so", Fault::Status(403, "AccessDenied", String::new()), 1);
    let world = scene.start();
    let answer = world.ask(operation("spawn", json!(null)));
    let (header, body) = answer.error().expect("an error");
    let [_, error_type, message] = error(header.map(str::to_owned), body);
    assert_eq!(error_type, Code::RemoteDenied.error_type());
    assert!(message.contains("plugin \"misbehave\": s3://artifacts/libmisbehave.so: S3 answered 403 AccessDenied"), "{message}");
    assert!(!scene.mark().exists(), "plugin code ran");
    world.answers();
    assert_eq!(world.reply(operation("spawn", json!(null))), 42);
}

#[test]
fn a_download_that_stalls_fails_its_event_at_the_deadline_and_not_the_process() {
    let scene = scene();
    scene.proxy.on("libmisbehave.so", Fault::Stalls(1000), 1);
    let world = scene.start();
    world.answers();
    let event = lambda_loader::local::Event {
        timeout: Some(std::time::Duration::from_secs(2)),
        ..lambda_loader::local::Event::new(operation("spawn", json!(null)))
    };
    let answer = world.lambda.invoke(event).wait(crate::support::SOON).expect("an answer");
    let (header, body) = answer.error().expect("an error");
    let [_, error_type, message] = error(header.map(str::to_owned), body);
    let either = [Code::RemoteTimeout.error_type(), Code::DeadlineExceeded.error_type()];
    assert!(either.contains(&error_type.as_str()), "{error_type} {message}");
    world.answers();
    assert_eq!(world.reply(operation("spawn", json!(null))), 42);
}
