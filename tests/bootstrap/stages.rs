//! One manifest, several stages: which plugin runs is in every line of the log, by its digest.

use lambda_loader::Digest;
use serde_json::json;

use crate::support::{self, folder::Folder};
use crate::world::{World, operation, plugin};

#[test]
fn a_stage_swaps_the_plugin_that_answers_and_the_log_names_its_digest() {
    let mut changed = std::fs::read(plugin("echo")).unwrap();
    changed.push(0);
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("libecho-2.so");
    std::fs::write(&file, &changed).unwrap();
    let digests = [Digest::of(&std::fs::read(plugin("echo")).unwrap()), Digest::of(&changed)];
    for (stage, runs, rests) in [("dev", digests[0], digests[1]), ("prod", digests[1], digests[0])] {
        let manifest = json!({
            "routes": { "echo": { "source": "operation", "name": "echo", "to": "echo" } },
            "stages": {
                "dev": {},
                "prod": { "plugins": { "echo": { "path": "plugins/libecho-2.so", "sha256": digests[1].to_string() } } },
            },
        });
        let folder = Folder::new(&[("echo", &plugin("echo"))], manifest);
        let copy = folder.path().join("plugins/libecho-2.so");
        std::fs::copy(&file, &copy).unwrap();
        std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let world = World::start(support::lambda(), folder, &[("LOADER_STAGE", stage), ("AWS_LAMBDA_LOG_FORMAT", "JSON")]);
        let event = operation("echo", json!(stage));
        assert_eq!(world.response(event.clone()).body, event);
        world.ends();
        let output = world.output();
        let line = output.lines().find(|line| line.contains("\"route\"")).unwrap_or_else(|| panic!("{output}"));
        assert!(line.contains(&runs.prefix()), "{output}");
        assert!(!output.contains(&rests.prefix()), "{output}");
    }
}
