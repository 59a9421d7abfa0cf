//! The text of a manifest whose files have been copied elsewhere: for `serve`, which runs copies and leaves the manifest as it is.

use std::ops::Range;

use super::text::Node;
use super::{Manifest, place};
use crate::digest::Digest;
use crate::refusal::{Code, Refusal};

/// Where the copy of one file lies.
#[derive(Clone, Debug)]
pub struct Moved<'m> {
    /// The JSON path of what names it: `["plugins", "orders"]`, `["settings"]`.
    pub entry: &'m [&'m str],
    /// The copy, relative to the new manifest's folder.
    pub path: String,
    /// Its digest.
    pub digest: Digest,
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
        let path = serde_json::Value::from(moved.path.as_str());
        let new = vec![format!("\"path\": {path}"), format!("\"sha256\": \"{}\"", moved.digest)];
        edits.push((node.span.clone(), without(&manifest.text, node, &["path", "s3", "sha256"], new)));
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
            Moved { entry: &["plugins", "web"], path: "plugins/web.so".into(), digest },
            Moved { entry: &["settings"], path: "settings.json".into(), digest },
        ];
        let expected = format!(
            r#"{{ "version": 1, "allow": {{ "environment": ["APP_*"] }},
  "plugins": {{ "web": {{ "path": "plugins/web.so", "sha256": "{digest}", "config": {{ "n": 1e40, "big": 123456789012345678901234567890 }} }} }},
  "routes": {{ "any": {{ "source": "direct", "to": "web" }} }}, "settings": {{ "path": "settings.json", "sha256": "{digest}" }} }}"#
        );
        assert_eq!(write(&manifest, &moved).unwrap(), expected);
        let unknown = [Moved { entry: &["plugins", "other"], path: "x".into(), digest }];
        let refusal = write(&manifest, &unknown).unwrap_err();
        assert!(refusal.to_string().contains("there is no plugins.other"), "{refusal}");
    }
}
