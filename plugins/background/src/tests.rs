//! `shutdown` is what makes a test of work in the background certain: it returns when all is written.

use std::path::PathBuf;

use lambda_plugin_abi::testing;
use serde_json::json;

/// A file that is gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        File(std::env::temp_dir().join(format!("background-{}-{name}", std::process::id())))
    }

    fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _none = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_queued_is_written_when_the_process_ends() {
    let file = File::new("queued");
    let plugin = testing::start(json!({ "file": file.0, "flush_ms": 3_600_000 })).unwrap();
    for n in [1, 2] {
        let reply = plugin.invoke("record", json!({ "n": n }).to_string()).unwrap();
        assert_eq!(reply.json::<String>().unwrap(), "queued");
    }
    assert_eq!(file.read(), "", "nothing was due yet");
    plugin.shutdown().unwrap();
    assert_eq!(file.read(), "{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn a_file_that_cannot_be_written_fails_the_end_and_not_the_event() {
    let file = File::new("missing");
    let plugin = testing::start(json!({ "file": file.0.join("folder"), "flush_ms": 3_600_000 })).unwrap();
    plugin.invoke("record", "1").unwrap();
    let error = plugin.shutdown().unwrap_err();
    assert!(error.message().contains("No such file or directory"), "{error}");
}
