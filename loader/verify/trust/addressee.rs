//! Whether a manifest that is believed is meant for this function, and new enough: an old or foreign signed one is still signed.

use super::{ManifestFile, TrustSettings};
use crate::manifest::near;
use crate::refusal::{Code, Refusal};

/// Whether a manifest with these `functions` (none: any) and this `serial` is for this function, and new enough: the second half of
/// [`check`](super::check).
///
/// # Errors
/// `function-not-listed`, `serial-too-old`, `manifest-untrusted` where the least serial is no number.
pub fn addressee(
    file: &ManifestFile,
    settings: &TrustSettings,
    functions: &[String],
    serial: Option<u64>,
) -> Result<(), Refusal> {
    check_function(file, settings, functions)?;
    check_serial(file, settings, serial)
}

fn check_function(file: &ManifestFile, settings: &TrustSettings, functions: &[String]) -> Result<(), Refusal> {
    if functions.is_empty() {
        return Ok(());
    }
    let name = settings.function_name.as_deref().and_then(|name| name.to_str()).unwrap_or_default();
    if is_listed(functions, name) {
        return Ok(());
    }
    let what = match name {
        "" => "it is for certain functions, and AWS_LAMBDA_FUNCTION_NAME does not say which this is".to_owned(),
        // The function's name stands in every one of its log lines: no secret.
        name => {
            format!("it is for {}, not for {name:?}", near::all(functions.iter().map(String::as_str)))
        }
    };
    let place = format!("{}: functions", file.place());
    Err(Refusal::new(Code::FunctionNotListed, place, what).hint("deploy the manifest of this function, or add the function"))
}

/// Whether the function is one of these; `*` in them stands for any characters, also none.
#[must_use]
pub fn is_listed(functions: &[String], name: &str) -> bool {
    !name.is_empty() && functions.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
}

/// `*` stands for any characters, also none.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    // The leftmost place for each piece in between leaves the most for what follows.
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.windows(piece.len()).position(|window| window == piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

fn check_serial(file: &ManifestFile, settings: &TrustSettings, serial: Option<u64>) -> Result<(), Refusal> {
    let Some(wanted) = &settings.min_serial else { return Ok(()) };
    let place = format!("{}: serial", file.place());
    let number = wanted.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok());
    let Some(wanted): Option<u64> = number else {
        return Err(Refusal::new(Code::ManifestUntrusted, place, "LOADER_MANIFEST_MIN_SERIAL is not a whole number")
            .hint("set it to the lowest serial that the function may run, or unset it"));
    };
    let what = match serial {
        Some(serial) if serial >= wanted => return Ok(()),
        Some(serial) => format!("{serial} is below LOADER_MANIFEST_MIN_SERIAL, which is {wanted}"),
        None => format!("it has none, and LOADER_MANIFEST_MIN_SERIAL is {wanted}"),
    };
    Err(Refusal::new(Code::SerialTooOld, place, what).hint("deploy the current manifest"))
}
