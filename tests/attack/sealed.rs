//! The copy that a running `bootstrap` has mapped.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

use serde_json::json;

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

/// Even root, with the process's own descriptors in hand.
#[test]
fn nobody_can_change_the_copy_that_a_running_process_has_mapped() {
    let routes = json!({ "routes": { "echo": { "source": "operation", "name": "echo", "to": "echo" } } });
    let folder = Folder::new(&[("echo", &Build::plugin("echo").path())], routes);
    let lambda = lambda();
    let process = bootstrap(&lambda, &folder, &[]);
    assert!(lambda.wait_polled(1, SOON).is_some(), "{}", output(&process));
    let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid())).unwrap().map(|entry| entry.unwrap().path());
    let is_copy =
        |path: &PathBuf| fs::read_link(path).is_ok_and(|target| target.to_string_lossy().contains("memfd:lambda-loader"));
    let copies: Vec<PathBuf> = descriptors.filter(is_copy).collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    let shipped = fs::read(folder.path().join("plugins/libecho.so")).unwrap();
    for copy in &copies {
        assert!(fs::read(copy).unwrap() == shipped);
        let inode = fs::metadata(copy).unwrap().ino();
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid())).unwrap();
        let mapped = maps.lines().filter(|line| line.contains("memfd:lambda-loader") && line.contains(&format!(" {inode} ")));
        assert!(mapped.count() > 1, "it is what is mapped: {maps}");
        // Opening it is somebody else's right; changing it nobody's.
        let file = File::options().read(true).write(true).open(copy).unwrap();
        let refused = |result: std::io::Result<()>| assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        refused(file.write_all_at(&[0xcc], 4096));
        refused(file.write_all_at(&[0xcc], shipped.len() as u64));
        refused(file.set_len(0));
        refused(file.set_len(1 << 30));
        refused(File::options().write(true).truncate(true).open(copy).map(drop));
        let seals = rustix::fs::fcntl_get_seals(&file).unwrap();
        assert!(rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::FUTURE_WRITE).is_err(), "{seals:?}");
        assert!(fs::read(copy).unwrap() == shipped);
    }
    let answer = lambda.invoke(r#"{"operation":"echo"}"#).wait(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    assert_eq!(answer.payload(), r#"{"operation":"echo"}"#);
}
