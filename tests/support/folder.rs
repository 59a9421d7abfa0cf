//! Manifest folders: a manifest with its plugins beside it, as a layer has them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lambda_loader::Digest;
use serde_json::{Value, json};

/// A temporary folder with `manifest.json` and `plugins/`.
pub struct Folder {
    dir: tempfile::TempDir,
    /// The digest of the manifest's bytes, for `LOADER_MANIFEST_SHA256`.
    pub pin: String,
}

impl Folder {
    /// Copies each plugin's file to `plugins/` and writes the manifest, with `path` and `sha256` filled in wherever it leaves them
    /// open. A plugin that `manifest` does not have is added; `version` is added too.
    pub fn new(plugins: &[(&str, &Path)], mut manifest: Value) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("plugins")).expect("a folder in it");
        let object = manifest.as_object_mut().expect("a manifest is an object");
        object.entry("version").or_insert(json!(1));
        let entries = object.entry("plugins").or_insert_with(|| json!({}));
        for (name, file) in plugins {
            let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let file_name = file.file_name().and_then(|name| name.to_str()).expect("a file name");
            let copy = format!("plugins/{file_name}");
            fs::write(dir.path().join(&copy), &bytes).expect("a copy");
            fs::set_permissions(dir.path().join(&copy), fs::Permissions::from_mode(0o644)).expect("its mode");
            let entries = entries.as_object_mut().expect("plugins is an object");
            let entry = entries.entry(*name).or_insert_with(|| json!({})).as_object_mut().expect("a plugin is an object");
            entry.entry("path").or_insert(json!(copy));
            entry.entry("sha256").or_insert_with(|| json!(Digest::of(&bytes).to_string()));
        }
        let mut folder = Folder { dir, pin: String::new() };
        folder.write(&serde_json::to_vec_pretty(&manifest).expect("JSON"));
        folder
    }

    /// Replaces the manifest's bytes, and the pin with them.
    pub fn write(&mut self, manifest: &[u8]) {
        fs::write(self.manifest(), manifest).expect("a manifest");
        self.pin = Digest::of(manifest).to_string();
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The manifest's path.
    pub fn manifest(&self) -> PathBuf {
        self.dir.path().join("manifest.json")
    }
}
