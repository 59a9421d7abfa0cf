//! The file with a manifest's signature.

use std::ffi::OsStr;

use lambda_loader::Code;
use lambda_loader::verify::trust::Key;
use lambda_loader::verify::trust::key::in_force;

const KEY: &str = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";
const SIGNED: &[u8] = br#"{"version":1}"#;

/// The secret key signed these bytes twice, with these comments, and was thrown away: whatever else is taken is a forgery. And what is
/// read as a key is one by its own text alone.
pub(crate) fn check(bytes: &[u8]) {
    let key = Key::parse(KEY).expect("a key");
    match key.verify(SIGNED, bytes) {
        Ok(comment) => {
            assert!(["release 7", "release 8"].contains(&comment.as_str()), "a forged comment: {comment:?}");
            assert!(key.verify(br#"{"version":2}"#, bytes).is_err(), "one signature for two manifests");
        }
        Err(refusal) => {
            assert_eq!(refusal.code, Code::SignatureInvalid, "{refusal}");
            assert!(!refusal.what.is_empty() && refusal.hint.is_some(), "{refusal}");
            // It goes into the log.
            assert!(!refusal.what.chars().any(char::is_control), "{refusal:?}");
        }
    }
    for text in std::str::from_utf8(bytes).iter().flat_map(|text| text.lines().chain([*text])) {
        let parsed = Key::parse(text);
        let configured = in_force(None, Some(OsStr::new(text)));
        assert_eq!(configured.ok().flatten(), parsed);
        assert!(parsed.is_none_or(|parsed| parsed.id().to_string().len() == 16));
    }
}
