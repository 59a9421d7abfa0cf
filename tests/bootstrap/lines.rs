//! What a process has logged.

use lambda_loader::local::Bootstrap;
use serde_json::Value;

use crate::support::{SOON, output};

/// Waits for a line of JSON that `wanted` accepts.
#[track_caller]
pub(crate) fn line(process: &Bootstrap, wanted: impl Fn(&Value) -> bool) -> Value {
    let accepts = |text: &str| serde_json::from_str(text).is_ok_and(|line| wanted(&line));
    match process.wait_for_line(accepts, SOON) {
        Some(line) => serde_json::from_str(&line.text).expect("JSON"),
        None => panic!("no such line among\n{}", output(process)),
    }
}

/// Waits for the line of that request whose message begins like this.
#[track_caller]
pub(crate) fn of_request(process: &Bootstrap, request_id: &str, message: &str) -> Value {
    line(process, |line| {
        line["requestId"] == request_id && line["message"].as_str().is_some_and(|text| text.starts_with(message))
    })
}

/// Waits for a line that holds all of `words`.
#[track_caller]
pub(crate) fn line_of(process: &Bootstrap, words: &[&str]) -> String {
    let line = process.wait_for_line(|line| words.iter().all(|words| line.contains(words)), SOON);
    line.unwrap_or_else(|| panic!("no {words:?} among\n{}", output(process))).text
}

/// Waits for a line that holds `words`.
#[track_caller]
pub(crate) fn holding(process: &Bootstrap, words: &str) -> String {
    line_of(process, &[words])
}

/// How many lines hold `words`.
pub(crate) fn count(process: &Bootstrap, words: &str) -> usize {
    process.logs().iter().filter(|line| line.text.contains(words)).count()
}
