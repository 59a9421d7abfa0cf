//! `inspect`: what one file is, without running any of it.

use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

use super::{Format, Output, advice, complain, error_json, print, print_json};
use crate::load::SPOKEN;
use crate::verify::dependencies::{self, is_system};
use crate::verify::note::{self, Panic};
use crate::verify::{self, Facts, GlibcVersion, Kind, Note, Rules, elf};
use crate::{Architecture, Class, Code, Digest, Refusal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The plugin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

/// All that can be said of a file; what a damaged one does not tell is `None`.
struct Report {
    path: String,
    digest: Digest,
    size: usize,
    architecture: Option<Architecture>,
    facts: Option<Facts>,
    note: Option<Note>,
    /// Why it is never loaded; the first is the refusal.
    findings: Vec<Refusal>,
    /// What may keep it from working.
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let taken = verify::take_file(&arguments.file).map_err(|refusal| match advice::archive_beside(&arguments.file) {
        Some(archive) if refusal.code == Code::ArtifactMissing => refusal.hint(advice::no_cdylib(&archive)),
        _ => refusal,
    })?;
    let report = report(arguments.file.display().to_string(), taken.content.digest, taken.content.bytes());
    match arguments.output.format {
        Format::Json => print_json(&as_json(&report)),
        Format::Text => show_text(&report),
    }
    Ok(report.findings.first().map_or(0, |refusal| Class::exit(refusal.code.class())))
}

fn report(path: String, digest: Digest, bytes: &[u8]) -> Report {
    let mut report = Report {
        architecture: None,
        facts: None,
        note: None,
        findings: Vec::new(),
        warnings: Vec::new(),
        size: bytes.len(),
        path,
        digest,
    };
    match elf::architecture(bytes) {
        Ok(architecture) => report.architecture = Some(architecture),
        Err(refusal) => {
            report.findings.push(refusal.at(&report.path));
            return report;
        }
    }
    match elf::facts(bytes) {
        Ok(facts) => judge(&mut report, facts),
        Err(refusal) => report.findings.push(refusal),
    }
    report.findings = report.findings.into_iter().map(|refusal| refusal.at(&report.path)).collect();
    report
}

/// In the order of verification: what the linker must not see, names, the ABI.
fn judge(report: &mut Report, facts: Facts) {
    report.findings.extend(facts.findings.iter().cloned());
    // Which libraries it may need is the manifest's to say, and which glibc there is, the machine's that runs it.
    let needed: Vec<&str> = facts.needed.iter().map(String::as_str).collect();
    let rules = Rules { architecture: facts.architecture, digest_optional: true, glibc: None, ..Rules::here(&needed, SPOKEN) };
    if let Err(refusal) = dependencies::check("", Kind::Plugin, &facts, &rules) {
        report.findings.push(refusal);
    }
    match note::read(&facts.abi_notes, SPOKEN) {
        Ok(note) => report.note = Some(note),
        Err(refusal) => report.findings.push(refusal),
    }
    for library in needed.iter().filter(|library| !is_system(library)) {
        report.warnings.push(format!("it needs {library}: the manifest has to have it in `libraries`"));
    }
    if let Some(version) = glibc(&facts).filter(|version| *version > GlibcVersion::AL2023) {
        report.warnings.push(format!(
            "it needs glibc {version}, and provided.al2023 has {}: build it on Amazon Linux 2023, or with cargo zigbuild",
            GlibcVersion::AL2023
        ));
    }
    if report.note.as_ref().is_some_and(|note| note.panic == Panic::Abort) {
        report.warnings.push("it was built with panic = \"abort\": a panic in it ends the whole process".to_owned());
    }
    report.facts = Some(facts);
}

/// The highest version of glibc that it cannot do without.
fn glibc(facts: &Facts) -> Option<GlibcVersion> {
    let required = facts.versions.iter().filter(|version| !version.weak && is_system(&version.library));
    required.filter_map(|version| GlibcVersion::parse(version.version.strip_prefix("GLIBC_")?)).max()
}

const fn panic_word(panic: Panic) -> &'static str {
    match panic {
        Panic::Unwind => "unwind",
        Panic::Abort => "abort",
    }
}

fn as_json(report: &Report) -> Value {
    let facts = report.facts.as_ref();
    let mut result = json!({
        "ok": report.findings.is_empty(),
        "path": report.path,
        "sha256": report.digest.to_string(),
        "size": report.size,
        "architecture": report.architecture.map(Architecture::name),
        "soname": facts.and_then(|facts| facts.soname.as_deref()),
        "needed": facts.map(|facts| &facts.needed),
        "glibc": facts.and_then(glibc).map(|version| version.to_string()),
        "build_id": facts.and_then(|facts| facts.build_id.as_deref()),
        "entry_points": facts.map(|facts| facts.entered.len()),
        "abi": report.note.as_ref().map(|note| json!({
            "abi": note.abi,
            "name": note.name,
            "version": note.version,
            "handlers": note.handlers,
            "compiler": note.compiler,
            "panic": panic_word(note.panic),
            "kit": note.kit,
        })),
        "findings": report.findings.iter().map(error_json).collect::<Vec<_>>(),
        "warnings": report.warnings,
    });
    if let Some(refusal) = report.findings.first() {
        result["error"] = error_json(refusal);
    }
    result
}

fn show_text(report: &Report) {
    let row = |name: &str, value: &str| print(&format!("{name:13}{value}\n"));
    row("file", &report.path);
    row("sha256", &report.digest.to_string());
    row("size", &format!("{} bytes", report.size));
    if let Some(architecture) = report.architecture {
        row("architecture", architecture.name());
    }
    if let Some(facts) = &report.facts {
        row("soname", facts.soname.as_deref().unwrap_or("none"));
        row("needs", &if facts.needed.is_empty() { "nothing".to_owned() } else { facts.needed.join(" ") });
        row("glibc", &glibc(facts).map_or("any".to_owned(), |version| format!("{version} or later")));
        row("build id", facts.build_id.as_deref().unwrap_or("none"));
        row("entry points", &format!("{} that the linker calls", facts.entered.len()));
    }
    if let Some(note) = &report.note {
        row("plugin", &format!("{} {}", note.name, note.version));
        row("handlers", &note.handlers.join(" "));
        row("abi", &note.abi.to_string());
        row("kit", note.kit.as_deref().unwrap_or("none"));
        row("compiler", &note.compiler);
        row("panic", panic_word(note.panic));
    }
    for warning in &report.warnings {
        eprintln!("warning: {}: {warning}", report.path);
    }
    report.findings.iter().for_each(complain::refusal);
}
