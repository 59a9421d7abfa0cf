//! The repository's own rules: what README and docs say is what the code says, and files stay readable.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use lambda_loader::{Class, Code};

/// Longer files have more than one thing in them.
const LONGEST: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files that people read and write, by paths from the root.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                let generated =
                    ["target", "dist", "corpus", "artifacts"].contains(&name) || (name.starts_with('.') && name != ".ci");
                if !generated && !path.join("CACHEDIR.TAG").exists() {
                    walk(&path, files);
                }
            } else if name != "Cargo.lock" {
                files.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut files = Vec::new();
    walk(root(), &mut files);
    assert!(files.iter().any(|file| file == Path::new("tests/tidy.rs")), "{files:?}");
    files
}

fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let rust = files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|file| (file.clone(), read(file.to_str().unwrap())))
}

/// The fenced blocks of one kind.
fn blocks<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let fence = format!("\n```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The rows of the table under a heading, without its head.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let text = format!("\n{text}");
    let rest = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    let lines = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

#[test]
fn the_first_command_of_the_readme_is_the_demo_and_the_second_the_tests() {
    let readme = read("README.md");
    let blocks = blocks(&readme, "sh");
    assert_eq!(blocks[0], "cargo build && cargo run --bin demo");
    assert_eq!(blocks[1], "cargo test --workspace");
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_code() {
    let mut expected = vec![vec!["0".to_owned(), "done".to_owned()]];
    expected.extend(Class::ALL.iter().map(|class| vec![class.exit().to_string(), class.meaning().to_owned()]));
    assert_eq!(table(&read("README.md"), "## Exit codes"), expected);
}

#[test]
fn every_class_has_an_exit_code_of_its_own_and_all_codes_have_a_class() {
    let exits: Vec<u8> = Class::ALL.iter().map(|class| class.exit()).collect();
    assert_eq!(exits, [1, 2, 3, 4, 5, 6]);
    for class in Class::ALL {
        assert!(Code::ALL.iter().any(|code| code.class() == class), "{class:?} is of no code");
    }
}

/// What `docs/errors.md` has to say.
fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         Every reason for which `bootstrap` and `lambda-loader` refuse or fail. The name is `code` in JSON output and in the log; the type is\n\
         what Lambda shows, in the console and as `errorType`. Generated from `loader/refusal.rs` by\n\
         `BLESS=1 cargo test --test tidy`, and compared with it by every run of the tests.\n\n\
         | code | exit | Lambda error type | meaning |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let meaning = code.meaning().trim().replace('|', "\\|");
        writeln!(text, "| `{}` | {} | `{}` | {meaning} |", code.name(), code.class().exit(), code.error_type()).unwrap();
    }
    text
}

#[test]
fn the_error_reference_is_that_of_the_code() {
    let path = "docs/errors.md";
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(root().join("docs")).unwrap();
        fs::write(root().join(path), errors()).unwrap();
    }
    assert!(read(path) == errors(), "{path} is not what the code says: BLESS=1 cargo test --test tidy");
}

/// The sources of the loader without their own tests.
fn loader() -> Vec<(PathBuf, String)> {
    let is_test = |file: &Path| {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        stem.ends_with("tests") || file.iter().any(|part| part == "tests" || part == "rejections") || stem == "rejections"
    };
    let loader = sources().filter(|(file, _)| file.starts_with("loader") && !is_test(file));
    loader.map(|(file, text)| (file, text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned())).collect()
}

/// The source of all tests: the binaries in `tests/`, and the modules beside what they test.
fn tests(loader: &[(PathBuf, String)]) -> String {
    let mut text = String::new();
    for (file, whole) in sources().filter(|(file, _)| file != Path::new("tests/tidy.rs")) {
        let tested = loader.iter().find(|(other, _)| *other == file).map_or(0, |(_, code)| code.len());
        if file.starts_with("tests") || file.starts_with("loader") {
            text.push_str(&whole[tested..]);
        }
    }
    text
}

/// Codes that no test can bring about, each with the reason.
const UNTESTED: [(Code, &str); 1] = [(Code::Internal, "what it stands for cannot happen, as far as anybody knows")];

#[test]
fn every_code_is_looked_for_by_a_test() {
    let loader = loader();
    let text = tests(&loader);
    for code in Code::ALL {
        let variant = code.error_type().strip_prefix("Runtime.Loader").unwrap();
        let name = code.name();
        let spelled = [format!("Code::{variant}"), format!("\"{name}\""), format!("[{name}]"), format!("code={name}")];
        let tested = spelled.iter().chain([&code.error_type().to_owned()]).any(|spelling| holds(&text, spelling));
        let reason = UNTESTED.iter().find(|(untested, _)| untested == code);
        assert!(tested || reason.is_some(), "{name}: no test looks for it");
        let used = loader.iter().any(|(file, text)| !file.ends_with("refusal.rs") && holds(text, &spelled[0]));
        assert!(used, "{name}: nothing is ever refused with it");
    }
}

