//! Tests that pages name: `FILE::NAME`, the name of a function, or of a case in the tables of a binary without the test harness.

use std::path::Path;

use crate::root;

/// The source of a file.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fails where a page names a test that is not there.
#[track_caller]
pub(crate) fn is_there(page: &str, test: &str) {
    let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{page}: {test}: FILE::NAME"));
    let source = read(file);
    let there = if has_harness(&read("Cargo.toml"), file) { has_function(&source, name) } else { has_case(&source, name) };
    assert!(there, "{page}: {file} has no test {name}");
}

/// Whether the functions of a file are run as tests.
fn has_harness(cargo: &str, file: &str) -> bool {
    let without = cargo.split("\n[[test]]\n").skip(1).map(|rest| rest.split("\n[").next().unwrap_or_default());
    let mut names = without.filter(|entry| entry.contains("harness = false")).filter_map(|entry| entry.split('"').nth(1));
    !names.any(|name| Path::new(file).with_extension("").starts_with(Path::new("tests").join(name)))
}

fn has_function(source: &str, name: &str) -> bool {
    let before = source.split_once(&format!("fn {name}()")).map(|(before, _)| before.trim_end());
    before.is_some_and(|before| before.ends_with("#[test]"))
}

fn has_case(source: &str, name: &str) -> bool {
    let rows = [format!("(\"{name}\", "), format!("attack(\"{name}\", "), format!("({name}, ")];
    source.lines().any(|line| rows.iter().any(|row| line.trim_start().starts_with(row)))
}

/// The names of all rows that begin with `start`, which ends before the name, and end the name with `end`.
pub(crate) fn rows<'s>(source: &'s str, start: &str, end: &str) -> Vec<&'s str> {
    source.lines().filter_map(|line| line.trim_start().strip_prefix(start)?.split_once(end)).map(|(name, _)| name).collect()
}

#[test]
fn a_test_that_is_none_is_not_there() {
    let cargo = "[[test]]\nname = \"a\"\nharness = false\n\n[[test]]\nname = \"b\"\npath = \"tests/b/main.rs\"\n[other]\nharness = false\n";
    let cargo = format!("\n{cargo}");
    for (file, expected) in [("tests/a.rs", false), ("tests/a/one.rs", false), ("tests/b/main.rs", true), ("tests/ab.rs", true)] {
        assert_eq!(has_harness(&cargo, file), expected, "{file}");
    }
    let source = "#[test]\nfn one() {\n}\nfn two() {\n}\n// #[test]\n// fn three() {}\n";
    for (name, expected) in [("one", true), ("two", false), ("three", false), ("on", false), ("", false)] {
        assert_eq!(has_function(source, name), expected, "{name}");
    }
    let source = "    attack(\"one\", Door, |x| {\n    (\"a case\", run),\n    // (\"no case\", run),\n    (Take, READ, &[1], X),\n    (\"a\",\n";
    for (name, expected) in [
        ("one", true),
        ("a case", true),
        ("Take, READ", true),
        ("no case", false),
        ("a", false),
        ("Take, WRITE", false),
        ("", false),
    ] {
        assert_eq!(has_case(source, name), expected, "{name}");
    }
}
