//! The manifest's types as they stand in the file.

mod entries;
mod plugin;
mod route;

use serde::Deserialize;

pub use entries::{Entries, Json};
pub use plugin::{Each, Library, Load, Plugin, Settings, Sha256};
pub use route::{Batch, OnFailure, Reply, Route, Where};

/// A whole manifest.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// For editors: where the JSON Schema of this file is. Not read by the loader.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The grammar of this file: 1.
    pub version: u64,
    /// The functions that may use this manifest: names, `*` for any run of characters. Left out: any function.
    pub functions: Option<Vec<String>>,
    /// Grows with every release, so that a function can refuse an old manifest (`LOADER_MANIFEST_MIN_SERIAL`).
    pub serial: Option<u64>,
    /// What the rest of this file may name.
    pub allow: Option<Allow>,
    /// Shared libraries that plugins need beyond the system's, by soname: `libpq.so.5`.
    pub libraries: Option<Entries<Library>>,
    /// The plugins, by name.
    pub plugins: Option<Entries<Plugin>>,
    /// Which event goes where, by a name that is in every log line.
    pub routes: Option<Entries<Route>>,
    /// `plugin` or `plugin.handler` that is told of failures.
    pub on_error: Option<String>,
    /// A flat JSON object of strings that become variables too, and win over `environment`.
    pub settings: Option<Settings>,
    /// Variables to set, unless the function has them already (`override` in `settings` reverses that).
    pub environment: Option<Entries<String>>,
    /// Whether `bootstrap` gives up new executable memory and new programs once all plugins are up.
    pub lockdown: Option<Lockdown>,
    /// How long before Lambda's deadline a handler is given up, in milliseconds: 10 to 60000.
    pub deadline_margin_ms: Option<u64>,
    /// The stage where `LOADER_STAGE` names none.
    pub default_stage: Option<String>,
    /// By name, what each stage changes: a JSON Merge Patch over the rest.
    pub stages: Option<Entries<Json>>,
}

/// What the rest of the manifest may name.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Folders that artifacts may lie in, relative to the manifest's own or absolute. Left out: the manifest's own folder.
    pub roots: Option<Vec<String>>,
    /// S3 buckets that artifacts and settings may come from.
    pub buckets: Option<Vec<String>>,
    /// Variables that may be set: names, or at least three characters and `*`.
    pub environment: Option<Vec<String>>,
}

/// Whether the process locks itself down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lockdown {
    /// Try once, and go on where the sandbox forbids it; the start line says what came of it.
    #[default]
    Auto,
    /// Fail the start where it cannot be had in full. No plugin may be loaded at first use.
    Require,
    /// Do not try.
    Off,
}
