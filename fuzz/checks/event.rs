//! An event's way to its route.

use std::sync::LazyLock;

use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{Base, plan};
use lambda_loader::route::{Routed, Source, Table, is_json};
use lambda_loader::{Architecture, Code};

/// Routes of every source and every key.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let manifest = Manifest::parse("routes.json", include_bytes!("routes.json")).expect("a manifest");
    let plan = plan(&manifest, None, &Base::Folder("/opt/loader".into()), Architecture::HERE)
        .unwrap_or_else(|refusal| panic!("{refusal}"));
    Table::build(plan.routes.iter().map(|route| &route.matching))
});

/// An event is refused as no JSON exactly where it is none; and the same event written in another way goes the same way.
pub(crate) fn check(bytes: &[u8]) {
    let routed = TABLE.route(bytes);
    let not_json = matches!(&routed, Err(refusal) if refusal.code == Code::EventNotJson);
    assert_eq!(not_json, !is_json(bytes));
    if let Err(refusal) = &routed {
        assert_ne!(refusal.code, Code::Internal, "{refusal}");
    }
    // A tree has each key once, in another order, and every string with other escapes.
    let Ok(tree) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    for other in [tree.to_string(), escaped(&tree.to_string())] {
        match (&routed, TABLE.route(other.as_bytes())) {
            (Ok(routed), Ok(again)) => assert_eq!(told(routed), told(&again), "{other}"),
            (Err(refusal), _) if refusal.code == Code::EventAmbiguous => {}
            // A record with two topics, or a partition given twice: of these a tree has only the last.
            (Err(refusal), Ok(again)) if refusal.code == Code::EventMixed && again.source == Source::Kafka => {}
            (Err(refusal), again) => assert_eq!(again.err().map(|again| again.code), Some(refusal.code), "{other}"),
            (Ok(routed), Err(refusal)) => panic!("{routed:?}, and in other words: {refusal}: {other}"),
        }
    }
}

fn told(routed: &Routed<'_>) -> String {
    // A tree orders the keys anew, and topics come in the order of keys.
    let mut parts: Vec<_> = routed.parts.iter().map(|part| (part.route, sorted(&part.topics))).collect();
    parts.sort();
    format!("{:?} {:?} {:?} {parts:?} {:?} {:?}", routed.source, routed.resource, routed.route, routed.http, routed.phase)
}

fn sorted(topics: &[String]) -> Vec<&String> {
    let mut topics: Vec<_> = topics.iter().collect();
    topics.sort();
    topics
}

/// The same JSON with every letter of its strings escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 6);
    let mut letters = text.chars();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                inside = !inside;
                out.push('"');
            }
            '\\' => {
                out.push('\\');
                out.extend(letters.next());
            }
            letter if inside && letter.is_ascii_alphabetic() && !out.ends_with(['\\']) => {
                // After `\u` come digits, which stay.
                if is_of_escape(&out) { out.push(letter) } else { out.push_str(&format!("\\u{:04X}", u32::from(letter))) }
            }
            letter => out.push(letter),
        }
    }
    out
}

/// Whether `out` ends within the four digits of a `\u`.
fn is_of_escape(out: &str) -> bool {
    let tail: Vec<char> = out.chars().rev().take(5).collect();
    (1..=4).any(|back| tail.get(back - 1) == Some(&'u') && tail.get(back) == Some(&'\\') && tail.get(back + 1) != Some(&'\\'))
}
