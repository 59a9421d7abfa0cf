//! `import-zappa`: Zappa's settings to the skeleton of a manifest, and a list of what has no counterpart.
//!
//! ```text
//! settings  either file -> stages        python: literals out of zappa_settings.py, which is never run
//! stage     settings -> routes, …        names: dotted paths -> plugins and handlers
//! merge     stages -> one manifest       left_out, report: what it does not say
//! ```

mod left_out;
mod merge;
mod names;
mod python;
mod report;
mod settings;
mod stage;
mod value;

use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Format, Output, opened, print, print_json, replace};
use crate::manifest::{Manifest, near};
use crate::policy::{self, Base};
use crate::{Architecture, Code, Refusal};
use names::Names;
use report::{Note, Report};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// zappa_settings.json, or the zappa_settings.py that Zappa generates; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this stage, without "stages"
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Write the manifest here instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the values of environment variables too, which may be secrets
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What came of it.
struct Imported {
    text: String,
    names: Names,
    notes: Vec<Note>,
    stages: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let name = opened::event_name(&arguments.file);
    let text = read(&arguments.file)?;
    let imported = import(&name, &text, arguments)?;
    if let Some(out) = &arguments.out {
        if out.exists() {
            let refusal = Refusal::new(Code::Usage, out.display().to_string(), "the file is there already");
            return Err(refusal.hint("name another one: a manifest that was worked on is not overwritten"));
        }
        // A file's bare name has an empty parent, which is no folder.
        let out =
            if out.parent().is_some_and(|folder| folder.as_os_str().is_empty()) { Path::new(".").join(out) } else { out.clone() };
        replace::file(&out, imported.text.as_bytes())?;
    }
    match arguments.output.format {
        Format::Json => show_json(&imported, arguments.out.as_deref()),
        Format::Text => {
            if arguments.out.is_none() {
                print(&imported.text);
            }
            eprint!("{}", show_text(&imported, &name));
        }
    }
    Ok(0)
}

/// The most that is read: Zappa's settings are a page or two.
const LIMIT: usize = 1 << 20;

fn read(path: &Path) -> Result<String, Refusal> {
    let name = opened::event_name(path);
    let bytes =
        opened::event(path).map_err(|refusal| refusal.hint("give the path of zappa_settings.json, or - for standard input"))?;
    if bytes.len() > LIMIT {
        return Err(Refusal::new(Code::ImportInvalid, name, format!("the file is larger than {LIMIT} bytes"))
            .hint("give the path of zappa_settings.json"));
    }
    String::from_utf8(bytes).map_err(|_| {
        Refusal::new(Code::ImportInvalid, name, "the file is not UTF-8").hint("give the path of zappa_settings.json")
    })
}

fn import(name: &str, text: &str, arguments: &Arguments) -> Result<Imported, Refusal> {
    let settings = settings::read(name, &arguments.file, text)?;
    let wanted = arguments.stage.as_deref();
    let (mut names, mut report, mut stages) = (Names::default(), Report::default(), Vec::new());
    for (stage, settings) in settings.stages.iter().filter(|(stage, _)| wanted.is_none_or(|wanted| wanted == stage)) {
        let parts = stage::read(stage, settings, arguments.values, &mut names, &mut report);
        let own = names::free(&names::snake(stage), |own| stages.iter().any(|(known, _)| known == own));
        if own != *stage {
            report.check(stage, format!("stages.{own}"), format!("no stage of a manifest can be called {}", near::quoted(stage)));
        }
        stages.push((own, parts));
    }
    if stages.is_empty() {
        let what = format!("there is no stage {}", near::quoted(wanted.unwrap_or_default()));
        let known = near::all(settings.stages.iter().map(|(stage, _)| stage.as_str()));
        return Err(Refusal::new(Code::Usage, name, what).hint(format!("the stages are {known}")));
    }
    let every = if stages.len() == settings.stages.len() { "every stage" } else { wanted.unwrap_or_default() };
    if settings.generated {
        report.left_out(every, "events with an expression", "the generated module does not have them: zappa_settings.json does");
    }
    if !settings.passed_over.is_empty() {
        let lines: Vec<_> = settings.passed_over.iter().take(10).map(usize::to_string).collect();
        report.left_out(
            every,
            format!("lines {}", lines.join(", ")),
            "no assignments of literals: passed over, nothing of the file is run",
        );
    }
    if settings.stages.iter().any(|(_, settings)| settings.get("keep_warm").is_none()) && !settings.generated {
        report.left_out(every, "keep_warm", left_out::why("keep_warm"));
    }
    for (what, why) in left_out::ALWAYS {
        report.left_out(every, what, why);
    }
    if stages.len() > 1 {
        report.check(every, "stages", "each function sets LOADER_STAGE to its own");
    }
    let manifest = merge::manifest(&stages);
    let text =
        serde_json::to_string_pretty(&manifest).map_err(|error| Refusal::new(Code::Internal, name, error.to_string()))? + "\n";
    for refusal in doubts(&text, arguments.out.as_deref())? {
        report.check(every, "manifest", refusal);
    }
    Ok(Imported { text, names, notes: report.notes, stages: stages.len() })
}

/// Reads the manifest as any command would. What Zappa's settings leave to chance stops it, and is for its owner to settle.
fn doubts(text: &str, out: Option<&Path>) -> Result<Vec<String>, Refusal> {
    let name = out.map_or_else(|| "manifest.json".to_owned(), |out| out.display().to_string());
    let manifest = Manifest::parse(&name, text.as_bytes())?;
    let stages: Vec<_> = manifest.stages().iter().map(|stage| stage.name.clone()).collect();
    let mut doubts = Vec::new();
    for stage in stages {
        match policy::plan(&manifest, stage.as_deref(), &Base::Folder(PathBuf::from("/")), Architecture::HERE) {
            Ok(_) => {}
            Err(refusal) if refusal.code == Code::Internal => return Err(refusal),
            Err(refusal) => {
                let doubt = refusal.to_string();
                if !doubts.contains(&doubt) {
                    doubts.push(doubt);
                }
            }
        }
    }
    Ok(doubts)
}

fn show_text(imported: &Imported, name: &str) -> String {
    let count = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let mut text = format!("imported  {name}: {}\n", count(imported.stages, "stage"));
    for plugin in &imported.names.plugins {
        let handlers: Vec<_> = plugin.handlers.iter().map(|(handler, _)| handler.as_str()).collect();
        text.push_str(&format!("write     plugin {} for {}: {}\n", plugin.name, plugin.module, handlers.join(", ")));
    }
    for Note { kind, what, why, stages } in &imported.notes {
        text.push_str(&format!("{:<9} {what} ({}): {why}\n", kind.word(), stages.join(", ")));
    }
    text
}

fn show_json(imported: &Imported, out: Option<&Path>) {
    let plugins = imported.names.plugins.iter().map(|plugin| {
        let handlers = plugin.handlers.iter().map(|(handler, function)| json!({ "handler": handler, "function": function }));
        json!({ "plugin": plugin.name, "module": plugin.module, "handlers": handlers.collect::<Vec<_>>() })
    });
    let notes = imported
        .notes
        .iter()
        .map(|note| json!({ "kind": note.kind.word(), "what": note.what, "why": note.why, "stages": note.stages }));
    print_json(&json!({
        "written": out.map(|out| out.display().to_string()),
        "manifest": serde_json::from_str::<serde_json::Value>(&imported.text).unwrap_or_default(),
        "plugins": plugins.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
    }));
}
