//! Starts that go well.

use serde_json::json;

use crate::server::Server;
use crate::support::folder::Folder;
use crate::world::{World, echo, operation};

#[test]
fn a_plugin_from_s3_answers() {
    let server = Server::start();
    let folder = Folder::new(&[], echo(&server));
    let mut variables = server.variables();
    variables.push(("LOADER_MANIFEST", folder.manifest().display().to_string()));
    variables.push(("LOADER_MANIFEST_SHA256", folder.pin.clone()));
    let world = World::start(&variables);
    assert_eq!(world.reply(operation("echo", json!("hello")))["input"], "hello");
}
