//! The text of a manifest whose files have been copied elsewhere: for `serve`, which runs copies, and `push`, which uploads them. Both
//! leave the manifest as it is.

use std::ops::Range;

use super::stage::BYTES;
use super::text::Node;
use super::{Manifest, place};
use crate::digest::Digest;
use crate::machine::Architecture;
use crate::refusal::{Code, Refusal};

/// Where the copy of one file lies.
#[derive(Clone, Debug)]
pub struct Moved<'m> {
    /// The JSON path of what names it: `["plugins", "orders"]`, `["settings"]`.
    pub entry: &'m [&'m str],
    /// Where the copy is.
    pub to: Target,
    /// Its digest.
    pub sha256: Sha256,
}

/// Where a copy is.
#[derive(Clone, Debug)]
pub enum Target {
    /// At this path, relative to the new manifest's folder.
    Path(String),
    /// In S3, at this URI.
    Object(String),
}

/// The digest of a copy.
#[derive(Clone, Debug)]
pub enum Sha256 {
    /// Of one file.
    One(Digest),
    /// Of a file for each architecture.
    Each(Vec<(Architecture, Digest)>),
}

impl Moved<'_> {
    /// The members that say so.
    fn members(&self) -> Vec<String> {
        let (key, value) = match &self.to {
            Target::Path(path) => ("path", path),
            Target::Object(uri) => ("s3", uri),
        };
        let sha256 = match &self.sha256 {
            Sha256::One(digest) => format!("\"{digest}\""),
            Sha256::Each(digests) => {
                let entries: Vec<_> = digests.iter().map(|(of, digest)| format!("\"{of}\": \"{digest}\"")).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        };
        vec![format!("\"{key}\": {}", serde_json::Value::from(value.as_str())), format!("\"sha256\": {sha256}")]
    }
}

/// The manifest's text with the bytes of each entry named anew, and no roots but its own folder. Everything else stays, to the
/// byte. For a manifest without stages: [`Manifest::flatten`] makes one.
///
/// # Errors
/// An entry that the manifest does not have.
pub fn write(manifest: &Manifest, moved: &[Moved<'_>]) -> Result<String, Refusal> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for moved in moved {
        let node = moved.entry.iter().try_fold(&manifest.root, |node, step| node.get(step)).ok_or_else(|| {
            let what = format!("there is no {} to name a file for", moved.entry.join("."));
            Refusal::new(Code::Internal, manifest.name(), what)
        })?;
        edits.push((node.span.clone(), without(&manifest.text, node, &BYTES, moved.members())));
    }
    if let Some(allow) = manifest.root.get("allow") {
        edits.push((allow.span.clone(), without(&manifest.text, allow, &["roots"], Vec::new())));
    }
    // From the end, so that the positions before stay true.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = manifest.text.clone();
    for (span, new) in edits {
        if text.get(span.clone()).is_none() {
            let what = format!("{} has no place in the text", place::path(&manifest.root, span.start));
            return Err(Refusal::new(Code::Internal, manifest.name(), what));
        }
        text.replace_range(span, &new);
    }
    Ok(text)
}

/// An object with `first` and with its own members but those.
fn without(text: &str, object: &Node, gone: &[&str], first: Vec<String>) -> String {
    let kept = object.members().iter().filter(|(key, _)| !gone.contains(&key.name.as_str()));
    let kept = kept.filter_map(|(key, value)| text.get(key.span.start..value.span.end).map(str::to_owned));
    let members: Vec<_> = first.into_iter().chain(kept).collect();
    format!("{{ {} }}", members.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_named_anew_and_everything_else_stays() {
        let text = r#"{ "version": 1, "allow": { "roots": ["/a"], "environment": ["APP_*"] },
  "plugins": { "web": { "config": { "n": 1e40, "big": 123456789012345678901234567890 }, "s3": "s3://b/web.so", "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" } },
  "routes": { "any": { "source": "direct", "to": "web" } }, "settings": { "path": "/a/s.json" } }"#;
        let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap();
        let digest = Digest::of(b"abc");
        let moved = [
            Moved { entry: &["plugins", "web"], to: Target::Path("plugins/web.so".into()), sha256: Sha256::One(digest) },
            Moved { entry: &["settings"], to: Target::Path("settings.json".into()), sha256: Sha256::One(digest) },
        ];
        let expected = format!(
            r#"{{ "version": 1, "allow": {{ "environment": ["APP_*"] }},
  "plugins": {{ "web": {{ "path": "plugins/web.so", "sha256": "{digest}", "config": {{ "n": 1e40, "big": 123456789012345678901234567890 }} }} }},
  "routes": {{ "any": {{ "source": "direct", "to": "web" }} }}, "settings": {{ "path": "settings.json", "sha256": "{digest}" }} }}"#
        );
        assert_eq!(write(&manifest, &moved).unwrap(), expected);
        let unknown = [Moved { entry: &["plugins", "other"], to: Target::Path("x".into()), sha256: Sha256::One(digest) }];
        let refusal = write(&manifest, &unknown).unwrap_err();
        assert!(refusal.to_string().contains("there is no plugins.other"), "{refusal}");
    }

    #[test]
    fn what_is_uploaded_is_named_by_its_uri_and_by_the_digest_of_each_architecture() {
        let text = r#"{ "version": 1, "plugins": { "web": { "path": "a-{arch}.so", "load": "init" } }, "routes": {} }"#;
        let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap();
        let (one, other) = (Digest::of(b"abc"), Digest::of(b"def"));
        let sha256 = Sha256::Each(vec![(Architecture::X86_64, one), (Architecture::Aarch64, other)]);
        let moved = [Moved { entry: &["plugins", "web"], to: Target::Object("s3://b/{arch}/a.so".into()), sha256 }];
        let entry = format!(
            r#"{{ "s3": "s3://b/{{arch}}/a.so", "sha256": {{ "x86_64": "{one}", "aarch64": "{other}" }}, "load": "init" }}"#
        );
        let expected = format!(r#"{{ "version": 1, "plugins": {{ "web": {entry} }}, "routes": {{}} }}"#);
        assert_eq!(write(&manifest, &moved).unwrap(), expected);
    }
}
