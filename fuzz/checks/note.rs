//! The descriptor of an ABI note.

use lambda_loader::verify::note::{KIND, read};

/// A note that is taken is JSON with these very names, each found again, and fit to be printed.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(note) = read(&[(KIND, bytes.to_vec())], &[0, 1]) else { return };
    assert_eq!(note.raw, bytes);
    // Keys that nobody here knows are passed over: a tree could not hold all that may stand there.
    let text = std::str::from_utf8(bytes).expect("what is taken is text");
    serde_json::from_str::<serde::de::IgnoredAny>(text).expect("what is taken is JSON");
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        assert_eq!(value["name"], note.name);
        assert_eq!(value["abi"], note.abi);
    }
    for (index, handler) in note.handlers.iter().enumerate() {
        assert_eq!(note.handler(Some(handler)).expect("its own handler"), index);
    }
    for text in [&note.name, &note.version, &note.compiler].into_iter().chain(&note.kit).chain(&note.handlers) {
        assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{text:?}");
    }
}
