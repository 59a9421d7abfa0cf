//! Bytes of a manifest to a [`wire::Manifest`] a stage: a mirror of the file, strict, with the position of everything.
//!
//! ```text
//! text    bytes -> tree         JSON, every value and key with its position, no key twice
//! stage   tree + stage -> tree  JSON Merge Patch, positions kept
//! decode  tree -> wire types    unknown keys, types
//! place   position -> words     FILE:LINE:COLUMN: JSON.path
//! edit    digests -> text       for `lock`: every other byte stays
//! excerpt place -> lines         for people, without secrets
//! render  tree -> text          for `lock --stage`
//! schema  wire types -> schema   for editors
//! relocate  text -> text        for `serve` and `push`, which name copies
//! ```

mod decode;
pub mod edit;
#[cfg(feature = "tool")]
mod excerpt;
mod fault;
pub(crate) mod near;
mod place;
pub mod relocate;
mod render;
#[cfg(feature = "tool")]
pub mod schema;
mod stage;
pub mod text;
pub mod wire;

use std::ops::Range;

use crate::digest::Digest;
use crate::policy::problem::Problem;
use crate::refusal::{Code, Refusal};
pub(crate) use fault::Fault;
use text::{Key, Node, Value};

/// The most stages that a manifest may have: each is merged and checked whenever the manifest is read.
pub const STAGES: usize = 100;

/// A manifest that was read: its text, and every stage of it, decoded.
#[derive(Debug)]
pub struct Manifest {
    name: String,
    text: String,
    root: Node,
    /// Whether the file has `stages`.
    staged: bool,
    /// All stages; the manifest itself where it has none. Never empty.
    stages: Vec<Stage>,
}

/// What the manifest says in one stage.
#[derive(Debug)]
pub struct Stage {
    /// Its name; `None`: the manifest has no stages.
    pub name: Option<String>,
    /// The merged manifest.
    pub wire: wire::Manifest,
    tree: Node,
    /// The bytes of the stage's own object; empty without stages.
    patch: Range<usize>,
    /// Nulls that remove nothing.
    idle: Vec<Range<usize>>,
}

