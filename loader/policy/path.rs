//! Paths of artifacts, settings and roots: purely lexical, the file system is asked later.

use std::path::{Component, Path, PathBuf};

use super::problem::Problem;
use super::{Base, Source};
use crate::machine::Architecture;
use crate::manifest::near::quoted;
use crate::refusal::Code;

/// Puts the architecture's name where `{arch}` stands. Any other brace is refused: it would be a mistyped placeholder.
pub(super) fn expand(text: &str, architecture: Architecture) -> Result<String, Problem> {
    let expanded = text.replace(ARCH, architecture.name());
    if expanded.contains(['{', '}']) {
        let problem = Problem::new(Code::ManifestValue, format!("{} holds a brace that is not part of {ARCH}", quoted(text)));
        return Err(problem.hint("{arch} is the only placeholder: x86_64 or aarch64"));
    }
    Ok(expanded)
}

/// The one placeholder.
pub(crate) const ARCH: &str = "{arch}";

/// Reads an entry of `allow.roots`: `.`, or a folder relative to the manifest's, or an absolute one.
pub(super) fn root(text: &str, base: &Base, architecture: Architecture) -> Result<PathBuf, Problem> {
    let expanded = expand(text, architecture)?;
    if let ("." | "./", Base::Folder(folder)) = (expanded.as_str(), base) {
        return Ok(folder.clone());
    }
    if expanded == "/" {
        let problem = Problem::new(Code::ManifestValue, "the whole file system cannot be a root");
        return Err(problem.hint("name the folders that artifacts lie in"));
    }
    absolute(expanded.strip_suffix('/').unwrap_or(&expanded), base)
}

/// Reads the path of a file, which must lie in one of `roots`; the longest one counts.
pub(super) fn file(text: &str, base: &Base, roots: &[PathBuf], architecture: Architecture) -> Result<Source, Problem> {
    let path = absolute(&expand(text, architecture)?, base)?;
    let inside = |root: &'_ PathBuf| path.strip_prefix(root).ok().filter(|rest| !rest.as_os_str().is_empty()).map(Path::to_owned);
    let longest = roots.iter().filter(|root| inside(root).is_some()).max_by_key(|root| root.components().count());
    match longest.and_then(|root| Some((root.clone(), inside(root)?))) {
        Some((root, path)) => Ok(Source::File { root, path }),
        None => {
            let problem = Problem::new(Code::PathOutsideRoots, format!("{} lies in none of the allowed roots", quoted(text)));
            Err(problem.hint("move the file, or add its folder to allow.roots"))
        }
    }
}

/// A clean path made absolute.
fn absolute(text: &str, base: &Base) -> Result<PathBuf, Problem> {
    let wrong = |why: &str| Problem::new(Code::ManifestValue, format!("{} {why}", quoted(text)));
    if text.chars().any(char::is_control) {
        return Err(wrong("holds a control character"));
    }
    for component in text.strip_prefix('/').unwrap_or(text).split('/') {
        match component {
            "" => return Err(wrong("has an empty component").hint("write a path without // and without / at its end")),
            "." => return Err(wrong("has a component \".\"").hint("leave the \"./\" out")),
            ".." => {
                let problem = Problem::new(Code::PathOutsideRoots, format!("{} has a component \"..\"", quoted(text)));
                return Err(problem.hint("write a path without \"..\", or an absolute one"));
            }
            _ => {}
        }
    }
    match base {
        _ if text.starts_with('/') => Ok(PathBuf::from(text)),
        Base::Folder(folder) => Ok(folder.join(text)),
        Base::Remote => {
            Err(wrong("is relative, and a manifest on S3 lies in no folder").hint("write an absolute path, or use \"s3\""))
        }
    }
}

