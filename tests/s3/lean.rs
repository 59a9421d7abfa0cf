//! What is in the two programs: nothing of the SDK in the one, and in the other what holds for both.

use object::{Object as _, ObjectSection as _, SectionKind};

/// Whether code or data of a program names the SDK: its user agent, its paths, its variables. What is for debuggers does not count.
fn names_the_sdk(program: &str) -> bool {
    let bytes = std::fs::read(program).expect("a program");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let kinds = [SectionKind::Text, SectionKind::Data, SectionKind::ReadOnlyData, SectionKind::ReadOnlyString];
    let mapped = file.sections().filter(|section| kinds.contains(&section.kind()));
    let marks = [b"aws_sdk_s3".as_slice(), b"aws-sdk-s3", b"AWS_ENDPOINT_URL"];
    let found = |data: &[u8]| marks.iter().any(|mark| data.windows(mark.len()).any(|window| window == *mark));
    mapped.filter_map(|section| section.data().ok()).any(found)
}

#[test]
fn bootstrap_has_nothing_of_the_sdk_and_bootstrap_s3_has() {
    assert!(names_the_sdk(env!("CARGO_BIN_EXE_bootstrap-s3")), "or this test sees nothing");
    assert!(!names_the_sdk(env!("CARGO_BIN_EXE_bootstrap")));
}

#[test]
fn bootstrap_s3_is_linked_with_the_older_tag_that_wins_too() {
    let output = std::process::Command::new("readelf").args(["-dW", env!("CARGO_BIN_EXE_bootstrap-s3")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("(RPATH)") && !text.contains("(RUNPATH)"), "{text}");
}