impl Manifest {
    /// Reads a manifest with all its stages. `name` is what messages call it: `manifest.json`, an `s3://` URI.
    ///
    /// What the file says is then checked by [`crate::policy::plan`].
    ///
    /// # Errors
    /// The bytes are not strict JSON, not of this grammar, or a stage touches what it may not; the place names line, column and
    /// JSON path.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Manifest, Refusal> {
        let (text, root) = text::read(bytes).map_err(|fault| {
            // Without a tree there is no JSON path, and the text may not even be text.
            let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(text::LIMIT)).unwrap_or(bytes));
            refusal(name, &text, None, fault)
        })?;
        let mut manifest = Manifest { name: name.to_owned(), text: text.to_owned(), root, staged: false, stages: Vec::new() };
        match manifest.read_stages() {
            Ok((staged, stages)) => {
                manifest.staged = staged;
                manifest.stages = stages;
                Ok(manifest)
            }
            Err(fault) => Err(refusal(name, text, Some(&manifest.root), fault)),
        }
    }

    fn read_stages(&self) -> Result<(bool, Vec<Stage>), Fault> {
        text::no_key_twice(&self.root)?;
        let Value::Object(members) = &self.root.value else {
            return Err(Fault::new(Code::ManifestType, "a manifest must be an object").at(self.root.span.clone()));
        };
        check_version(&self.root)?;
        let Some((key, patches)) = self.root.member("stages") else {
            let wire = decode::decode::<wire::Manifest>(&self.text, &self.root)?;
            if let Some((key, _)) = self.root.member("default_stage") {
                let fault = Fault::new(Code::StageUnknown, "there is no stage: the manifest has no \"stages\"");
                return Err(fault.hint("remove default_stage, or add the stage").at(key.span.clone()));
            }
            let stage = Stage { name: None, wire, tree: self.root.clone(), patch: 0..0, idle: Vec::new() };
            return Ok((false, vec![stage]));
        };
        let Value::Object(patches) = &patches.value else {
            let fault = Fault::new(Code::ManifestType, "expected an object of stages");
            return Err(fault.at(patches.span.clone()));
        };
        if patches.is_empty() || patches.len() > STAGES {
            let what = format!("a manifest with \"stages\" has 1 to {STAGES} of them, and here are {}", patches.len());
            let fault = Fault::new(Code::ManifestValue, what).at(key.span.clone());
            return Err(if patches.is_empty() { fault.hint("remove the key") } else { fault });
        }
        if let Some(default) = self.root.get("default_stage") {
            check_default(default, patches)?;
        }
        let rest: Vec<_> = members.iter().filter(|(key, _)| key.name != "stages").cloned().collect();
        let base = Node { span: self.root.span.clone(), verbatim: false, value: Value::Object(rest) };
        let mut stages = Vec::with_capacity(patches.len());
        for (key, patch) in patches {
            crate::policy::name::check(&key.name).map_err(|problem| problem.fault(key.span.clone()))?;
            stage::check(patch)?;
            let mut idle = Vec::new();
            let tree = stage::merge(Some(&base), patch, stage::Part::Root, &mut idle);
            let wire =
                decode::decode::<wire::Manifest>(&self.text, &tree).map_err(|fault| fault.in_stage(&key.name, &patch.span))?;
            stages.push(Stage { name: Some(key.name.clone()), wire, tree, patch: patch.span.clone(), idle });
        }
        Ok((true, stages))
    }

    /// What messages call the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the text: the pin.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Every stage; the manifest itself where it has none. Never empty.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The stage that is wanted, else the default one, else the manifest itself where it has no stages.
    ///
    /// # Errors
    /// [`Code::StageUnknown`], [`Code::StageNotChosen`].
    pub fn stage(&self, wanted: Option<&str>) -> Result<&Stage, Refusal> {
        let names = || near::all(self.stages.iter().filter_map(|stage| stage.name.as_deref()));
        let default = self.stages.first().and_then(|stage| stage.wire.default_stage.as_deref());
        let name = match (self.staged, wanted.or(default)) {
            (true, None) => {
                let refusal = Refusal::new(Code::StageNotChosen, &self.name, "the manifest has stages, and none was chosen");
                return Err(
                    refusal.hint(format!("set LOADER_STAGE or --stage, or default_stage in the manifest, to one of {}", names()))
                );
            }
            (_, name) => name,
        };
        self.stages.iter().find(|stage| stage.name.as_deref() == name).ok_or_else(|| {
            let what = format!("there is no stage {}", near::quoted(name.unwrap_or_default()));
            let refusal = Refusal::new(Code::StageUnknown, &self.name, what);
            if self.staged {
                refusal.hint(format!("the stages are {}", names()))
            } else {
                refusal.hint("the manifest has no stages: leave LOADER_STAGE and --stage out")
            }
        })
    }

    /// The flat manifest of one stage: no `stages`, no `default_stage`, keys in order, two spaces a level. Read again it gives the
    /// same plan.
    ///
    /// # Errors
    /// Those of [`Manifest::stage`].
    pub fn flatten(&self, wanted: Option<&str>) -> Result<String, Refusal> {
        let stage = self.stage(wanted)?;
        let members = stage.tree.members().iter().filter(|(key, _)| key.name != "default_stage").cloned().collect();
        let flat = Node { span: 0..0, verbatim: false, value: Value::Object(members) };
        Ok(render::pretty(&self.text, &flat))
    }

    /// Where something of one stage is, for messages: `manifest.json:12:5: plugins.orders`. Of a path that is not there: where what
    /// there is of it is.
    #[must_use]
    pub fn place(&self, stage: &Stage, path: &[&str]) -> String {
        let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
        let fault = Fault::new(Code::Internal, "").at(stage.locate(&path, true));
        refusal(&self.name, &self.text, Some(&self.root), fault).place
    }

    /// A problem of one stage as a refusal at its place.
    pub(crate) fn refuse(&self, stage: &Stage, problem: &Problem) -> Refusal {
        let mut fault = problem.fault(stage.locate(&problem.path, problem.on_key));
        if let Some((between, path)) = &problem.also {
            fault = fault.also(between, Some(stage.locate(path, true)));
        }
        if let Some(name) = &stage.name {
            fault = fault.in_stage(name, &stage.patch);
        }
        refusal(&self.name, &self.text, Some(&self.root), fault)
    }

    /// What merging itself noticed in one stage.
    pub(crate) fn idle_nulls(&self, stage: &Stage) -> impl Iterator<Item = String> {
        stage.idle.iter().map(|span| {
            let fault = Fault::new(Code::ManifestValue, "this null removes nothing").hint("is the key mistyped");
            refusal(&self.name, &self.text, Some(&self.root), fault.at(span.clone())).to_string()
        })
    }
}

