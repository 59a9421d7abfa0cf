//! The security page names what is there: each row's tests, and each door, attack and fault of the tables that it is about.

use lambda_loader::lockdown::doors::DOORS;

use crate::named::{self, read, rows};

const PAGE: &str = "docs/security.md";

/// The rows under a heading, by their cells, without the table's head. The last cell names tests, which are there.
fn section(heading: &str, columns: usize) -> Vec<Vec<String>> {
    let text = read(PAGE);
    let section = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    let lines = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| ")).skip(2);
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = lines.map(cells).collect();
    for row in &rows {
        assert!(row.len() == columns && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let tests = codes(&row[columns - 1]);
        assert!(!tests.is_empty(), "{row:?}");
        tests.iter().for_each(|test| named::is_there(PAGE, test));
    }
    rows
}

/// The words in backticks.
fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Each of these cases of a file is named by a row.
fn all_named(rows: &[Vec<String>], file: &str, cases: &[&str]) {
    assert!(!cases.is_empty(), "{file}");
    for case in cases {
        let named = rows.iter().any(|row| codes(&row[row.len() - 1]).contains(&format!("{file}::{case}").as_str()));
        assert!(named, "{PAGE}: no row names {file}::{case}");
    }
}

#[test]
fn every_threat_names_a_rule_and_tests_that_are_there() {
    let text = read(PAGE);
    let writers = text.split_once("\n## Who can write what\n").expect("the heading").1.split("\n## ").next().unwrap();
    let threats = section("What stops them", 4);
    assert!(threats.len() >= 40, "{}", threats.len());
    for row in &threats {
        assert!(writers.contains(&format!("\n| {} | ", row[0])), "{row:?}: who is that?");
    }
    // Each of those who write something tries something.
    for line in writers.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let who = line.trim_matches('|').split(" | ").next().unwrap().trim();
        assert!(who == "deployment" || threats.iter().any(|row| row[0] == who), "{who} tries nothing");
    }
}

#[test]
fn every_door_and_every_attack_is_on_the_page() {
    let rows_of_page = section("Lockdown, door by door", 3);
    let shut: Vec<&str> = rows_of_page.iter().flat_map(|row| codes(&row[0])).collect();
    for door in DOORS {
        assert!(shut.contains(&door.call), "{PAGE}: no row is about the door {}", door.call);
    }
    for call in shut {
        assert!(DOORS.iter().any(|door| door.call == call), "{PAGE}: there is no door {call}");
    }
    let attacks = "tests/lockdown/attacks.rs";
    all_named(&rows_of_page, attacks, &rows(&read(attacks), "attack(\"", "\", Door::"));
}

#[test]
fn every_fault_is_on_the_page() {
    let rows_of_page = section("When a system call fails", 3);
    let faults = "tests/verify_faults.rs";
    let source = read(faults);
    let steps = ["Take", "Load", "Manifest", "Bootstrap"];
    let cases: Vec<String> = steps
        .iter()
        .flat_map(|step| rows(&source, &format!("({step}, "), ", ").into_iter().map(move |call| format!("{step}, {call}")))
        .collect();
    assert!(cases.len() > 40, "{cases:?}");
    all_named(&rows_of_page, faults, &cases.iter().map(String::as_str).collect::<Vec<_>>());
    all_named(&rows_of_page, faults, &rows(&source, "(\"", "\", |"));
    let sandbox = "tests/verify_sandbox.rs";
    all_named(&rows_of_page, sandbox, &rows(&read(sandbox), "(\"", "\", |"));
}

#[test]
fn what_is_said_of_crashes_names_tests_that_are_there() {
    assert!(section("When code crashes", 3).len() >= 5);
}
