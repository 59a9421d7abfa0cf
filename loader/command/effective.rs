//! What a manifest says in one stage, as `show` prints it and `diff` compares it.
//!
//! Values of variables and of `config` may be secrets: they are kept for comparison alone, and nothing here prints them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::opened::Opened;
use super::verify::where_from;
use crate::manifest::edit::Kind;
use crate::policy::{self, Load};
use crate::{Architecture, Code, Digest, Refusal};

/// One stage.
pub(super) struct Effective {
    /// `manifest.json, stage prod`
    pub(super) label: String,
    pub(super) manifest: String,
    pub(super) stage: Option<String>,
    /// Of the manifest's bytes: the pin.
    pub(super) digest: Digest,
    pub(super) artifacts: Vec<Artifact>,
    /// In the order in which they are tried.
    pub(super) routes: Vec<Route>,
    /// Everything else, by key.
    pub(super) rest: Map<String, Value>,
    /// Names, and values that are never shown.
    pub(super) environment: Map<String, Value>,
}

/// A plugin or library.
pub(super) struct Artifact {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// `path` or `s3`, as the manifest has it.
    pub(super) written: String,
    /// The file or object that it means.
    pub(super) source: String,
    /// By architecture; of one without a digest there is none.
    pub(super) digests: BTreeMap<&'static str, Digest>,
    pub(super) load: &'static str,
    /// Its keys, and values that are never shown.
    pub(super) config: Config,
    /// Where the manifest says so.
    pub(super) from: String,
}

/// A plugin's `config`.
#[derive(PartialEq)]
pub(super) enum Config {
    None,
    Keys(Map<String, Value>),
    Other(Value),
}

/// An entry of `routes`.
pub(super) struct Route {
    pub(super) name: String,
    /// As the manifest has it.
    pub(super) entry: Map<String, Value>,
    pub(super) from: String,
}

impl Effective {
    /// The wanted stage of an opened manifest.
    pub(super) fn of(opened: &Opened, wanted: Option<&str>) -> Result<Self, Refusal> {
        let manifest = &opened.manifest;
        let plan = opened.plan_for(wanted, Architecture::HERE)?;
        let stage = manifest.stage(wanted)?;
        let flat: Value = serde_json::from_str(&manifest.flatten(wanted)?)
            .map_err(|error| Refusal::new(Code::Internal, manifest.name(), error.to_string()))?;
        let Value::Object(mut rest) = flat else {
            return Err(Refusal::new(Code::Internal, manifest.name(), "a flat manifest is an object"));
        };
        let mut take = |key: &str| match rest.remove(key) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let (plugins, libraries, mut routes) = (take("plugins"), take("libraries"), take("routes"));
        let environment = take("environment");
        let mut artifacts = Vec::new();
        let libraries_first = plan.libraries.iter().map(|library| (Kind::Library, library, Load::Init));
        let plugins_then = plan.plugins.iter().map(|plugin| (Kind::Plugin, &plugin.artifact, plugin.load));
        for (kind, artifact, load) in libraries_first.chain(plugins_then) {
            let (section, entries) = match kind {
                Kind::Plugin => ("plugins", &plugins),
                Kind::Library => ("libraries", &libraries),
            };
            let entry = entries.get(&artifact.name);
            let key = if entry.is_some_and(|entry| entry.get("s3").is_some()) { "s3" } else { "path" };
            artifacts.push(Artifact {
                kind,
                name: artifact.name.clone(),
                written: entry.and_then(|entry| entry.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned(),
                source: where_from(artifact),
                digests: BTreeMap::new(),
                load: match load {
                    Load::Init => "init",
                    Load::FirstUse => "first-use",
                },
                config: Config::of(entry.and_then(|entry| entry.get("config"))),
                from: manifest.place(stage, &[section, &artifact.name, key]),
            });
        }
        for architecture in Architecture::ALL {
            let plan = opened.plan_for(wanted, architecture)?;
            let planned = plan.libraries.iter().chain(plan.plugins.iter().map(|plugin| &plugin.artifact));
            // The same manifest gives the same artifacts in the same order.
            for (artifact, planned) in artifacts.iter_mut().zip(planned) {
                artifact.digests.extend(planned.digest.map(|digest| (architecture.name(), digest)));
            }
        }
        let routes = plan.routes.iter().map(|route: &policy::Route| Route {
            name: route.name.clone(),
            entry: match routes.remove(&route.name) {
                Some(Value::Object(entry)) => entry,
                _ => Map::new(),
            },
            from: manifest.place(stage, &["routes", &route.name]),
        });
        Ok(Effective {
            label: match &stage.name {
                Some(name) => format!("{}, stage {name}", manifest.name()),
                None => manifest.name().to_owned(),
            },
            manifest: manifest.name().to_owned(),
            stage: stage.name.clone(),
            digest: manifest.digest(),
            routes: routes.collect(),
            artifacts,
            rest,
            environment,
        })
    }
}

impl Artifact {
    /// The digests in one line: one where all architectures have the same.
    pub(super) fn digest_lines(&self) -> Vec<String> {
        let mut values = self.digests.values();
        match (values.next(), values.next()) {
            (None, _) => vec!["sha256 none yet: run lambda-loader lock".to_owned()],
            (Some(one), Some(other)) if one == other => vec![format!("sha256 {one}")],
            _ => self.digests.iter().map(|(architecture, digest)| format!("sha256 {architecture} {digest}")).collect(),
        }
    }
}

impl Config {
    fn of(value: Option<&Value>) -> Self {
        match value {
            None => Config::None,
            Some(Value::Object(members)) => Config::Keys(members.clone()),
            Some(other) => Config::Other(other.clone()),
        }
    }

    /// The keys, where it is an object.
    pub(super) fn keys(&self) -> Vec<&str> {
        match self {
            Config::Keys(members) => members.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Plugin or library in words.
pub(super) const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Plugin => "plugin",
        Kind::Library => "library",
    }
}

/// A route's conditions and answers in one line: `sqs resource="orders" -> orders.on_message`.
pub(super) fn route_line(entry: &Map<String, Value>) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let further = entry.iter().filter(|(key, _)| *key != "source" && *key != "to");
    let further: String = further.map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{}{further} -> {}", text("source"), text("to"))
}
