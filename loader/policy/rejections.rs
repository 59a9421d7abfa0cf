//! Every refusal of a manifest, with its exact words.

mod artifacts;
mod file;
mod stages;
mod values;

use super::*;

/// Reads and plans `text` for its only or default stage, `a` where it has stages without a default.
#[track_caller]
fn check(text: &str, code: Code, expected: &str) {
    let refusal = refused(text.as_bytes(), &Base::Folder("/opt/loader".into()));
    assert_eq!((refusal.code, refusal.to_string().as_str()), (code, expected), "{text}");
    assert!(!expected.contains("secret") && !expected.contains("sk-live"), "a value shows");
}

#[track_caller]
fn refused(bytes: &[u8], base: &Base) -> Refusal {
    let planned = Manifest::parse("m.json", bytes).and_then(|manifest| {
        let stage = manifest.stages()[0].name.clone();
        plan(&manifest, stage.as_deref(), base, Architecture::X86_64)
    });
    planned.expect_err(&String::from_utf8_lossy(bytes))
}
