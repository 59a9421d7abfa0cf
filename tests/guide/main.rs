//! README and guide do what they say: every shell block is run, every JSON block is read, every Rust block is a doctest of the kit.
//!
//! In a page, `<!-- file: NAME -->` above a block writes it to that file first; a `text` block after a shell block is what that prints,
//! where `…` stands for anything. The blocks of a page run one after the other in one folder, with the tool on the `PATH`, and in
//! `build/` every plugin.

#[path = "../support/mod.rs"]
mod support;

mod named;
mod page;
mod reference;
mod security;
mod serving;

use page::{Block, Page};
use serving::Serving;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_loader::Architecture;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{self, Base};
use support::build::Build;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that people read.
fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    files.sort();
    files.extend(["README.md", "plugins/README.md"].map(|name| root().join(name)));
    assert!(files.len() > 8, "{files:?}");
    files.iter().map(|file| Page::read(file)).collect()
}

/// A copy of a built file, as `install -m 644` would make it.
fn place(from: &Path, to: &Path, mode: u32) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder that has the built plugins in `build`.
fn folder(build: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir()) {
        let plugin = entry.file_name().into_string().unwrap();
        let file = format!("lib{}.so", plugin.replace('-', "_"));
        place(&Build::plugin(&plugin).path(), &dir.path().join(build).join(file), 0o644);
    }
    dir
}

