//! `diff`: what changes in what runs, between two stages or two manifests.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

use super::effective::{Artifact, Config, Effective, Route, route_line, word};
use super::opened::Opened;
use super::{Common, Format, print, print_json};
use crate::policy::name::is_name;
use crate::{Class, Refusal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What it was: a stage of the manifest, a FILE, or a stage of one: FILE#STAGE
    #[arg(value_name = "A")]
    old: String,
    /// What it becomes: a stage, a FILE, or FILE#STAGE
    #[arg(value_name = "B")]
    new: String,
    /// Exit with 1 where anything differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// One thing that is not the same.
struct Change {
    what: &'static str,
    name: String,
    how: How,
    details: Vec<Detail>,
}

#[derive(Clone, Copy)]
enum How {
    Added,
    Removed,
    Changed,
}

/// One part of a changed thing. Without `old` and `new` its values are nobody's business.
struct Detail {
    key: String,
    old: Option<Value>,
    new: Option<Value>,
    shown: bool,
}

impl Detail {
    fn shown(key: impl Into<String>, old: Option<Value>, new: Option<Value>) -> Self {
        Detail { key: key.into(), old, new, shown: true }
    }

    fn hidden(key: impl Into<String>) -> Self {
        Detail { key: key.into(), old: None, new: None, shown: false }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let old = open(&arguments.old, &arguments.common)?;
    let new = open(&arguments.new, &arguments.common)?;
    let changes = compare(&old, &new);
    match arguments.common.output.format {
        Format::Json => print_json(&json!({
            "a": old.label,
            "b": new.label,
            "same": changes.is_empty(),
            "changes": changes.iter().map(as_json).collect::<Vec<_>>(),
        })),
        Format::Text if changes.is_empty() => print(&format!("{} and {} run the same\n", old.label, new.label)),
        Format::Text => {
            print(&format!("--- {}\n+++ {}\n", old.label, new.label));
            changes.iter().for_each(|change| print(&as_text(change)));
        }
    }
    Ok(if arguments.exit_code && !changes.is_empty() { Class::Failed.exit() } else { 0 })
}

/// A stage's name is never a file's here: a file in this folder of such a name is `./name`.
fn open(operand: &str, common: &Common) -> Result<Effective, Refusal> {
    let (file, stage) = match operand.rsplit_once('#') {
        Some((file, stage)) => (Some(file), Some(stage)),
        None if is_name(operand) => (None, Some(operand)),
        None => (Some(operand), common.stage.as_deref()),
    };
    let manifest = file.filter(|file| !file.is_empty()).map(PathBuf::from).or_else(|| common.manifest.clone());
    let common = Common { manifest, stage: stage.map(str::to_owned), output: common.output };
    let opened = Opened::new(&common)?;
    Effective::of(&opened, opened.stage())
}

fn compare(old: &Effective, new: &Effective) -> Vec<Change> {
    let mut changes = Vec::new();
    let same_artifact = |one: &Artifact, other: &Artifact| one.kind == other.kind && one.name == other.name;
    for (before, after) in pairs(&old.artifacts, &new.artifacts, same_artifact) {
        let what = word(before.or(after).map_or(crate::manifest::edit::Kind::Plugin, |artifact| artifact.kind));
        let name = before.or(after).map(|artifact| artifact.name.clone()).unwrap_or_default();
        changes.extend(change(what, name, before, after, of_artifact));
    }
    for (before, after) in pairs(&old.routes, &new.routes, |one: &Route, other: &Route| one.name == other.name) {
        let name = before.or(after).map(|route| route.name.clone()).unwrap_or_default();
        changes.extend(change("route", name, before, after, |before, after| match (before, after) {
            (Some(before), Some(after)) => members(&before.entry, &after.entry),
            (one, other) => {
                let line = |route: Option<&Route>| route.map(|route| json!(route_line(&route.entry)));
                vec![Detail::shown("", line(one), line(other))]
            }
        }));
    }
    for name in keys(&old.environment, &new.environment) {
        let (before, after) = (old.environment.get(&name), new.environment.get(&name));
        changes.extend(change("variable", name, before, after, |before, after| match (before, after) {
            (Some(before), Some(after)) if before != after => vec![Detail::hidden("its value")],
            _ => Vec::new(),
        }));
    }
    for Detail { key, old, new, .. } in members(&old.rest, &new.rest) {
        // What stands for the manifest in an editor, and its number, run nothing.
        if key == "$schema" || key == "serial" {
            continue;
        }
        let how = match (&old, &new) {
            (None, _) => How::Added,
            (_, None) => How::Removed,
            _ => How::Changed,
        };
        changes.push(Change { what: "setting", name: key, how, details: vec![Detail::shown("", old, new)] });
    }
    changes
}

/// Those of one name beside each other, in the order of the new one, and then what is gone.
fn pairs<'e, T>(old: &'e [T], new: &'e [T], same: impl Fn(&T, &T) -> bool) -> Vec<(Option<&'e T>, Option<&'e T>)> {
    let mut pairs: Vec<_> = new.iter().map(|after| (old.iter().find(|before| same(before, after)), Some(after))).collect();
    pairs.extend(old.iter().filter(|before| !new.iter().any(|after| same(before, after))).map(|before| (Some(before), None)));
    pairs
}

fn change<T: ?Sized>(
    what: &'static str,
    name: String,
    before: Option<&T>,
    after: Option<&T>,
    details: impl Fn(Option<&T>, Option<&T>) -> Vec<Detail>,
) -> Option<Change> {
    let details = details(before, after);
    let how = match (before, after) {
        (None, _) => How::Added,
        (_, None) => How::Removed,
        _ if details.is_empty() => return None,
        _ => How::Changed,
    };
    Some(Change { what, name, how, details })
}

fn of_artifact(before: Option<&Artifact>, after: Option<&Artifact>) -> Vec<Detail> {
    let mut details = Vec::new();
    let architectures: BTreeSet<&str> =
        [before, after].into_iter().flatten().flat_map(|artifact| artifact.digests.keys().copied()).collect();
    let digest = |of: Option<&Artifact>, architecture: &str| Some(json!(of?.digests.get(architecture)?.to_string()));
    for architecture in architectures {
        let (old, new) = (digest(before, architecture), digest(after, architecture));
        if old != new {
            details.push(Detail::shown(format!("sha256 {architecture}"), old, new));
        }
    }
    let written = |of: Option<&Artifact>| of.map(|artifact| json!(artifact.written));
    if written(before) != written(after) {
        details.push(Detail::shown("file", written(before), written(after)));
    }
    if let (Some(before), Some(after)) = (before, after) {
        if before.load != after.load {
            details.push(Detail::shown("load", Some(json!(before.load)), Some(json!(after.load))));
        }
        match (&before.config, &after.config) {
            (Config::Keys(old), Config::Keys(new)) => {
                let changed = keys(old, new).into_iter().filter(|key| old.get(key) != new.get(key));
                details.extend(changed.map(|key| Detail::hidden(format!("config.{key}"))));
            }
            (old, new) if old != new => details.push(Detail::hidden("config")),
            _ => {}
        }
    }
    details
}

fn keys(old: &Map<String, Value>, new: &Map<String, Value>) -> BTreeSet<String> {
    old.keys().chain(new.keys()).cloned().collect()
}

fn members(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Detail> {
    let keys = keys(old, new).into_iter().filter(|key| old.get(key) != new.get(key));
    keys.map(|key| Detail::shown(key.clone(), old.get(&key).cloned(), new.get(&key).cloned())).collect()
}

fn as_text(change: &Change) -> String {
    let sign = match change.how {
        How::Added => '+',
        How::Removed => '-',
        How::Changed => '~',
    };
    let mut text = format!("{sign} {} {}\n", change.what, change.name);
    for detail in &change.details {
        // Strings without their quotes: digests and paths are copied from here.
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let values = match (&detail.old, &detail.new) {
            (Some(old), Some(new)) => format!("{} -> {}", word(old), word(new)),
            (Some(one), None) | (None, Some(one)) if !matches!(change.how, How::Changed) => word(one),
            (None, Some(new)) => format!("none -> {}", word(new)),
            (Some(old), None) => format!("{} -> none", word(old)),
            (None, None) => "changed".to_owned(),
        };
        let key = if detail.key.is_empty() { String::new() } else { format!("{}: ", detail.key) };
        text.push_str(&format!("    {key}{values}\n"));
    }
    text
}

fn as_json(change: &Change) -> Value {
    let how = match change.how {
        How::Added => "added",
        How::Removed => "removed",
        How::Changed => "changed",
    };
    let details = change.details.iter().map(|detail| {
        let mut row = json!({ "key": detail.key });
        if detail.shown {
            row["a"] = json!(detail.old);
            row["b"] = json!(detail.new);
        }
        row
    });
    json!({ "what": change.what, "name": change.name, "how": how, "details": details.collect::<Vec<_>>() })
}
