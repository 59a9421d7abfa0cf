//! The seeds of the fuzz targets, and what fuzzing once found, through the very checks that the targets run.

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::path::Path;

type Check = fn(&[u8]);

/// Every target with its check.
const TARGETS: &[(&str, Check)] = &[
    ("edit", checks::edit::check),
    ("elf", checks::elf::check),
    ("event", checks::event::check),
    ("json", checks::json::check),
    ("manifest", checks::manifest::check),
    ("note", checks::note::check),
    ("packed", checks::packed::check),
    ("reply", checks::reply::check),
    ("signature", checks::signature::check),
];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

/// Names in a folder, without extension.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_passes_its_check_whole_cut_off_and_with_bytes_changed() {
    for (target, check) in TARGETS {
        let seeds = folder().join("seeds").join(target);
        let files = names_of_files(&seeds);
        assert!(files.len() >= 5, "{target} has only {} seeds", files.len());
        for file in files {
            let path = seeds.join(&file);
            let bytes = std::fs::read(&path).unwrap();
            eprintln!("{}", path.display());
            check(&bytes);
            // A step of a prime number: other bytes in every file, and few enough of them for an ordinary test run.
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 23) {
                check(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                check(&changed);
            }
        }
    }
}

fn names_of_files(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    files
}

/// A check without a target would never be fuzzed, a target without seeds would begin from nothing.
#[test]
fn every_check_has_a_target_seeds_and_a_dictionary() {
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for inside in ["targets", "seeds", "dictionaries"] {
        assert_eq!(names(&folder().join(inside)), targets, "{inside}");
    }
    let checks: Vec<_> = names(&folder().join("checks")).into_iter().filter(|name| name != "mod" && name != "routes").collect();
    assert_eq!(checks, targets);
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
    }
}