#[test]
fn every_shell_block_of_the_guide_does_what_stands_below_it() {
    let (mut ran, mut wrong) = (0, Vec::new());
    for page in pages().iter().filter(|page| page.name.starts_with("docs/")) {
        let dir = folder("build");
        fs::create_dir_all(dir.path().join("plugins")).unwrap();
        fs::copy(root().join("plugins/manifest.json"), dir.path().join("plugins/manifest.json")).unwrap();
        fs::copy(root().join("tests/command/zappa/zappa_settings.py"), dir.path().join("zappa_settings.py")).unwrap();
        for (index, block) in page.blocks.iter().enumerate() {
            if let Some(file) = &block.file {
                let file = dir.path().join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, format!("{}\n", block.text)).unwrap();
            }
            if block.kind != "sh" {
                continue;
            }
            if block.text.contains("perf record") && !page::run("perf record -q -o perf.probe true", dir.path()).success {
                eprintln!("skipped: {}:{}: perf is not there, or may not take samples", page.name, block.line);
                continue;
            }
            let found = page::run(&block.text, dir.path());
            let place = format!("{}:{}", page.name, block.line);
            assert!(found.success, "{place} failed:\n{}", found.text);
            ran += 1;
            let below = block.line + block.text.lines().count() + 3;
            if let Some(expected) = page.blocks.get(index + 1).filter(|next| next.kind == "text" && next.line == below)
                && let Err(why) = page::matches(&expected.text, &found.text)
            {
                wrong.push(format!("{place}: {why}\nit printed:\n{}", found.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran > 10, "{ran}");
}

#[test]
fn the_commands_of_the_readmes_work_on_what_the_build_has_made() {
    for page in pages().iter().filter(|page| page.name.ends_with("README.md")) {
        // One build is as good as the other here.
        let dir = folder("target/debug");
        for (program, built) in
            [("lambda-loader", env!("CARGO_BIN_EXE_lambda-loader")), ("bootstrap", env!("CARGO_BIN_EXE_bootstrap"))]
        {
            place(Path::new(built), &dir.path().join("target/debug").join(program), 0o755);
        }
        symlink("debug", dir.path().join("target/release")).unwrap();
        // As the release profile does, or they are together more than Lambda takes.
        let stripped = Command::new("sh").args(["-c", "strip target/debug/*.so"]).current_dir(dir.path()).status();
        assert!(stripped.is_ok_and(|status| status.success()), "strip comes with the linker");
        fs::create_dir_all(dir.path().join("plugins")).unwrap();
        fs::copy(root().join("plugins/manifest.json"), dir.path().join("plugins/manifest.json")).unwrap();
        let mut ran = 0;
        let mut serving = None;
        for block in page.blocks.iter().filter(|block| block.kind == "sh") {
            // A crate outside of this repository, which cargo builds: `tests/command/new.rs` goes that way.
            if block.text.contains("lambda-loader new") {
                continue;
            }
            if block.text.contains("lambda-loader serve") {
                serving = Some(Serving::start(&block.text, dir.path()));
                continue;
            }
            // What cargo builds is there already; the demo and the tests are commands of their own.
            let lines = block.text.lines().filter(|line| !line.starts_with("cargo "));
            let commands: Vec<_> = match &serving {
                Some(serving) => serving.commands(lines),
                None => lines.map(str::to_owned).collect(),
            };
            if !commands.is_empty() {
                let found = page::run(&commands.join("\n"), dir.path());
                assert!(found.success, "{}:{} failed:\n{}", page.name, block.line, found.text);
                ran += 1;
                if commands.iter().any(|line| line.starts_with("curl ")) {
                    assert!(found.text.contains("good day, reader"), "{}", found.text);
                }
                if commands.iter().any(|line| line.contains("aws lambda invoke")) {
                    let [event, reply] =
                        ["event.json", "reply.json"].map(|name| fs::read_to_string(dir.path().join(name)).unwrap());
                    assert_eq!(reply.trim(), event.trim());
                }
            }
        }
        assert!(ran > 0, "{}", page.name);
        assert_eq!(serving.is_some(), page.name == "README.md", "{}: `lambda-loader serve`", page.name);
    }
}

#[test]
fn every_json_block_is_a_manifest_that_plans_or_an_event() {
    let mut manifests = 0;
    for page in pages() {
        for Block { text, line, .. } in page.blocks.iter().filter(|block| block.kind == "json") {
            let place = format!("{}:{line}", page.name);
            let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}"));
            if value.get("version").is_some() && value.get("Records").is_none() {
                let manifest = Manifest::parse(&place, text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"));
                for stage in manifest.stages() {
                    let plan =
                        policy::plan(&manifest, stage.name.as_deref(), &Base::Folder("/opt/loader".into()), Architecture::HERE);
                    let plan = plan.unwrap_or_else(|refusal| panic!("{refusal}"));
                    assert_eq!(plan.warnings, Vec::<String>::new(), "{place}");
                }
                manifests += 1;
            }
        }
    }
    assert!(manifests >= 3, "{manifests}");
}

#[test]
fn every_rust_block_is_a_doctest_of_the_kit() {
    let kit = fs::read_to_string(root().join("plugin-abi/src/lib.rs")).unwrap();
    for page in pages().iter().filter(|page| page.blocks.iter().any(|block| block.kind == "rust")) {
        assert!(
            kit.contains(&format!("#[doc = include_str!(\"../../{}\")]", page.name)),
            "plugin-abi/src/lib.rs does not include {}",
            page.name
        );
    }
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        for block in &page.blocks {
            assert!(
                ["sh", "json", "text", "rust", "toml"].contains(&block.kind.as_str()),
                "{}:{}: {:?}",
                page.name,
                block.line,
                block.kind
            );
        }
    }
}

#[test]
fn the_summary_names_every_page() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for page in pages().iter().filter(|page| page.name.starts_with("docs/") && page.name != "docs/SUMMARY.md") {
        let link = format!("]({})", page.name.trim_start_matches("docs/"));
        assert!(summary.contains(&link), "docs/SUMMARY.md does not link to {}", page.name);
    }
}

#[test]
fn every_command_of_the_tool_is_shown_somewhere() {
    let dir = tempfile::tempdir().unwrap();
    let help = page::run("lambda-loader --help", dir.path()).text;
    let commands = help.split_once("Commands:\n").unwrap().1.lines().take_while(|line| !line.is_empty());
    // Descriptions may go on in a second line, further in.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(commands.len() > 4, "{help}");
    let text: String = pages().iter().map(|page| fs::read_to_string(root().join(&page.name)).unwrap()).collect();
    for command in commands {
        let shown = [format!("lambda-loader {command} "), format!("`{command} "), format!("`{command}`")];
        assert!(shown.iter().any(|words| text.contains(words)), "README and guide never show `lambda-loader {command}`");
    }
}
