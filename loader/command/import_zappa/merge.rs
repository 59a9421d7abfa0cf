//! The parts of all stages to one manifest: what all have in common, and what each has beyond it.

use super::stage::Parts;
use super::value::Value;

/// The manifest. One stage alone makes a flat one.
pub(super) fn manifest(stages: &[(String, Parts)]) -> Value {
    let mut root = vec![("version".to_owned(), Value::Number(1.into()))];
    let allow = allow(stages);
    if !allow.is_empty() {
        root.push(("allow".to_owned(), Value::Map(allow)));
    }
    root.extend(common(stages));
    if stages.len() > 1 {
        let patches = stages.iter().map(|(name, parts)| (name.clone(), Value::Map(beyond(parts, stages)))).collect();
        root.push(("stages".to_owned(), Value::Map(patches)));
    }
    Value::Map(root)
}

/// A stage may not touch the allowlist, so it has what any of them needs.
fn allow(stages: &[(String, Parts)]) -> Vec<(String, Value)> {
    let union = |of: fn(&Parts) -> &Vec<String>| {
        let mut all: Vec<String> = stages.iter().flat_map(|(_, parts)| of(parts).iter().cloned()).collect();
        all.sort();
        all.dedup();
        all.into_iter().map(Value::Text).collect::<Vec<_>>()
    };
    let lists = [("buckets", union(|parts| &parts.buckets)), ("environment", union(|parts| &parts.variables))];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    lists.map(|(key, list)| (key.to_owned(), Value::List(list))).collect()
}

type Of = fn(&Parts) -> &Vec<(String, Value)>;
type One = fn(&Parts) -> &Option<Value>;

const MAPS: [(&str, Of); 3] =
    [("plugins", |parts| &parts.plugins), ("routes", |parts| &parts.routes), ("environment", |parts| &parts.environment)];
const ONES: [(&str, One); 2] = [("on_error", |parts| &parts.on_error), ("settings", |parts| &parts.settings)];

fn everywhere(stages: &[(String, Parts)], of: Of, entry: &(String, Value)) -> bool {
    stages.iter().all(|(_, parts)| of(parts).contains(entry))
}

fn common(stages: &[(String, Parts)]) -> Vec<(String, Value)> {
    let Some((_, first)) = stages.first() else { return Vec::new() };
    members(
        first,
        |of, entry| everywhere(stages, of, entry),
        |of, one| stages.iter().all(|(_, parts)| of(parts).as_ref() == Some(one)),
    )
}

fn beyond(parts: &Parts, stages: &[(String, Parts)]) -> Vec<(String, Value)> {
    members(
        parts,
        |of, entry| !everywhere(stages, of, entry),
        |of, one| !stages.iter().all(|(_, parts)| of(parts).as_ref() == Some(one)),
    )
}

/// What of `parts` is wanted, in the order in which a manifest is read.
fn members(
    parts: &Parts,
    entry: impl Fn(Of, &(String, Value)) -> bool,
    whole: impl Fn(One, &Value) -> bool,
) -> Vec<(String, Value)> {
    let mut members = Vec::new();
    for (key, of) in MAPS {
        let wanted: Vec<_> = of(parts).iter().filter(|member| entry(of, member)).cloned().collect();
        if !wanted.is_empty() {
            members.push((key.to_owned(), Value::Map(wanted)));
        }
    }
    for (key, of) in ONES {
        if let Some(one) = of(parts).as_ref().filter(|one| whole(of, one)) {
            members.push((key.to_owned(), one.clone()));
        }
    }
    members
}
