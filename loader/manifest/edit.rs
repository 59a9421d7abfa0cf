//! New digests into the text of a manifest, every other byte as it was: what `lock` writes.
//!
//! A digest goes where its artifact's bytes are named: into a stage's object where that sets `path` or `s3`, else into the object
//! at the top. What stands there keeps its form: a string stays a string, an object of architectures gets or changes the one entry.
//! Only for a path with `{arch}`, which no single digest can fit, a string becomes an object that holds the new entry alone.

use std::collections::BTreeMap;
use std::ops::Range;

use super::stage::BYTES;
use super::text::{Key, Node, Value};
use super::{Manifest, near, place};
use crate::digest::Digest;
use crate::machine::Architecture;
use crate::policy::ARCH;
use crate::refusal::{Code, Refusal};

/// Plugin or library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An entry of `plugins`.
    Plugin,
    /// An entry of `libraries`.
    Library,
}

/// The digest of one artifact as one stage sees it.
#[derive(Clone, Copy, Debug)]
pub struct NewDigest<'n> {
    /// The stage; `None` where the manifest has none.
    pub stage: Option<&'n str>,
    /// Which kind of artifact.
    pub kind: Kind,
    /// Its name.
    pub name: &'n str,
    /// The architecture of the file.
    pub architecture: Architecture,
    /// The digest of the file.
    pub digest: Digest,
}

/// One digest that was not in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The JSON path of the artifact: `stages.prod.plugins.orders`.
    pub path: String,
    /// Whose digest.
    pub architecture: Architecture,
    /// What stood there; `None`: nothing, or no digest.
    pub old: Option<Digest>,
    /// What stands there now.
    pub new: Digest,
}

/// A text with its new digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// What is new in it, in the order of the text; empty: the text is unchanged.
    pub changes: Vec<Change>,
}

/// Writes digests into the text of a manifest.
///
/// # Errors
/// An artifact that the manifest does not have; two different digests for one place (two stages share the place and were given
/// different files); a text that would be too large.
pub fn write(manifest: &Manifest, digests: &[NewDigest<'_>]) -> Result<Edited, Refusal> {
    let mut owners: BTreeMap<usize, (&Node, BTreeMap<Architecture, Digest>)> = BTreeMap::new();
    for new in digests {
        let owner = owner(&manifest.root, new).ok_or_else(|| {
            let what = format!("there is no {} {} to write a digest for", new.kind.word(), near::quoted(new.name));
            Refusal::new(Code::PluginUnknown, manifest.name(), what).hint("name one that the manifest has")
        })?;
        let (_, wanted) = owners.entry(owner.span.start).or_insert_with(|| (owner, BTreeMap::new()));
        if wanted.insert(new.architecture, new.digest).is_some_and(|other| other != new.digest) {
            let path = place::path(&manifest.root, owner.span.start);
            let what = format!("{path} was to get two different digests for {}", new.architecture);
            return Err(Refusal::new(Code::Usage, manifest.name(), what).hint("name one file for it"));
        }
    }
    let mut edits = Vec::new();
    let mut changes = Vec::new();
    for (owner, wanted) in owners.values() {
        let path = place::path(&manifest.root, owner.span.start);
        for (&architecture, &new) in wanted {
            let old = written(owner, architecture);
            if old != Some(new) {
                changes.push(Change { path: path.clone(), architecture, old, new });
            }
        }
        edit(&manifest.text, owner, wanted, &mut edits);
    }
    // From the end, so that the positions before stay true.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = manifest.text.clone();
    for (span, new) in edits {
        text.replace_range(span, &new);
    }
    // Also refuses a text that has grown too large.
    Manifest::parse(manifest.name(), text.as_bytes())?;
    Ok(Edited { text, changes })
}

impl Kind {
    const fn key(self) -> &'static str {
        match self {
            Kind::Plugin => "plugins",
            Kind::Library => "libraries",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Plugin => "plugin",
            Kind::Library => "library",
        }
    }
}

/// The object in the text that names the artifact's bytes.
fn owner<'n>(root: &'n Node, new: &NewDigest<'_>) -> Option<&'n Node> {
    let artifact = |node: &'n Node| node.get(new.kind.key())?.get(new.name);
    let staged = new.stage.and_then(|stage| artifact(root.get("stages")?.get(stage)?));
    let owner = match staged {
        Some(node) if BYTES.iter().any(|name| node.get(name).is_some()) => Some(node),
        _ => artifact(root),
    };
    owner.filter(|node| named(node).is_some())
}

