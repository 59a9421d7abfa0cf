//! How verification of a damaged object is asked for and its refusal looked at.
#![allow(dead_code, reason = "each test binary uses a part")]

use lambda_loader::verify::{self, Kind, Rules};
use lambda_loader::{Code, Refusal};

use crate::verify_fixture::Object;

/// What this host would hold an artifact to, with one library in the manifest.
pub(crate) fn rules() -> Rules<'static> {
    Rules::here(&["libextra.so.1"], &[0])
}

/// Checks it as an artifact of that library's name.
pub(crate) fn verify(object: &Object, kind: Kind) -> Result<(verify::Facts, Option<verify::Note>), Refusal> {
    verify::object(&object.0, "libextra.so.1", kind, &rules())
}

/// Wants a refusal with a code, words and a mend.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>, code: Code, words: &str) {
    let refusal = result.expect_err(words);
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(refusal.what.contains(words), "{refusal}: wanted {words:?}");
    assert!(refusal.hint.is_some(), "{refusal}: no mend");
}
