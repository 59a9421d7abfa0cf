//! What Lambda takes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).

use crate::{Code, Refusal};

/// The most bytes of a function with all its layers, unpacked: 250 MB, counted as the service does.
pub(super) const UNZIPPED: u64 = 250 << 20;

/// The most bytes of a function's variables, as the JSON object that the service measures.
const VARIABLES: usize = 4 << 10;

/// Refuses what is larger.
pub(super) fn check_unzipped(size: u64) -> Result<(), Refusal> {
    if size > UNZIPPED { Err(too_large("package".to_owned(), size)) } else { Ok(()) }
}

/// The refusal of `size` bytes.
pub(super) fn too_large(place: String, size: u64) -> Refusal {
    let what = format!("{size} bytes unpacked, and Lambda takes {UNZIPPED} for a function with its layers");
    Refusal::new(Code::PackageTooLarge, place, what)
        .hint("build with --release and strip = \"symbols\", split the function, or keep plugins in S3")
}

/// Refuses variables that are larger together; `longest` has each with the longest value that it may get.
pub(super) fn check_variables(longest: &serde_json::Map<String, serde_json::Value>) -> Result<(), Refusal> {
    let size = serde_json::Value::Object(longest.clone()).to_string().len();
    if size <= VARIABLES {
        return Ok(());
    }
    let what = format!("the function's variables take {size} bytes, and Lambda has room for {VARIABLES}");
    Err(Refusal::new(Code::Usage, "--env", what).hint("put them into the manifest's `environment` or `settings`"))
}
