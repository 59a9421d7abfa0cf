//! The scanner of events against `serde_json`, which reads the same grammar.

use lambda_loader::route::is_json;
use serde::de::IgnoredAny;

/// Both must agree on what is JSON.
pub(crate) fn check(bytes: &[u8]) {
    // Without a value to build, serde_json takes what only a value cannot hold: numbers beyond `f64`, half a surrogate pair.
    let oracle = std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    assert_eq!(is_json(bytes), oracle);
}
