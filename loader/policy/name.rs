//! Names of plugins, handlers, routes and stages; sonames of libraries; names of functions.

use super::problem::Problem;
use crate::manifest::near::quoted;
use crate::refusal::Code;
use crate::verify::dependencies::is_system;

/// Whether `name` is `[a-z][a-z0-9_-]*`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Refuses what [`is_name`] is not.
pub(crate) fn check(name: &str) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    let problem = Problem::new(Code::ManifestValue, format!("{} is not a name", quoted(name)));
    Err(problem.hint("a name begins with one of a-z and goes on with a-z, 0-9, _ and -").on_key())
}

/// Refuses a soname that could name anything but a file in a folder, or that is the system's.
pub(super) fn check_soname(name: &str) -> Result<(), Problem> {
    if is_system(name) {
        let problem = Problem::new(Code::ManifestValue, format!("{} is a library of the system", quoted(name)));
        return Err(problem.hint("take the entry out: plugins get that one from the system folders").on_key());
    }
    let fine = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'+');
    if name.bytes().all(fine) && name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_') {
        return Ok(());
    }
    let problem = Problem::new(Code::ManifestValue, format!("{} is not a soname", quoted(name)));
    Err(problem.hint("the key of a library is its DT_SONAME, as in \"libpq.so.5\"").on_key())
}

/// Refuses a pattern that no function's name could match.
/// Names: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
pub(super) fn check_function(pattern: &str) -> Result<(), Problem> {
    let fine = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'*');
    if !pattern.is_empty() && pattern.bytes().all(fine) {
        return Ok(());
    }
    let problem = Problem::new(Code::ManifestValue, format!("{} matches no function's name", quoted(pattern)));
    Err(problem.hint("write the function's name, not its ARN; * stands for any run of characters"))
}

/// Reads `plugin` or `plugin.handler`.
pub(super) fn target(to: &str) -> Result<(&str, Option<&str>), Problem> {
    let (plugin, handler) = match to.split_once('.') {
        Some((plugin, handler)) => (plugin, Some(handler)),
        None => (to, None),
    };
    if is_name(plugin) && handler.is_none_or(is_name) {
        return Ok((plugin, handler));
    }
    let problem = Problem::new(Code::ManifestValue, format!("{} names no handler", quoted(to)));
    Err(problem.hint("write \"plugin\" or \"plugin.handler\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_and_begins_with_a_letter() {
        for name in ["a", "order-queue", "on_message", "a1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "aB", "1a", "-a", "_a", "a.b", "a b", "ä", "a\n", "a/b", "a\0"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_soname_is_no_path() {
        for name in ["libpq.so.5", "libstdc++.so.6", "_x.so"] {
            assert!(check_soname(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/a", "a b", ".hidden", "a\0b", "$ORIGIN"] {
            assert!(check_soname(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_target_is_a_plugin_or_a_plugin_and_a_handler() {
        #[track_caller]
        fn check(to: &str, expected: Option<(&str, Option<&str>)>) {
            assert_eq!(target(to).ok(), expected, "{to}");
        }
        check("orders", Some(("orders", None)));
        check("orders.on_message", Some(("orders", Some("on_message"))));
        for wrong in ["", ".", "orders.", ".x", "a.b.c", "a..b", "Orders.x", "orders.X", "orders x", "../x"] {
            check(wrong, None);
        }
    }
}
