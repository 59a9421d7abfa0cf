//! `verify`: everything that is checked before a plugin's first instruction, and none of those.

use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

use super::opened::Opened;
use super::{Common, Format, From, advice::Advice, complain, error_json, from, mappings, print, print_json, progress};
use crate::fetch::Contents;
use crate::load::SPOKEN;
use crate::policy::{Artifact, Plan, Plugin, Source};
use crate::service::{check_handlers, wanted};
use crate::verify::process::{self, Host};
use crate::verify::trust::{self, TrustSettings};
use crate::verify::{GlibcVersion, Kind, Rules, Verified, closure};
use crate::{Class, Refusal, environment};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// The same as --manifest
    #[arg(value_name = "MANIFEST", conflicts_with = "manifest")]
    positional: Option<PathBuf>,
    /// Check against this version of glibc, such as 2.34, and not the one that runs here
    #[arg(long, value_name = "VERSION", value_parser = glibc_version)]
    glibc: Option<GlibcVersion>,
    /// Check the manifest's trust too, with the variables that bootstrap would see
    #[arg(long)]
    bootstrap: bool,
    /// Compare the routes with what aws lambda list-event-source-mappings prints; - reads standard input
    #[arg(long, value_name = "FILE")]
    mappings: Option<PathBuf>,
}

impl Arguments {
    fn common(&self) -> Common {
        let Common { manifest, stage, output } = &self.common;
        Common { manifest: self.positional.clone().or_else(|| manifest.clone()), stage: stage.clone(), output: *output }
    }
}

struct Checked<'p> {
    kind: Kind,
    artifact: &'p Artifact,
    result: Result<Verified, Refusal>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let variable = |name: &str| std::env::var_os(name);
    for warning in process::check(variable, Host::Local)? {
        eprintln!("warning: {warning}");
    }
    let trusted = arguments.bootstrap.then(|| TrustSettings::from_environment(variable));
    let signed = trusted.as_ref().map(TrustSettings::key).transpose()?.flatten().is_some();
    let common = arguments.common();
    let opened = Opened::read(&common, signed)?;
    let mut plan = opened.plan()?;
    from::apply(&arguments.from, &mut plan)?;
    if let Some(settings) = &trusted {
        trust::check(&opened.file, settings, &plan.functions, plan.serial)?;
    }
    let mappings = arguments.mappings.as_deref().map(|file| mappings::check(file, &plan)).transpose()?;
    let advice = Advice::new(&common, &arguments.from, &plan);
    let names: Vec<&str> = plan.libraries.iter().map(|library| library.name.as_str()).collect();
    let rules = Rules::here(&names, SPOKEN);
    let rules = match arguments.glibc {
        Some(glibc) => rules.with_glibc(glibc),
        None => rules,
    };
    let quiet = arguments.common.output.format == Format::Json;
    let mut contents = opened.fetch(&plan, &rules, quiet)?;
    // As bootstrap does before it looks at a plugin; no variable is set.
    environment::gather(&plan, contents.settings()?)?;
    let mut progress = progress::of("checking", plan.libraries.len() + plan.plugins.len(), quiet);
    let (mut libraries, mut plugins) = (Vec::new(), Vec::new());
    for artifact in &plan.libraries {
        progress.next(&artifact.place);
        libraries.push(advised(check(artifact, Kind::Library, &rules, &mut contents), &advice));
    }
    for (index, plugin) in plan.plugins.iter().enumerate() {
        progress.next(&plugin.artifact.place);
        plugins.push(advised(check_plugin(&plan, (index, plugin), &rules, &mut contents), &advice));
    }
    drop(progress);
    check_together(&mut libraries, &plugins);
    let mut all = libraries.iter().chain(&plugins);
    let mapped = mappings.iter().flatten();
    let failed = all.find_map(|checked| checked.result.as_ref().err());
    let failed = failed.or_else(|| mapped.clone().find_map(|row| row.result.as_ref().err()));
    match arguments.common.output.format {
        Format::Json => {
            let mut found = json!({
                "ok": failed.is_none(),
                "libraries": libraries.iter().map(row).collect::<Vec<_>>(),
                "plugins": plugins.iter().map(row).collect::<Vec<_>>(),
            });
            if mappings.is_some() {
                found["mappings"] = mapped.map(mappings::Row::json).collect();
            }
            print_json(&found);
        }
        Format::Text => {
            libraries.iter().chain(&plugins).for_each(line);
            mapped.for_each(mappings::Row::print);
        }
    }
    Ok(failed.map_or(0, |refusal| Class::exit(refusal.code.class())))
}

