//! A stage over the rest of the manifest: JSON Merge Patch (RFC 7396) on trees that keep their positions.

use std::collections::HashMap;
use std::ops::Range;

use super::fault::Fault;
use super::text::{Node, Value};
use crate::refusal::Code;

/// What a stage may not touch: all that says who may use the manifest and what it may name, and what is about the file itself.
pub(super) const FORBIDDEN: [&str; 8] =
    ["version", "functions", "serial", "allow", "lockdown", "stages", "default_stage", "$schema"];

/// What names an artifact's bytes. They only make sense together, so a stage that sets one replaces all.
pub(super) const BYTES: [&str; 3] = ["path", "s3", "sha256"];

/// Refuses a stage that is no object or touches what it may not, were it by `null`.
pub(super) fn check(patch: &Node) -> Result<(), Fault> {
    let Value::Object(members) = &patch.value else {
        let fault = Fault::new(Code::ManifestType, "a stage must be an object of what it changes");
        return Err(fault.hint("an unchanged stage is {}").at(patch.span.clone()));
    };
    match members.iter().find(|(key, _)| FORBIDDEN.contains(&key.name.as_str())) {
        Some((key, _)) => {
            let what = format!("a stage may not touch {:?}", key.name);
            let fault = Fault::new(Code::StageForbiddenKey, what);
            Err(fault.hint("it holds for every stage: set it at the top of the manifest").at(key.span.clone()))
        }
        None => Ok(()),
    }
}

/// What a member is, as far as merging cares.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// The manifest itself.
    Root,
    /// `plugins` or `libraries`.
    Artifacts,
    /// A plugin, a library, or `settings`.
    Artifact,
    /// Anything else: plain RFC 7396.
    Plain,
}

impl Part {
    fn member(self, name: &str) -> Part {
        match (self, name) {
            (Part::Root, "plugins" | "libraries") => Part::Artifacts,
            (Part::Root, "settings") | (Part::Artifacts, _) => Part::Artifact,
            _ => Part::Plain,
        }
    }
}

