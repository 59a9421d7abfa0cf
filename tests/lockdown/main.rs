//! The process that takes in no more code: each way in, tried in a child process, first without lockdown, where it must work or the
//! test shows nothing, then under it; as root and as another user. Then what has to go on working, and the real `bootstrap`.
//!
//! Without the test harness: the children lock themselves, and only a process of their own may be locked.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../verify_fixture/mod.rs"]
mod verify_fixture;
#[allow(dead_code, reason = "shared with the tests of plugins, which use more of it")]
#[path = "../plugins/remote.rs"]
mod remote;

mod raw;
mod user;
mod attacks;
mod goes_on;
mod children;
mod filter;
mod bootstrap;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// A test, by its name.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(code) = children::child().or_else(bootstrap::stand_in) {
        return code;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let tests = [filter::TESTS, children::TESTS, bootstrap::TESTS].concat();
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part))) {
        let done = catch_unwind(test);
        println!("{name} ... {}", if done.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(done.is_err());
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