pub(super) fn glibc_version(text: &str) -> Result<GlibcVersion, String> {
    GlibcVersion::parse(text).ok_or_else(|| "a version of glibc is two numbers, as in 2.34".to_owned())
}

/// What only all files together tell: it becomes the result of the library that it is about.
fn check_together(libraries: &mut [Checked<'_>], plugins: &[Checked<'_>]) {
    fn passed<'c>(all: &'c [Checked<'_>]) -> Option<Vec<&'c Verified>> {
        all.iter().map(|checked| checked.result.as_ref().ok()).collect()
    }
    let Some(files) = passed(libraries) else { return };
    let used = || passed(plugins).map_or(Ok(()), |plugins| closure::check_used(&files, &plugins));
    if let Err(refusal) = closure::load_order(&files).map(drop).and_then(|()| used()) {
        let about = libraries.iter_mut().find(|checked| checked.artifact.place == refusal.place);
        about.into_iter().for_each(|checked| checked.result = Err(refusal.clone()));
    }
}

fn check<'p>(artifact: &'p Artifact, kind: Kind, rules: &Rules<'_>, contents: &mut Contents) -> Checked<'p> {
    Checked { kind, artifact, result: contents.verified(artifact, kind, rules) }
}

fn check_plugin<'p>(
    plan: &Plan,
    (index, plugin): (usize, &'p Plugin),
    rules: &Rules<'_>,
    contents: &mut Contents,
) -> Checked<'p> {
    let mut checked = check(&plugin.artifact, Kind::Plugin, rules, contents);
    checked.result = checked.result.and_then(|verified| check_handlers(&wanted(plan, index), &verified).map(|()| verified));
    checked
}

fn advised<'p>(checked: Checked<'p>, advice: &Advice) -> Checked<'p> {
    Checked { result: checked.result.map_err(|refusal| advice.give(refusal)), ..checked }
}

pub(super) fn where_from(artifact: &Artifact) -> String {
    match &artifact.source {
        Source::File { root, path } => root.join(path).display().to_string(),
        Source::S3 { uri } => uri.clone(),
    }
}

fn row(checked: &Checked<'_>) -> Value {
    let digest = match &checked.result {
        Ok(verified) => Some(verified.digest),
        Err(_) => checked.artifact.digest,
    };
    let mut row = json!({
        "name": checked.artifact.name,
        "path": where_from(checked.artifact),
        "sha256": digest.map(|digest| digest.to_string()),
        "ok": checked.result.is_ok(),
    });
    if let Err(refusal) = &checked.result {
        row["error"] = error_json(refusal);
    }
    row
}

fn line(checked: &Checked<'_>) {
    let kind = match checked.kind {
        Kind::Plugin => "plugin",
        Kind::Library => "library",
    };
    let (name, path) = (&checked.artifact.name, where_from(checked.artifact));
    match &checked.result {
        Ok(verified) => {
            let note = verified.note.as_ref();
            let handlers = note.map(|note| format!("  handlers {}", note.handlers.join(" "))).unwrap_or_default();
            print(&format!("ok      {kind} {name}  {}  {path}{handlers}\n", verified.digest));
        }
        Err(refusal) => {
            print(&format!("refused {kind} {name}  {path}\n"));
            complain::refusal(refusal);
        }
    }
}