impl Stage {
    /// Where `path` is, or what there is of it.
    fn locate(&self, path: &[String], on_key: bool) -> Range<usize> {
        let (mut node, mut span) = (&self.tree, self.tree.span.clone());
        for (index, step) in path.iter().enumerate() {
            let next = match &node.value {
                Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get(index)).map(|item| (None, item)),
                _ => node.member(step).map(|(key, value)| (Some(key), value)),
            };
            let Some((key, value)) = next else { break };
            span = match key {
                Some(key) if on_key && index + 1 == path.len() => key.span.clone(),
                _ => value.span.clone(),
            };
            node = value;
        }
        span
    }
}

/// The version comes first: the keys of a later one are not unknown, they are of a later one.
fn check_version(root: &Node) -> Result<(), Fault> {
    let hint = "this loader reads \"version\": 1";
    match root.get("version") {
        Some(Node { value: Value::Number(number), span, .. }) => match number.as_u64() {
            Some(1) => Ok(()),
            _ => {
                Err(Fault::new(Code::ManifestVersion, format!("version {number} is not known here")).hint(hint).at(span.clone()))
            }
        },
        Some(node) => Err(Fault::new(Code::ManifestType, "expected a whole number").hint(hint).at(node.span.clone())),
        None => Err(Fault::new(Code::ManifestType, "the key \"version\" is missing").hint(hint).at(root.span.clone())),
    }
}

/// `default_stage` must be one of the stages.
fn check_default(default: &Node, stages: &[(Key, Node)]) -> Result<(), Fault> {
    let names = || stages.iter().map(|(key, _)| key.name.as_str());
    match &default.value {
        Value::String(name) if names().any(|stage| stage == name) => Ok(()),
        Value::String(name) => {
            let fault = Fault::new(Code::StageUnknown, format!("there is no stage {}", near::quoted(name)));
            Err(fault.hint(format!("the stages are {}", near::all(names()))).at(default.span.clone()))
        }
        _ => Err(Fault::new(Code::ManifestType, "expected the name of a stage").at(default.span.clone())),
    }
}

/// The one place where a fault is put into words.
fn refusal(name: &str, text: &str, root: Option<&Node>, fault: Fault) -> Refusal {
    #[cfg(feature = "tool")]
    let excerpt = excerpt::excerpt(text, root, &fault);
    #[cfg(not(feature = "tool"))]
    let excerpt = None;
    let mut at = name.to_owned();
    if let Some(span) = &fault.span {
        let (line, column) = place::line_column(text, span.start);
        at.push_str(&format!(":{line}:{column}"));
        let path = root.map(|root| place::path(root, span.start)).unwrap_or_default();
        if !path.is_empty() {
            at.push_str(&format!(": {path}"));
        }
    }
    if let Some(stage) = &fault.stage {
        at.push_str(&format!(" in stage {stage}"));
    }
    let mut what = fault.what;
    if let Some((between, span)) = fault.also.as_deref() {
        let (line, column) = place::line_column(text, span.start);
        what.push_str(&format!("{between}{line}:{column}"));
    }
    let refusal = Refusal { excerpt, ..Refusal::new(fault.code, at, what) };
    match fault.hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}
