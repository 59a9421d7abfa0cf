//! The references say what the code says: sources and their keys, the manifest's keys, the rules of the ABI and their tests.

use std::fmt::Write as _;
use std::fs;

use lambda_loader::Architecture;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{self, Base};
use lambda_loader::route::Source;

use crate::named::{self, read};
use crate::root;

/// The cells of all rows of tables whose first cell is code.
fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The words in backticks.
fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The keys of a route, and a value that each takes.
const KEYS: [(&str, &str); 26] = [
    ("resource", "\"*\""),
    ("method", "\"GET\""),
    ("path", "\"/x\""),
    ("host", "\"example.com\""),
    ("stage", "\"dev\""),
    ("name", "\"migrate\""),
    ("event", "\"ObjectCreated:*\""),
    ("key_prefix", "\"in/\""),
    ("key_suffix", "\".jpg\""),
    ("event_source", "\"app\""),
    ("detail_type", "\"Order\""),
    ("recipient", "\"*@example.org\""),
    ("topic", "\"orders\""),
    ("log_group", "\"/aws/lambda/*\""),
    ("kind", "\"TOKEN\""),
    ("route_key", "\"$connect\""),
    ("action_group", "\"a\""),
    ("trigger", "\"PreSignUp_SignUp\""),
    ("resource_type", "\"Custom::Thing\""),
    ("step", "\"createSecret\""),
    ("intent", "\"Order\""),
    ("invocation_source", "\"DialogCodeHook\""),
    ("channel", "\"/c\""),
    ("type_name", "\"Query\""),
    ("field", "\"order\""),
    ("where", "{\"/a\": true}"),
];

/// Whether a route of `source` may have a key.
fn takes(source: &str, key: &str, value: &str) -> bool {
    let name = if source == "operation" && key != "name" { ", \"name\": \"n\"" } else { "" };
    let route = format!("{{\"source\": \"{source}\", \"to\": \"p\", \"{key}\": {value}{name}}}");
    let text = format!("{{\"version\": 1, \"plugins\": {{\"p\": {{\"path\": \"p.so\"}}}}, \"routes\": {{\"r\": {route}}}}}");
    let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap();
    match policy::plan(&manifest, None, &Base::Folder("/".into()), Architecture::HERE) {
        Ok(_) => true,
        Err(refusal) if refusal.code.name() == "route-key-unknown" => false,
        Err(refusal) => panic!("{source} {key}: {refusal}"),
    }
}

#[test]
fn the_event_reference_has_every_source_with_the_keys_that_its_routes_take() {
    let text = read("docs/events.md");
    let rows = rows(&text);
    let mut listed: Vec<&str> = rows.iter().map(|row| codes(&row[0])[0]).filter(|name| *name != "http").collect();
    let mut known: Vec<&str> = Source::ALL.iter().map(|source| source.name()).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
    let keys =
        |source: &str| KEYS.iter().filter(|(key, value)| takes(source, key, value)).map(|(key, _)| *key).collect::<Vec<_>>();
    if std::env::var_os("BLESS").is_some() {
        let mut blessed = text.clone();
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let (start, _) = line.trim_end_matches(" |").rsplit_once(" | ").unwrap();
            let keys: Vec<_> = keys(codes(line)[0]).iter().map(|key| format!("`{key}`")).collect();
            blessed = blessed.replace(line, &format!("{start} | {} |", keys.join(" ")));
        }
        fs::write(root().join("docs/events.md"), blessed).unwrap();
        return;
    }
    for row in rows {
        let source = codes(&row[0])[0];
        assert_eq!(codes(&row[2]), keys(source), "docs/events.md: {source}");
    }
}

/// `docs/manifest.md` below its introduction: the types of the file as the parser has them.
fn keys() -> String {
    let mut text = String::new();
    for (file, title, of) in [
        ("loader/manifest/wire.rs", "The file", "Manifest"),
        ("loader/manifest/wire.rs", "`allow`", "Allow"),
        ("loader/manifest/wire/plugin.rs", "An entry of `plugins`", "Plugin"),
        ("loader/manifest/wire/plugin.rs", "An entry of `libraries`", "Library"),
        ("loader/manifest/wire/plugin.rs", "`settings`", "Settings"),
        ("loader/manifest/wire/route.rs", "An entry of `routes`", "Route"),
    ] {
        let source = read(file);
        let body = source.split_once(&format!("pub struct {of} {{\n")).unwrap_or_else(|| panic!("{file}: {of}")).1;
        let body = body.split_once("\n}").unwrap().0;
        write!(text, "\n## {title}\n\n| key | meaning |\n| --- | --- |\n").unwrap();
        let (mut meaning, mut renamed) = (Vec::new(), None);
        for line in body.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("/// ") {
                meaning.push(words.to_owned());
            } else if let Some(rest) = line.split_once("rename = \"").filter(|_| line.starts_with("#[serde")) {
                renamed = rest.1.split('"').next().map(str::to_owned);
            } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|line| line.split_once(':')) {
                let name = renamed.take().unwrap_or_else(|| name.to_owned());
                writeln!(text, "| `{name}` | {} |", std::mem::take(&mut meaning).join(" ").replace('|', "\\|")).unwrap();
            }
        }
    }
    text
}

#[test]
fn the_manifest_reference_is_that_of_the_types_that_parse_it() {
    const MARK: &str = "<!-- From here on generated: BLESS=1 cargo test --test guide -->\n";
    let text = read("docs/manifest.md");
    let (head, tail) = text.split_once(MARK).expect("the mark");
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join("docs/manifest.md"), format!("{head}{MARK}{}", keys())).unwrap();
    } else {
        assert!(tail == keys(), "docs/manifest.md is not what the code says: BLESS=1 cargo test --test guide");
    }
    assert!(keys().contains("| `where` |") && keys().contains("| `$schema` |") && keys().lines().count() > 60, "{}", keys());
}

#[test]
fn every_rule_of_the_abi_names_a_test_that_is_there() {
    let text = read("docs/abi.md");
    let rules: Vec<_> = text.lines().filter(|line| line.starts_with("| R")).collect();
    assert!(rules.len() >= 15, "{}", rules.len());
    for (index, rule) in rules.iter().enumerate() {
        let cells: Vec<_> = rule.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!((cells[0], cells.len()), (format!("R{}", index + 1).as_str(), 5), "{rule}");
        let tests = codes(cells[4]);
        assert!(!tests.is_empty(), "{rule}");
        for test in tests {
            named::is_there("docs/abi.md", test);
        }
    }
}