/// `base` as `patch` changes it. An object that `patch` changes takes the patch's position: whatever is wrong with it began there.
/// The positions of nulls that remove nothing are added to `idle`.
pub(super) fn merge(base: Option<&Node>, patch: &Node, part: Part, idle: &mut Vec<Range<usize>>) -> Node {
    let Value::Object(changes) = &patch.value else { return patch.clone() };
    let old = base.map(Node::members).unwrap_or_default();
    if let (Some(base), true) = (base, changes.is_empty())
        && matches!(base.value, Value::Object(_))
    {
        return base.clone();
    }
    let mut rest: HashMap<&str, _> = changes.iter().map(|(key, change)| (key.name.as_str(), (key, change))).collect();
    let replaces_bytes = matches!(part, Part::Artifact) && BYTES.iter().any(|name| rest.contains_key(name));
    let mut members = Vec::with_capacity(old.len() + changes.len());
    let mut verbatim = old.is_empty();
    for (key, value) in old {
        let gone = replaces_bytes && BYTES.contains(&key.name.as_str());
        match rest.remove(key.name.as_str()) {
            Some((_, Node { value: Value::Null, .. })) => {}
            Some((key, change)) => {
                let value = (!gone).then_some(value);
                members.push((key.clone(), merge(value, change, part.member(&key.name), idle)));
            }
            None if gone => {}
            None => members.push((key.clone(), value.clone())),
        }
    }
    for (key, change) in changes {
        if rest.remove(key.name.as_str()).is_none() {
            continue;
        }
        if change.value == Value::Null {
            verbatim = false;
            if !(replaces_bytes && BYTES.contains(&key.name.as_str())) {
                idle.push(key.span.clone());
            }
            continue;
        }
        let value = merge(None, change, part.member(&key.name), idle);
        verbatim &= value.verbatim;
        members.push((key.clone(), value));
    }
    Node { span: patch.span.clone(), verbatim, value: Value::Object(members) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{render, text};

    /// Merges through one text, so that positions are those of one file.
    fn merged(base: &str, patch: &str, part: Part) -> (String, usize) {
        let text = format!("[{base},{patch}]");
        let (_, root) = text::read(text.as_bytes()).unwrap();
        let Value::Array(items) = root.value else { unreachable!() };
        let mut idle = Vec::new();
        let node = merge(Some(&items[0]), &items[1], part, &mut idle);
        (render::verbatim(&text, &node), idle.len())
    }

    /// The table of RFC 7396, appendix A: <https://www.rfc-editor.org/rfc/rfc7396#appendix-A>.
    #[test]
    fn the_examples_of_rfc_7396() {
        #[track_caller]
        fn check(base: &str, patch: &str, expected: &str) {
            assert_eq!(merged(base, patch, Part::Plain).0, expected, "{base} {patch}");
        }
        check(r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#);
        check(r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#);
        check(r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#);
        check(r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#);
        check(r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#);
        check(r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#);
        check(r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#);
        check(r#"{"a":"foo"}"#, "null", "null");
        check(r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#);
        check(r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#);
        check(r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#);
        check(r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#);
    }

    /// The algorithm of RFC 7396, section 2, word for word.
    fn reference(target: &mut serde_json::Value, patch: &serde_json::Value) {
        let Some(patch) = patch.as_object() else {
            return target.clone_from(patch);
        };
        if !target.is_object() {
            *target = serde_json::json!({});
        }
        for (name, value) in patch {
            let target = target.as_object_mut().unwrap();
            if value.is_null() {
                target.remove(name);
            } else {
                reference(target.entry(name).or_insert(serde_json::Value::Null), value);
            }
        }
    }

    #[test]
    fn any_two_values_merge_as_the_algorithm_of_rfc_7396_says() {
        /// Some value of at most three levels; the numbers come from a fixed generator.
        fn some(random: &mut impl FnMut() -> u32, depth: usize) -> String {
            match random() % if depth == 0 { 4 } else { 8 } {
                0 => "null".to_owned(),
                1 => (random() % 3).to_string(),
                2 => "{}".to_owned(),
                3 => "[null,{\"a\":null}]".to_owned(),
                _ => {
                    let keys = (0..4)
                        .filter(|_| random().is_multiple_of(2))
                        .map(|key| ["a", "b", "path", "plugins"][key])
                        .collect::<Vec<_>>();
                    let members: Vec<_> = keys.iter().map(|key| format!("\"{key}\" : {}", some(random, depth - 1))).collect();
                    format!("{{ {} }}", members.join(" ,"))
                }
            }
        }
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        for _ in 0..5000 {
            let (base, patch) = (some(&mut random, 3), some(&mut random, 3));
            let mut expected: serde_json::Value = serde_json::from_str(&base).unwrap();
            reference(&mut expected, &serde_json::from_str(&patch).unwrap());
            let (found, _) = merged(&base, &patch, Part::Plain);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&found).unwrap(), expected, "{base} {patch}");
        }
    }

    #[test]
    fn nulls_inside_arrays_stay_and_untouched_text_keeps_its_form() {
        #[track_caller]
        fn check(base: &str, patch: &str, expected: &str) {
            assert_eq!(merged(base, patch, Part::Plain).0, expected, "{base} {patch}");
        }
        check("{}", r#"{"a":[{"b":null}]}"#, r#"{"a":[{"b":null}]}"#);
        check(r#"{ "a": { "x" : 1.50 } }"#, "{}", r#"{ "a": { "x" : 1.50 } }"#);
        check(r#"{ "a": { "x" : 1.50 } }"#, r#"{"b": {"y":  2}}"#, r#"{"a":{ "x" : 1.50 },"b":{"y":  2}}"#);
        check("{}", r#"{ "b": {"y":  2} }"#, r#"{ "b": {"y":  2} }"#);
        check(r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"a":2}"#);
    }

    #[test]
    fn a_stage_that_sets_one_of_path_s3_sha256_replaces_all_three() {
        #[track_caller]
        fn check(base: &str, patch: &str, expected: &str) {
            assert_eq!(merged(base, patch, Part::Root).0, expected, "{base} {patch}");
        }
        let base = r#"{"plugins":{"p":{"path":"a","sha256":"b","config":1}}}"#;
        check(base, r#"{"plugins":{"p":{"path":"c"}}}"#, r#"{"plugins":{"p":{"path":"c","config":1}}}"#);
        check(base, r#"{"plugins":{"p":{"s3":"c"}}}"#, r#"{"plugins":{"p":{"config":1,"s3":"c"}}}"#);
        check(base, r#"{"plugins":{"p":{"sha256":"c"}}}"#, r#"{"plugins":{"p":{"sha256":"c","config":1}}}"#);
        check(base, r#"{"plugins":{"p":{"s3":null}}}"#, r#"{"plugins":{"p":{"config":1}}}"#);
        check(base, r#"{"plugins":{"p":{"config":2}}}"#, r#"{"plugins":{"p":{"path":"a","sha256":"b","config":2}}}"#);
        check(
            r#"{"libraries":{"p":{"path":"a","sha256":"b"}}}"#,
            r#"{"libraries":{"p":{"path":"c"}}}"#,
            r#"{"libraries":{"p":{"path":"c"}}}"#,
        );
        check(r#"{"settings":{"path":"a","sha256":"b"}}"#, r#"{"settings":{"s3":"c"}}"#, r#"{"settings":{"s3":"c"}}"#);
        // Digests an architecture are replaced, not merged.
        check(
            r#"{"plugins":{"p":{"path":"a","sha256":{"x86_64":"b"}}}}"#,
            r#"{"plugins":{"p":{"path":"c","sha256":{"aarch64":"d"}}}}"#,
            r#"{"plugins":{"p":{"path":"c","sha256":{"aarch64":"d"}}}}"#,
        );
        // A route's `path` is no file, and neither is one inside `config`.
        check(
            r#"{"routes":{"r":{"path":"/","s3":1}}}"#,
            r#"{"routes":{"r":{"path":"/x"}}}"#,
            r#"{"routes":{"r":{"path":"/x","s3":1}}}"#,
        );
        check(
            r#"{"plugins":{"p":{"config":{"path":"a","sha256":1}}}}"#,
            r#"{"plugins":{"p":{"config":{"path":"c"}}}}"#,
            r#"{"plugins":{"p":{"config":{"path":"c","sha256":1}}}}"#,
        );
    }

    #[test]
    fn a_null_that_removes_nothing_is_noticed() {
        #[track_caller]
        fn check(base: &str, patch: &str, expected: usize) {
            assert_eq!(merged(base, patch, Part::Root).1, expected, "{base} {patch}");
        }
        check(r#"{"routes":{"a":{}}}"#, r#"{"routes":{"a":null}}"#, 0);
        check(r#"{"routes":{"a":{}}}"#, r#"{"routes":{"b":null}}"#, 1);
        check(r#"{}"#, r#"{"routes":{"b":null},"on_error":null}"#, 2);
        check(r#"{"plugins":{"p":{"path":"a"}}}"#, r#"{"plugins":{"p":{"path":"b","sha256":null}}}"#, 0);
    }
}