/// Whether `word` stands in `text`, and is not only the beginning of a longer one.
fn holds(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[at + word.len()..].starts_with(|next: char| next.is_alphanumeric()))
}

/// Where a refusal has no mend, for a reason.
const WITHOUT_MEND: [(&str, &str); 1] = [("loader/route/pick.rs", "about an event, whose sender is not who reads the message")];

#[test]
fn every_refusal_says_the_mend() {
    let mut found = 0;
    for (file, text) in loader() {
        for (at, call) in text.match_indices("Refusal::new(") {
            found += 1;
            let arguments = text[at + call.len()..].trim_start();
            // Its mend is the same for all, and stands in `Refusal::new`.
            if arguments.starts_with("Code::Internal") || WITHOUT_MEND.iter().any(|(place, _)| file == Path::new(place)) {
                continue;
            }
            // In the same expression, or a few lines on where the mend is chosen.
            let rest: String = arguments.split("Refusal::new(").next().unwrap().lines().take(14).collect();
            let line = text[..at].lines().count();
            assert!(rest.contains("hint("), "{}:{line}: a refusal without a mend", file.display());
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn the_schema_in_the_documents_is_that_of_the_code() {
    let (path, schema) = ("docs/manifest.schema.json", lambda_loader::manifest::schema::schema().unwrap());
    let schema = format!("{schema:#}\n");
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(path), &schema).unwrap();
    }
    assert!(read(path) == schema, "{path} is not what the code says: BLESS=1 cargo test --test tidy");
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    for file in files() {
        // What is generated is not read from top to bottom, and what is not text has no lines.
        if file == Path::new("docs/manifest.schema.json") {
            continue;
        }
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines, and {LONGEST} is the most: split it by what it does", file.display());
    }
}

#[test]
fn every_unsafe_block_has_a_proof() {
    let mut found = 0;
    for (file, text) in sources().filter(|(file, _)| file != Path::new("tests/tidy.rs")) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap();
            if !code.contains("unsafe {") && !code.trim_start().starts_with("unsafe impl") {
                continue;
            }
            found += 1;
            let above = &lines[number.saturating_sub(15)..number];
            assert!(
                above.iter().any(|line| line.contains("// SAFETY:")),
                "{}:{}: unsafe without a SAFETY comment above it",
                file.display(),
                number + 1
            );
        }
    }
    assert!(found > 10, "{found}");
}

/// What the interface's fingerprint is made of is all that its types are made of.
#[test]
fn the_fingerprint_of_the_frozen_types_is_of_all_their_sources_and_their_exact_abi_stable() {
    let source = read("plugin-abi/v1/src/fingerprint.rs");
    let list = source.split_once("MADE_OF: &[&[u8]] = &[").unwrap().1.split_once("];").unwrap().0;
    let mut expected: Vec<String> = fs::read_dir(root().join("plugin-abi/v1/src"))
        .unwrap()
        .map(|entry| format!("include_bytes!(\"{}\")", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    expected.push("b\"abi_stable =0.11.3\"".to_owned());
    expected.sort();
    let mut listed: Vec<_> = list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    listed.sort_unstable();
    assert_eq!(listed, expected);
    assert!(read("Cargo.toml").contains("\nabi_stable = { version = \"=0.11.3\", default-features = false }\n"));
    assert!(read("plugin-abi/v1/Cargo.toml").contains("\n[dependencies]\nabi_stable.workspace = true\n\n"));
}

#[test]
fn every_plugin_is_listed_with_a_line() {
    let listed = table(&read("plugins/README.md"), "# Plugins");
    let mut listed: Vec<_> = listed.into_iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let folders = fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut there: Vec<_> = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut found = 0;
    for file in files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = read(file.to_str().unwrap());
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                found += 1;
                assert!(root().join(&file).parent().unwrap().join(path).exists(), "{}: {target}", file.display());
            }
        }
    }
    assert!(found > 3, "{found}");
}

#[test]
fn the_changelog_has_a_place_for_what_is_new() {
    assert!(read("CHANGELOG.md").starts_with("# Changelog\n") && read("CHANGELOG.md").contains("\n## Unreleased\n"));
}
