//! Another layer of the same function: Lambda unpacks them one over another, and the last one wins.

use std::fs;

use lambda_loader::{Code, Digest};
use serde_json::{Value, json};

use crate::c;
use crate::check::{bootstrap_refuses, manifest};
use crate::support::folder::Folder;

/// What the first layer ships: a plugin that does nothing.
fn first_layer(files: &tempfile::TempDir) -> Folder {
    Folder::new(&[("odd", &c::shared(files.path(), "libodd.so", &c::note(0, c::NOTE), &[]))], manifest())
}

#[test]
fn a_second_layer_with_a_file_of_the_plugin_s_name() {
    let files = tempfile::tempdir().unwrap();
    let folder = first_layer(&files);
    let file = folder.path().join("plugins/libodd.so");
    bootstrap_refuses(&folder, &file, Code::AbiLayout, &["has no module header"], None);
    let second = c::shared(files.path(), "second.so", &c::marked_plugin(), &[]);
    fs::copy(second, &file).unwrap();
    let words = ["plugin \"odd\": the file's SHA-256 is ", "and the manifest's is "];
    bootstrap_refuses(&folder, &file, Code::DigestMismatch, &words, None);
}

#[test]
fn a_second_layer_with_a_manifest_of_its_own() {
    let files = tempfile::tempdir().unwrap();
    let folder = first_layer(&files);
    let file = folder.path().join("plugins/libodd.so");
    let second = c::shared(files.path(), "second.so", &c::marked_plugin(), &[]);
    fs::copy(&second, &file).unwrap();
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.manifest()).unwrap()).unwrap();
    manifest["plugins"]["odd"]["sha256"] = json!(Digest::of(&fs::read(second).unwrap()).to_string());
    // Its plugin and its manifest agree; the pin is the function's.
    fs::write(folder.manifest(), manifest.to_string()).unwrap();
    bootstrap_refuses(&folder, &file, Code::ManifestPinMismatch, &["manifest.json"], None);
}

#[test]
fn a_second_layer_with_a_library_that_the_manifest_does_not_have() {
    let files = tempfile::tempdir().unwrap();
    let at = files.path().to_str().unwrap();
    let source = format!("{}int more(void) {{ return 1; }}", c::MARK);
    c::shared(files.path(), "libmore.so.1", &source, &["-Wl,-soname,libmore.so.1"]);
    let source = format!("int more(void); int use(void) {{ return more(); }}{}", c::note(0, c::NOTE));
    let plugin = c::shared(files.path(), "libodd.so", &source, &["-L", at, "-l:libmore.so.1"]);
    let folder = Folder::new(&[("odd", &plugin)], manifest());
    // Beside the plugin, and beside the manifest: neither is a place to search.
    for place in ["plugins/libmore.so.1", "libmore.so.1"] {
        fs::copy(files.path().join("libmore.so.1"), folder.path().join(place)).unwrap();
    }
    let words =
        ["plugin \"odd\": it needs libmore.so.1, which is no library of the system", "add \"libmore.so.1\" to `libraries`"];
    bootstrap_refuses(&folder, &plugin, Code::NeededLibraryNotAllowed, &words, None);
}
