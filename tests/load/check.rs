//! A file that has to be refused, given to everything that may refuse it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lambda_loader::Code;
use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

/// A file that constructors of fixtures write as soon as any code of theirs runs.
pub(crate) struct Mark {
    folder: tempfile::TempDir,
}

impl Mark {
    pub(crate) fn new() -> Self {
        Mark { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mark")
    }

    /// What the mark says, if there is one.
    pub(crate) fn text(&self) -> Option<String> {
        std::fs::read_to_string(self.path()).ok()
    }
}

/// A route for the operation `odd`, to the handler `odd` of plugin `odd`.
pub(crate) fn manifest() -> Value {
    json!({ "routes": { "odd": { "source": "operation", "name": "odd", "to": "odd.odd" } } })
}

/// Runs `lambda-loader` with nothing of this process's environment but `variables`.
pub(crate) fn tool(arguments: &[&str], folder: &Folder, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
    command.env_clear().envs(variables.iter().copied()).args(arguments).arg("--manifest").arg(folder.manifest());
    command.output().expect("lambda-loader runs")
}

/// `verify` and `bootstrap` both refuse plugin `odd`, with this code and words, and nothing of it runs.
pub(crate) fn refused(file: &Path, code: Code, words: &[&str]) {
    let folder = Folder::new(&[("odd", file)], manifest());
    verify_refuses(&folder, file, code, words);
    bootstrap_refuses(&folder, file, code, words, None);
}

/// `bootstrap` refuses plugin `odd`, and leaves this mark. Only for what shows as the file is loaded, and not before.
pub(crate) fn refused_by_loading(file: &Path, code: Code, words: &[&str], mark: Option<&str>) {
    let folder = Folder::new(&[("odd", file)], manifest());
    let verified = tool(&["verify"], &folder, &[]);
    assert!(verified.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&verified.stderr));
    bootstrap_refuses(&folder, file, code, words, mark);
}

/// `lambda-loader verify` refuses the first artifact that is refused with this code and these words.
pub(crate) fn verify_refuses(folder: &Folder, file: &Path, code: Code, words: &[&str]) {
    let mark = Mark::new();
    let path = mark.path();
    let output =
        tool(&["verify", "--format", "json"], folder, &[("MISBEHAVE_MARK", path.to_str().expect("a temporary path is text"))]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code.class().exit().into()), "{}: {said}", file.display());
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report["ok"], false, "{said}");
    let rows = ["libraries", "plugins"].map(|kind| report[kind].as_array().expect("a list").clone()).concat();
    let row = rows.iter().find(|row| row["ok"] == false).expect("a refused one");
    assert_eq!(row["error"]["code"], code.name(), "{}: {said}", file.display());
    let message = row["error"]["message"].as_str().expect("a message");
    for word in words {
        assert!(message.contains(word), "{}: {word:?} is not in {message}", file.display());
    }
    assert!(message.contains("(hint: "), "{message}");
    assert_eq!(mark.text(), None, "{}: verify ran it", file.display());
}

/// The real `bootstrap` reports a failed start with this code and these words, and exits with the code's number.
pub(crate) fn bootstrap_refuses(folder: &Folder, file: &Path, code: Code, words: &[&str], expected: Option<&str>) {
    let mark = Mark::new();
    let path = mark.path();
    let lambda = lambda();
    let process = bootstrap(&lambda, folder, &[("MISBEHAVE_MARK", path.to_str().expect("a temporary path is text"))]);
    let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{}: still there\n{}", file.display(), output(&process)));
    assert_eq!(status.code(), Some(code.class().exit().into()), "{}: {status}\n{}", file.display(), output(&process));
    let error = lambda.init_error(SOON).unwrap_or_else(|| panic!("{}: no report\n{}", file.display(), output(&process)));
    assert_eq!(error.error_type.as_deref(), Some(code.error_type()), "{}", file.display());
    let body: Value = serde_json::from_slice(&error.body).expect("JSON");
    let message = body["errorMessage"].as_str().expect("a message");
    assert_eq!(body["errorType"], code.error_type());
    for word in words {
        assert!(message.contains(word), "{}: {word:?} is not in {message}", file.display());
    }
    assert_eq!(lambda.polled().count, 0, "{}: an event was asked for", file.display());
    assert_eq!(mark.text().as_deref(), expected, "{}: what ran of it", file.display());
}
