//! The authoring kit that a new plugin is written with: where it is, or its sources, which this tool carries.

use std::path::{Component, Path, PathBuf};

use crate::manifest::near;
use crate::{Code, Refusal};

/// The kit's files as they were when this tool was built: path from the repository's root, text.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// The repository's own manifest, of which the kit's packages inherit.
const ROOT: &str = include_str!("../../../Cargo.toml");

/// Where the kit comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kit {
    /// A folder, relative to the plugin's.
    Folder(String),
    /// A git repository.
    Git(String),
    /// The sources go to `kit/` in the plugin's own folder: they need no network, no registry and no path of this machine.
    Carried,
}

impl Kit {
    /// The kit that was asked for, else one around `parent`, the folder that the plugin's is made in.
    pub(super) fn find(wanted: Option<&str>, parent: &Path) -> Result<Self, Refusal> {
        match wanted {
            Some(url) if url.contains("://") || url.starts_with("git@") => Ok(Kit::Git(url.to_owned())),
            Some(folder) => {
                let usage = |what: String| {
                    Refusal::new(Code::Usage, "--kit", what)
                        .hint("give the folder plugin-abi of the loader's repository, the repository's folder, or its git URL")
                };
                let error =
                    |error: std::io::Error| usage(format!("{}: {}", near::quoted(folder), error.to_string().to_lowercase()));
                let path = Path::new(folder).canonicalize().map_err(error)?;
                let kit = [path.join("plugin-abi"), path].into_iter().find(|path| is_kit(path));
                let kit = kit.ok_or_else(|| usage(format!("the kit is not in {}", near::quoted(folder))))?;
                Ok(Kit::Folder(relative(&kit, parent)))
            }
            None => {
                let around = parent.ancestors().map(|folder| folder.join("plugin-abi")).find(|path| is_kit(path));
                Ok(around.map_or(Kit::Carried, |kit| Kit::Folder(relative(&kit, parent))))
            }
        }
    }

    /// As a dependency in the plugin's `Cargo.toml`.
    pub(super) fn dependency(&self, features: &[&str]) -> String {
        let source = match self {
            Kit::Folder(path) => format!("path = {path:?}"),
            Kit::Git(url) => format!("git = {url:?}"),
            Kit::Carried => "path = \"kit/plugin-abi\"".to_owned(),
        };
        let features = if features.is_empty() { String::new() } else { format!(", features = {features:?}") };
        format!("lambda-plugin-abi = {{ {source}{features} }}")
    }

    /// What has to be written into the plugin's folder for it.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        if *self != Kit::Carried {
            return Vec::new();
        }
        // All that packages inherit, without the packages that are not here.
        let start = ROOT.find("[workspace.package]").unwrap_or_default();
        let end = ROOT.find("\n[package]\n").unwrap_or(ROOT.len());
        let inherited = ROOT.get(start..end).unwrap_or_default();
        let members = "[workspace]\nmembers = [\"plugin-abi\", \"plugin-abi/v1\"]\nresolver = \"3\"\n";
        let mut files = vec![("kit/Cargo.toml".to_owned(), format!("{members}\n{inherited}"))];
        files.extend(FILES.iter().map(|(path, text)| (format!("kit/{path}"), (*text).to_owned())));
        files
    }
}

fn is_kit(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line.trim() == "name = \"lambda-plugin-abi\"")
}

/// From a folder in `parent` to `target`; both are absolute and without links.
fn relative(target: &Path, parent: &Path) -> String {
    let shared = target.components().zip(parent.components()).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n(Component::ParentDir, parent.components().count() - shared + 1);
    let path: PathBuf = up.chain(target.components().skip(shared)).collect();
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_the_plugin_to_the_kit() {
        #[track_caller]
        fn check(target: &str, parent: &str, expected: &str) {
            assert_eq!(relative(Path::new(target), Path::new(parent)), expected);
        }
        check("/r/plugin-abi", "/r/plugins", "../../plugin-abi");
        check("/r/plugin-abi", "/r", "../plugin-abi");
        check("/a/plugin-abi", "/b/c", "../../../a/plugin-abi");
    }

    #[test]
    fn the_kit_is_carried_whole() {
        let files = Kit::Carried.files();
        for path in ["kit/Cargo.toml", "kit/plugin-abi/Cargo.toml", "kit/plugin-abi/src/lib.rs", "kit/plugin-abi/v1/src/lib.rs"] {
            assert!(files.iter().any(|(file, text)| file == path && !text.is_empty()), "{path}");
        }
    }
}
