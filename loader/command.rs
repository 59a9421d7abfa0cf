//! `lambda-loader`: the tool for people. Each command is a thin edge over the pipeline.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

mod about;
mod advice;
mod complain;
mod diff;
mod effective;
mod event;
mod from;
mod import_zappa;
mod inspect;
mod invoke;
mod keygen;
mod lock;
mod mappings;
mod new;
mod opened;
mod package;
mod password;
mod progress;
#[cfg(feature = "s3")]
mod push;
mod replace;
mod route;
mod schema;
mod show;
mod serve;
mod sign;
mod verify;

use crate::fetch::Connect;
use crate::{Class, Refusal, version};

/// What fetches from S3 for people.
#[cfg(feature = "s3")]
const REMOTE: Option<Connect> = Some(crate::fetch::s3::as_person);
#[cfg(not(feature = "s3"))]
const REMOTE: Option<Connect> = None;

/// Verifies native plugins and routes AWS Lambda events to them.
#[derive(Debug, Parser)]
#[command(name = "lambda-loader", version = version::text(), after_help = exit_codes(), max_term_width = 120)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// The exit codes, as `--help` and the README show them.
#[must_use]
pub fn exit_codes() -> String {
    let classes = Class::ALL.iter().map(|class| format!("\n  {}  {}", class.exit(), class.meaning()));
    format!("Exit codes:\n  0  done{}", classes.collect::<String>())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every plugin and library as bootstrap would, without running any of their code
    Verify(verify::Arguments),
    /// Write the digests of plugins and libraries into the manifest
    Lock(lock::Arguments),
    /// Make a key pair to sign manifests with
    Keygen(keygen::Arguments),
    /// Sign the manifest, so that functions with the key take no other
    Sign(sign::Arguments),
    /// Show what one plugin file is: digest, ELF facts, ABI note
    Inspect(inspect::Arguments),
    /// Show where an event would go
    Route(route::Arguments),
    /// Run an event through the plugins in this process; the reply goes to standard output
    Invoke(invoke::Arguments),
    /// Write the skeleton of a manifest from Zappa's settings, and list what has no counterpart
    ImportZappa(import_zappa::Arguments),
    /// Show what the manifest says in one stage, and where
    Show(show::Arguments),
    /// Show what changes in what runs, between two stages or manifests
    Diff(diff::Arguments),
    /// Make function.zip, layer.zip and a SAM template of it: what Lambda gets, byte for byte the same each time
    Package(package::Arguments),
    /// Upload one stage to S3: what it names under keys that are never overwritten, then its locked manifest
    #[cfg(feature = "s3")]
    Push(push::Arguments),
    /// Make a plugin crate that builds, with a test, a sample event and a manifest
    New(new::Arguments),
    /// Print a sample event to start from
    Event(event::Arguments),
    /// Print the manifest's JSON Schema, for editors
    Schema(schema::Arguments),
    /// Print a script that completes commands and options in a shell
    Completions(about::CompletionsArguments),
    /// Print a manual page: lambda-loader man | man -l -
    Man(about::ManArguments),
    /// A local Lambda: bootstrap under a Runtime API, behind the Invoke API and HTTP
    Serve(serve::Arguments),
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The manifest, a file or s3://BUCKET/KEY [default: LOADER_MANIFEST, else manifest.json]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The stage [default: LOADER_STAGE, else the manifest's default_stage]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Where artifacts are taken from instead.
#[derive(Debug, Args)]
struct From {
    /// Take artifacts from elsewhere: NAME=PATH takes that one from the file PATH; a folder PATH, every one that has a file of its
    /// name there. May be given several times.
    #[arg(long = "from", value_name = "[NAME=]PATH")]
    from: Vec<String>,
}

/// Runs the tool with the process's own arguments.
#[must_use]
pub fn run() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let (result, format) = match command {
        Command::Verify(arguments) => (verify::run(&arguments), arguments.common.output.format),
        Command::Lock(arguments) => (lock::run(&arguments), arguments.common.output.format),
        Command::Keygen(arguments) => (keygen::run(&arguments), arguments.output.format),
        Command::Sign(arguments) => (sign::run(&arguments), arguments.output.format),
        Command::Inspect(arguments) => (inspect::run(&arguments), arguments.output.format),
        Command::Route(arguments) => (route::run(&arguments), arguments.common.output.format),
        Command::Invoke(arguments) => (invoke::run(&arguments), arguments.common.output.format),
        Command::ImportZappa(arguments) => (import_zappa::run(&arguments), arguments.output.format),
        Command::Show(arguments) => (show::run(&arguments), arguments.common.output.format),
        Command::Diff(arguments) => (diff::run(&arguments), arguments.common.output.format),
        Command::Package(arguments) => (package::run(&arguments), arguments.common.output.format),
        #[cfg(feature = "s3")]
        Command::Push(arguments) => (push::run(&arguments), arguments.common.output.format),
        Command::New(arguments) => (new::run(&arguments), arguments.output.format),
        Command::Event(arguments) => (event::run(&arguments), arguments.output.format),
        Command::Schema(arguments) => (schema::run(&arguments), arguments.output.format),
        Command::Completions(arguments) => (about::completions(&arguments), arguments.output.format),
        Command::Man(arguments) => (about::man(&arguments), arguments.output.format),
        Command::Serve(arguments) => (serve::run(&arguments), arguments.common.output.format),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(refusal) => {
            show(&refusal, format);
            ExitCode::from(refusal.code.class().exit())
        }
    }
}

/// A refusal, where it is the command's whole result.
fn show(refusal: &Refusal, format: Format) {
    match format {
        Format::Text => complain::refusal(refusal),
        Format::Json => print_json(&serde_json::json!({ "error": error_json(refusal) })),
    }
}

fn error_json(refusal: &Refusal) -> serde_json::Value {
    serde_json::json!({ "code": refusal.code.name(), "message": refusal.to_string() })
}

fn print_json(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

/// Prints to standard output. Whoever stopped reading it has had enough.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
