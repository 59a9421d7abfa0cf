//! A page: its fenced blocks, and how they are run.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) struct Page {
    /// From the root: `docs/author.md`.
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
}

pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) text: String,
    /// Of its first line.
    pub(crate) line: usize,
    /// Where it is to be written first.
    pub(crate) file: Option<String>,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Page {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(crate::root()).unwrap().to_str().unwrap().to_owned();
        let (mut blocks, mut open, mut file) = (Vec::new(), None::<Block>, None);
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(kind)) => {
                    open = Some(Block { kind: kind.to_owned(), text: String::new(), line: number + 2, file: file.take() });
                }
                (Some(_), Some("")) => blocks.extend(open.take()),
                (Some(block), _) => {
                    if !block.text.is_empty() {
                        block.text.push('\n');
                    }
                    block.text.push_str(line);
                }
                (None, None) => {
                    let named = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->"));
                    file = named.map(str::to_owned).or(file.filter(|_| line.is_empty()));
                }
            }
        }
        assert!(open.is_none(), "{name}: a block does not end");
        Page { name, blocks }
    }
}

pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Standard output and standard error, as a terminal shows them.
    pub(crate) text: String,
}

/// Runs commands in a folder.
pub(crate) fn run(commands: &str, folder: &Path) -> Ran {
    let tools = Path::new(env!("CARGO_BIN_EXE_lambda-loader"));
    let mut path = OsString::from(tools.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let log = folder.join(".printed");
    fs::write(&log, "").unwrap();
    let append = || fs::OpenOptions::new().append(true).open(&log).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", &format!("exec 2>&1\n{commands}")]).current_dir(folder).env("PATH", path);
    for name in ["LOADER_MANIFEST", "LOADER_STAGE", "RUST_LOG", "RUST_BACKTRACE"] {
        shell.env_remove(name);
    }
    let status = shell.stdin(Stdio::null()).stdout(append()).stderr(append()).status().unwrap();
    Ran { success: status.success(), text: fs::read_to_string(log).unwrap() }
}

/// Whether `found` is what `expected` says, line by line; `…` stands for anything, and alone on a line for any lines.
pub(crate) fn matches(expected: &str, found: &str) -> Result<(), String> {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    if lines(&expected, &found) { Ok(()) } else { Err(format!("expected:\n{}", expected.join("\n"))) }
}

fn lines(expected: &[&str], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=found.len()).any(|skip| lines(rest, &found[skip..])),
        (Some((one, rest)), Some((line, others))) => like(one, line) && lines(rest, others),
        _ => false,
    }
}

fn like(expected: &str, found: &str) -> bool {
    match expected.split_once('…') {
        None => expected == found,
        Some((start, rest)) => found
            .strip_prefix(start)
            .is_some_and(|found| found.char_indices().map(|(at, _)| at).chain([found.len()]).any(|at| like(rest, &found[at..]))),
    }
}

#[test]
fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
    assert!(matches("a … c\n…\nz", "a b c\n1\n2\nz\n").is_ok());
    assert!(matches("a…", "a").is_ok());
    for (expected, found) in [("a", "b"), ("a", "a\nb"), ("a\nb", "a"), ("a … c", "a b d"), ("…\nz", "z\ny")] {
        assert!(matches(expected, found).is_err(), "{expected:?} {found:?}");
    }
}
