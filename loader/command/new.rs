//! `new`: a plugin crate that builds, with a test, a sample event and a manifest.

mod kit;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Format, Output, event, print, print_json};
use crate::policy::name::is_name;
use crate::{Code, Refusal, manifest::near};
use kit::Kit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The plugin's name, and that of the folder that is made for it
    #[arg(value_name = "NAME")]
    name: String,
    /// What its events are
    #[arg(long, value_enum, default_value_t = Kind::Event)]
    kind: Kind,
    /// The authoring kit: a folder, or the URL of a git repository [default: the repository around the new folder, else the kit's
    /// sources are put into the plugin's folder kit/]
    #[arg(long, value_name = "PATH|URL")]
    kit: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Any JSON, by direct invocation
    Event,
    /// Messages of an SQS queue
    Sqs,
    /// HTTP requests
    Http,
    /// Work by hand
    Operation,
    /// A schedule of EventBridge
    Schedule,
}

impl Kind {
    /// The sample event's source, the route's source, and the code.
    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Event => ("direct", "direct", include_str!("new/templates/event.rs")),
            Kind::Sqs => ("sqs", "sqs", include_str!("new/templates/sqs.rs")),
            Kind::Http => ("api-gateway-http", "http", include_str!("new/templates/http.rs")),
            Kind::Operation => ("operation", "operation", include_str!("new/templates/operation.rs")),
            Kind::Schedule => ("schedule", "schedule", include_str!("new/templates/schedule.rs")),
        }
    }

    /// What the code needs beside the kit and serde.
    const fn dependency(self) -> &'static str {
        match self {
            Kind::Sqs => "aws_lambda_events = { version = \"1.2\", default-features = false, features = [\"sqs\"] }\n",
            Kind::Schedule => {
                "aws_lambda_events = { version = \"1.2\", default-features = false, features = [\"eventbridge\"] }\n"
            }
            Kind::Http => "axum = { version = \"0.8\", default-features = false, features = [\"json\"] }\n",
            _ => "",
        }
    }

    /// The kit's features that the code needs.
    const fn kit_features(self) -> &'static [&'static str] {
        match self {
            Kind::Http => &["http"],
            _ => &[],
        }
    }

    /// What the code exports.
    const fn handler(self) -> &'static str {
        match self {
            Kind::Http => "web",
            _ => "handle",
        }
    }

    /// What the manifest says of its events, beside `source` and `to`.
    const fn route(self) -> &'static str {
        match self {
            Kind::Event | Kind::Schedule => "",
            Kind::Sqs => "\"report_batch_item_failures\": true, ",
            Kind::Http => "\"path\": \"/{*rest}\", ",
            Kind::Operation => "\"name\": \"migrate\", ",
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let name = arguments.name.as_str();
    check_name(name)?;
    let usage = |what: String| Refusal::new(Code::Usage, name, what);
    let parent = Path::new(".").canonicalize().map_err(|error| usage(error.to_string().to_lowercase()))?;
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(usage("there is something of that name here already".to_owned()).hint("take another name or folder"));
    }
    let kit = Kit::find(arguments.kit.as_deref(), &parent)?;
    let workspace = parent.ancestors().find(|folder| is_workspace(folder)).map(Path::to_owned);
    if let (Kit::Carried, Some(workspace)) = (&kit, &workspace) {
        let what = format!("the workspace {} has no kit, and a member of it cannot carry its own", workspace.display());
        return Err(usage(what).hint("give --kit, or make the plugin outside the workspace"));
    }
    let mut files = own_files(name, arguments.kind, &kit)?;
    files.extend(kit.files());
    for (path, text) in &files {
        write(&folder.join(path), text).map_err(|error| {
            Refusal::new(
                Code::Usage,
                format!("{name}/{path}"),
                format!("could not be written: {}", error.to_string().to_lowercase()),
            )
            .hint("run it in a folder that you may write")
        })?;
    }
    report(arguments, &files, workspace);
    Ok(0)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    // What cargo refuses, and what the plugin itself depends on.
    const TAKEN: [&str; 16] = [
        "alloc",
        "async",
        "aws_lambda_events",
        "const",
        "core",
        "crate",
        "dyn",
        "enum",
        "fn",
        "lambda-plugin-abi",
        "proc_macro",
        "serde",
        "serde_json",
        "std",
        "test",
        "tokio",
    ];
    let refusal = |what: String| Refusal::new(Code::Usage, "NAME", what);
    if !is_name(name) || name.len() > 64 {
        let what = format!("{} is not the name of a plugin", near::quoted(name));
        return Err(refusal(what).hint("it begins with one of a-z and goes on with a-z, 0-9, _ and -, up to 64 of them"));
    }
    if TAKEN.contains(&name) {
        return Err(refusal(format!("{name} is the name of something else")).hint(format!("call it {name}-plugin for one")));
    }
    Ok(())
}

fn is_workspace(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line.trim() == "[workspace]")
}

fn own_files(name: &str, kind: Kind, kit: &Kit) -> Result<Vec<(String, String)>, Refusal> {
    let (sample, source, code) = kind.parts();
    let cargo = format!(
        "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         # cdylib: what the loader loads; rlib: for tests.\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n\
         [dependencies]\n{}{}\nserde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n",
        kind.dependency(),
        kit.dependency(kind.kit_features()),
    );
    // A plugin's name needs no escapes.
    let manifest = format!(
        "{{\n  \"version\": 1,\n  \"plugins\": {{\n    \"{name}\": {{ \"path\": \"{}\" }}\n  }},\n  \"routes\": {{\n    \
         \"{name}\": {{ \"source\": \"{source}\", {}\"to\": \"{name}.{}\" }}\n  }}\n}}\n",
        library(name),
        kind.route(),
        kind.handler(),
    );
    Ok(vec![
        ("Cargo.toml".to_owned(), cargo),
        ("src/lib.rs".to_owned(), code.to_owned()),
        ("event.json".to_owned(), event::text(sample)?.to_owned()),
        ("manifest.json".to_owned(), manifest),
        (".gitignore".to_owned(), "/target\n".to_owned()),
    ])
}

/// The file that cargo builds.
fn library(name: &str) -> String {
    format!("lib{}.so", name.replace('-', "_"))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

fn report(arguments: &Arguments, files: &[(String, String)], workspace: Option<PathBuf>) {
    let name = &arguments.name;
    if let Format::Json = arguments.output.format {
        let files: Vec<_> = files.iter().map(|(path, _)| format!("{name}/{path}")).collect();
        print_json(&json!({ "name": name, "files": files, "workspace": workspace }));
        return;
    }
    let target = match &workspace {
        // Seen from the plugin's folder.
        Some(workspace) => {
            eprintln!("note: {name} belongs to the workspace {}: its `members` have to name it", workspace.display());
            workspace.join("target").display().to_string()
        }
        None => "target".to_owned(),
    };
    // Any event can be given to the Invoke API; of HTTP there is a shorter way.
    let call = match arguments.kind {
        Kind::Http => "curl http://127.0.0.1:9000/orders",
        _ => "curl --data @event.json http://127.0.0.1:9000/2015-03-31/functions/function/invocations",
    };
    print(&format!(
        "made {name}: try it with\n\n  cd {name}\n  cargo test\n  cargo build\n  lambda-loader lock --from {target}/debug\n  \
         lambda-loader invoke --from {target}/debug --event event.json\n  lambda-loader serve --from {target}/debug --watch\n\n\
         and, while that serves, in another terminal\n\n  {call}\n"
    ));
}
