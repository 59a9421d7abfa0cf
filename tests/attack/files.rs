//! What stands where the plugin should, or on the way to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_loader::{Code, Digest};
use serde_json::{Value, json};

use crate::c;
use crate::check::{bootstrap_refuses, manifest};
use crate::support::folder::Folder;

/// A plugin that marks that it runs, and a manifest folder that names it wherever a test says.
struct Scene {
    files: tempfile::TempDir,
    plugin: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let plugin = c::shared(files.path(), "odd.so", &c::marked_plugin(), &[]);
        Scene { files, plugin }
    }

    /// A folder whose manifest wants the plugin's very bytes at `path`, beneath `roots`.
    fn folder(&self, roots: Value, path: &Path) -> Folder {
        let mut manifest = manifest();
        let digest = Digest::of(&fs::read(&self.plugin).unwrap()).to_string();
        manifest["plugins"] = json!({ "odd": { "path": path, "sha256": digest } });
        manifest["allow"] = json!({ "roots": roots });
        Folder::new(&[], manifest)
    }

    #[track_caller]
    fn refused(&self, root: impl AsRef<Path>, path: impl AsRef<Path>, code: Code, words: &str) {
        let path = path.as_ref();
        bootstrap_refuses(&self.folder(json!([root.as_ref()]), path), path, code, &["plugin \"odd\"", words], None);
    }

    /// The good file is there and runs: its constructor leaves a mark, and only then is it found to be no plugin.
    #[track_caller]
    fn runs(&self, root: &Path, path: &Path) {
        let words = ["plugin \"odd\": has no module header"];
        bootstrap_refuses(&self.folder(json!([root]), path), path, Code::AbiLayout, &words, Some("code ran"));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

#[test]
fn a_fifo_a_socket_a_folder_or_a_device_in_its_place() {
    let scene = Scene::new();
    let root = scene.files.path();
    scene.runs(root, &scene.plugin);
    // Would hang whoever opens it and waits for a writer.
    let fifo = scene.at("fifo.so");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    scene.refused(root, &fifo, Code::ArtifactNotRegular, "fifo.so is not a regular file");
    let socket = scene.at("socket.so");
    let _bound = UnixListener::bind(&socket).unwrap();
    scene.refused(root, &socket, Code::ArtifactNotRegular, "is not a regular file");
    fs::create_dir(scene.at("folder.so")).unwrap();
    scene.refused(root, scene.at("folder.so"), Code::ArtifactNotRegular, "is not a regular file");
    // Has no end.
    scene.refused("/dev", "/dev/zero", Code::ArtifactNotRegular, "is not a regular file");
    scene.refused("/dev", "/dev/null", Code::ArtifactNotRegular, "is not a regular file");
}

/// What such a path means depends on the process that follows it, and on what it has open.
#[test]
fn paths_through_proc_and_dev_fd() {
    let scene = Scene::new();
    let own = format!("/proc/{}", std::process::id());
    let link = "a symbolic link stands in the path";
    scene.refused("/proc", "/proc/self/exe", Code::PathSymlink, link);
    scene.refused("/proc", "/proc/thread-self/exe", Code::PathSymlink, link);
    scene.refused(&own, format!("{own}/exe"), Code::PathSymlink, link);
    scene.refused(&own, format!("{own}/fd/0"), Code::PathSymlink, link);
    scene.refused(&own, format!("{own}/root{}", scene.plugin.display()), Code::PathSymlink, link);
    scene.refused("/dev", "/dev/fd/0", Code::PathSymlink, link);
    scene.refused("/dev/fd", "/dev/fd/0", Code::RootUnusable, "is reached through a symbolic link");
    scene.refused("/proc/self/fd", "/proc/self/fd/0", Code::RootUnusable, "is reached through a symbolic link");
    scene.refused(
        format!("{own}/cwd"),
        format!("{own}/cwd/Cargo.toml"),
        Code::RootUnusable,
        "is reached through a symbolic link",
    );
    // Regular by its mode, and no file whose bytes stay what they are.
    scene.refused(&own, format!("{own}/mem"), Code::ArtifactUnreadable, "the file cannot be read");
    scene.refused("/proc", "/proc/version", Code::DigestMismatch, "the file's SHA-256 is");
}

#[test]
fn a_root_that_is_a_link_or_is_reached_through_one() {
    let scene = Scene::new();
    let (real, link) = (scene.at("real"), scene.at("link"));
    fs::create_dir_all(real.join("inner")).unwrap();
    fs::copy(&scene.plugin, real.join("inner/odd.so")).unwrap();
    symlink(&real, &link).unwrap();
    let root = |root: PathBuf| {
        let file = root.join(if root.ends_with("inner") { "odd.so" } else { "inner/odd.so" });
        scene.refused(&root, file, Code::RootUnusable, "is reached through a symbolic link");
    };
    root(link.clone());
    root(link.join("inner"));
    // The link lies below the root: then it is the path's.
    scene.refused(scene.files.path(), link.join("inner/odd.so"), Code::PathSymlink, "a symbolic link stands in the path");
    scene.runs(&real, &real.join("inner/odd.so"));
}

#[test]
fn a_file_that_others_may_write() {
    let scene = Scene::new();
    for (mode, written) in [(0o666, "mode 666"), (0o664, "mode 664"), (0o602, "mode 602")] {
        fs::set_permissions(&scene.plugin, fs::Permissions::from_mode(mode)).unwrap();
        scene.refused(scene.files.path(), &scene.plugin, Code::ArtifactWritable, written);
    }
}

/// Whoever may write the folder can put another file there, and gains nothing: not the name is trusted, but the bytes.
#[test]
fn a_folder_that_others_may_write() {
    let scene = Scene::new();
    let folder = scene.at("open");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.join("odd.so");
    fs::copy(&scene.plugin, &file).unwrap();
    scene.runs(&folder, &file);
    let other = format!("{}int other;", c::marked_plugin());
    fs::rename(c::shared(scene.files.path(), "other.so", &other, &[]), &file).unwrap();
    scene.refused(&folder, &file, Code::DigestMismatch, "the file's SHA-256 is");
}

#[test]
fn a_file_with_a_second_name_that_is_written_through_the_other() {
    let scene = Scene::new();
    let (first, second) = (scene.at("first.so"), scene.at("second.so"));
    fs::copy(&scene.plugin, &first).unwrap();
    fs::hard_link(&first, &second).unwrap();
    // Two names are no fault: the bytes are what they should be.
    scene.runs(scene.files.path(), &first);
    let mut bytes = fs::read(&second).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&second, bytes).unwrap();
    scene.refused(scene.files.path(), &first, Code::DigestMismatch, "the file's SHA-256 is");
}