/// Whether `folder` can stand for the manifest's own: absolute, no `..`.
pub(super) fn is_clean(folder: &Path) -> bool {
    folder.is_absolute() && !folder.components().any(|component| component == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Base {
        Base::Folder("/opt/loader".into())
    }

    #[test]
    fn a_root_is_a_folder_of_the_manifest_or_an_absolute_one() {
        #[track_caller]
        fn check(text: &str, base: &Base, expected: Result<&str, &str>) {
            let found = root(text, base, Architecture::Aarch64).map_err(|problem| problem.what);
            assert_eq!(found, expected.map(PathBuf::from).map_err(str::to_owned), "{text}");
        }
        check("plugins", &folder(), Ok("/opt/loader/plugins"));
        check("plugins/", &folder(), Ok("/opt/loader/plugins"));
        check("lib-{arch}", &folder(), Ok("/opt/loader/lib-aarch64"));
        check(".", &folder(), Ok("/opt/loader"));
        check("./", &folder(), Ok("/opt/loader"));
        check("/var/task", &folder(), Ok("/var/task"));
        check("/var/task", &Base::Remote, Ok("/var/task"));
        check("plugins", &Base::Remote, Err("\"plugins\" is relative, and a manifest on S3 lies in no folder"));
        check(".", &Base::Remote, Err("\".\" has a component \".\""));
        check("/", &folder(), Err("the whole file system cannot be a root"));
        check("", &folder(), Err("\"\" has an empty component"));
        check("..", &folder(), Err("\"..\" has a component \"..\""));
        check("/opt/../etc", &folder(), Err("\"/opt/../etc\" has a component \"..\""));
    }

    #[test]
    fn a_path_lies_in_the_longest_root_that_holds_it_and_never_outside() {
        let roots = ["/opt/loader", "/opt/loader/plugins", "/var/task"].map(PathBuf::from);
        #[track_caller]
        fn check(text: &str, roots: &[PathBuf], expected: Result<(&str, &str), (Code, &str)>) {
            let found = file(text, &folder(), roots, Architecture::X86_64).map_err(|problem| (problem.code, problem.what));
            let expected = expected
                .map(|(root, path)| Source::File { root: root.into(), path: path.into() })
                .map_err(|(code, what)| (code, what.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
        check("plugins/a.so", &roots, Ok(("/opt/loader/plugins", "a.so")));
        check("plugins/x/a.so", &roots, Ok(("/opt/loader/plugins", "x/a.so")));
        check("pluginsx/a.so", &roots, Ok(("/opt/loader", "pluginsx/a.so")));
        check("a-{arch}.so", &roots, Ok(("/opt/loader", "a-x86_64.so")));
        check("{arch}/{arch}.so", &roots, Ok(("/opt/loader", "x86_64/x86_64.so")));
        check("/var/task/a.so", &roots, Ok(("/var/task", "a.so")));
        check("...", &roots, Ok(("/opt/loader", "...")));
        let outside = |what| Err((Code::PathOutsideRoots, what));
        check("/var/taskx/a.so", &roots, outside("\"/var/taskx/a.so\" lies in none of the allowed roots"));
        check("/var/task", &roots, outside("\"/var/task\" lies in none of the allowed roots"));
        check("/etc/passwd", &roots, outside("\"/etc/passwd\" lies in none of the allowed roots"));
        check("a.so", &[], outside("\"a.so\" lies in none of the allowed roots"));
        check("../a.so", &roots, outside("\"../a.so\" has a component \"..\""));
        check("plugins/../../a.so", &roots, outside("\"plugins/../../a.so\" has a component \"..\""));
        check("plugins/..", &roots, outside("\"plugins/..\" has a component \"..\""));
        let wrong = |what| Err((Code::ManifestValue, what));
        check("./a.so", &roots, wrong("\"./a.so\" has a component \".\""));
        check("plugins//a.so", &roots, wrong("\"plugins//a.so\" has an empty component"));
        check("//a.so", &roots, wrong("\"//a.so\" has an empty component"));
        check("a.so/", &roots, wrong("\"a.so/\" has an empty component"));
        check("", &roots, wrong("\"\" has an empty component"));
        check("a\0.so", &roots, wrong("\"a\\0.so\" holds a control character"));
        check("a\n.so", &roots, wrong("\"a\\n.so\" holds a control character"));
        check("{Arch}.so", &roots, wrong("\"{Arch}.so\" holds a brace that is not part of {arch}"));
        check("{{arch}}.so", &roots, wrong("\"{{arch}}.so\" holds a brace that is not part of {arch}"));
    }
}
