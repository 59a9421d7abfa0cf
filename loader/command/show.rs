//! `show`: what a manifest says in one stage, and where it says so.

use clap::Args;
use serde_json::{Value, json};

use super::effective::{Config, Effective, route_line, word};
use super::opened::Opened;
use super::{Common, Format, print, print_json};
use crate::Refusal;
use crate::manifest::edit::Kind;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let opened = Opened::new(&arguments.common)?;
    let effective = Effective::of(&opened, opened.stage())?;
    match arguments.common.output.format {
        Format::Json => print_json(&as_json(&effective)),
        Format::Text => print(&as_text(&effective)),
    }
    Ok(0)
}

fn as_text(effective: &Effective) -> String {
    let mut lines = vec![effective.label.clone()];
    let mut row = |head: &str, text: &str| lines.push(format!("{head:<9} {text}"));
    row("pin", &effective.digest.to_string());
    for artifact in &effective.artifacts {
        row(word(artifact.kind), &format!("{}  {}", artifact.name, artifact.source));
        artifact.digest_lines().iter().for_each(|line| row("", &format!("  {line}")));
        if artifact.load != "init" {
            row("", &format!("  load {}", artifact.load));
        }
        match &artifact.config {
            Config::None => {}
            Config::Keys(_) => row("", &format!("  config {}", artifact.config.keys().join(" "))),
            Config::Other(_) => row("", "  config, not an object"),
        }
        row("", &format!("  from {}", artifact.from));
    }
    for route in &effective.routes {
        row("route", &format!("{}  {}", route.name, route_line(&route.entry)));
        row("", &format!("  from {}", route.from));
    }
    for (key, value) in &effective.rest {
        if key != "$schema" && key != "version" {
            row(key, &value.to_string());
        }
    }
    for name in effective.environment.keys() {
        row("variable", name);
    }
    lines.join("\n") + "\n"
}

fn as_json(effective: &Effective) -> Value {
    let artifacts = |wanted: Kind| {
        let of_kind = effective.artifacts.iter().filter(|artifact| artifact.kind == wanted);
        let rows = of_kind.map(|artifact| {
            let digests = artifact.digests.iter().map(|(architecture, digest)| (*architecture, digest.to_string()));
            json!({
                "name": artifact.name,
                "path": artifact.source,
                "sha256": digests.collect::<std::collections::BTreeMap<_, _>>(),
                "load": artifact.load,
                "config": artifact.config.keys(),
                "from": artifact.from,
            })
        });
        rows.collect::<Vec<_>>()
    };
    let routes = effective.routes.iter().map(|route| {
        let mut row = json!(route.entry);
        // A route of the source `operation` has a `name` of its own.
        row["route"] = json!(route.name);
        row["from"] = json!(route.from);
        row
    });
    json!({
        "manifest": effective.manifest,
        "stage": effective.stage,
        "sha256": effective.digest.to_string(),
        "libraries": artifacts(Kind::Library),
        "plugins": artifacts(Kind::Plugin),
        "routes": routes.collect::<Vec<_>>(),
        "variables": effective.environment.keys().collect::<Vec<_>>(),
        "rest": effective.rest,
    })
}
