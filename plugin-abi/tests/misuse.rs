//! What an author writes wrongly is refused by the compiler, in words that say what to write.
//!
//! After a change of words or compiler: `TRYBUILD=overwrite cargo test -p lambda-plugin-abi --test misuse`, then read the difference.

use std::process::Command;

/// The compiler whose words are noted in `misuse/*.stderr`. Others say the same in other words.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn misuse_is_a_compile_error_that_says_what_to_write() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(COMPILER) {
        eprintln!("skipped: the messages are those of {COMPILER}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