/// The member that says where the bytes are.
fn named(owner: &Node) -> Option<(usize, &(Key, Node))> {
    let members = owner.members().iter().enumerate();
    members
        .filter(|(_, (_, value))| matches!(value.value, Value::String(_)))
        .find(|(_, (key, _))| matches!(key.name.as_str(), "path" | "s3"))
}

fn as_digest(node: &Node) -> Option<Digest> {
    match &node.value {
        Value::String(text) => Digest::parse(text),
        _ => None,
    }
}

/// The digest that stands there now.
fn written(owner: &Node, architecture: Architecture) -> Option<Digest> {
    let node = owner.get("sha256")?;
    as_digest(node.get(architecture.name()).unwrap_or(node))
}

/// What must change in `owner` so that it holds the `wanted` digests.
fn edit(text: &str, owner: &Node, wanted: &BTreeMap<Architecture, Digest>, edits: &mut Vec<(Range<usize>, String)>) {
    let Some((index, (key, value))) = named(owner) else { return };
    let colon = text.get(key.span.end..value.span.start).unwrap_or(": ");
    let entries = |wanted: &[(&Architecture, &Digest)]| {
        wanted.iter().map(|(architecture, digest)| format!("\"{architecture}\"{colon}\"{digest}\"")).collect::<Vec<_>>()
    };
    let all: Vec<_> = wanted.iter().collect();
    let per_architecture = matches!(&value.value, Value::String(place) if place.contains(ARCH));
    let fresh = match all.as_slice() {
        [(_, digest)] if !per_architecture => format!("\"{digest}\""),
        _ => format!("{{ {} }}", entries(&all).join(", ")),
    };
    match owner.get("sha256") {
        Some(old @ Node { value: Value::Object(members), .. }) => {
            let mut missing = Vec::new();
            for (architecture, digest) in all {
                match old.get(architecture.name()) {
                    Some(entry) if as_digest(entry) == Some(*digest) => {}
                    Some(entry) => edits.push((entry.span.clone(), format!("\"{digest}\""))),
                    None => missing.push((architecture, digest)),
                }
            }
            if missing.is_empty() {
            } else if members.is_empty() {
                edits.push((old.span.clone(), format!("{{ {} }}", entries(&missing).join(", "))));
            } else {
                let last = members.len() - 1;
                let added = entries(&missing).into_iter().map(|entry| format!(",{}{entry}", gap(text, old, last)));
                insert_after(members, last, added.collect(), edits);
            }
        }
        Some(old @ Node { value: Value::String(_), .. })
            if all.len() == 1 && as_digest(old) == all.first().map(|(_, new)| **new) => {}
        Some(old) => edits.push((old.span.clone(), fresh)),
        None => insert_after(owner.members(), index, format!(",{}\"sha256\"{colon}{fresh}", gap(text, owner, index)), edits),
    }
}

fn insert_after(members: &[(Key, Node)], index: usize, new: String, edits: &mut Vec<(Range<usize>, String)>) {
    if let Some((_, value)) = members.get(index) {
        edits.push((value.span.end..value.span.end, new));
    }
}

/// The white space before a member that follows member `index`, as this object has it.
fn gap<'t>(text: &'t str, object: &Node, index: usize) -> &'t str {
    let members = object.members();
    let before = |index: usize| {
        let start = match index.checked_sub(1).and_then(|before| members.get(before)) {
            Some((_, value)) => value.span.end,
            None => object.span.start + 1,
        };
        let between = text.get(start..members.get(index)?.0.span.start)?;
        // After the comma, where there is one.
        Some(between.split_once(',').map_or(between, |(_, after)| after))
    };
    // The first member may stand apart: `{"path": "a", "load": "init"}`.
    let like = if index == 0 { before(1).or_else(|| before(0)) } else { before(index) };
    match like {
        Some("") if members.len() < 2 && text.get(object.span.clone()).is_some_and(|text| text.contains(": ")) => " ",
        like => like.unwrap_or(" "),
    }
}

#[cfg(test)]
mod tests;
