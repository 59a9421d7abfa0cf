//! A plugin that crashes under `serve`: its line is shown, and the caller told.

use serde_json::json;

use crate::world::{Serve, manifest};

#[test]
fn the_line_of_a_crash_is_passed_on_and_the_next_event_starts_another_process() {
    let mut manifest = manifest();
    manifest["routes"]["crash"] = json!({ "source": "operation", "name": "crash", "to": "misbehave.crash_later" });
    let serve = Serve::start(manifest, &[]);
    let reply = serve.operation("crash", json!("segv"));
    assert_eq!((reply.status, &reply.json()["errorType"]), (200, &json!("Runtime.ExitError")), "{reply:?}");
    let line = serve.told(&["crashed by SIGSEGV at 0x10 (nothing is mapped there) in handler crash_later"]);
    assert!(line.contains("plugin=misbehave digest=") && line.contains("route=crash"), "{line}");
    serve.told(&["serve: bootstrap ended: signal: 11 (SIGSEGV)"]);
    assert_eq!(serve.errors().matches("crashed by").count(), 1, "{}", serve.errors());
    serve.serves_on();
}
