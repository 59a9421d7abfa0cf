//! Samples of all sources, changed in ways that mean nothing, and broken: they are classified the same, or refused by name.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::matching::Match;
use super::{Routed, Source, Table};
use crate::Code;
use crate::manifest::wire;

/// One route for each source and one more specific for some, so that the further keys are read as well.
fn table() -> (Vec<Match>, Table) {
    let keys = [
        ("s3", "key_prefix", "incoming/"),
        ("ses", "recipient", "*@example.org"),
        ("kafka", "topic", "orders"),
        ("cloudwatch-logs", "log_group", "/aws/lambda/*"),
        ("websocket", "route_key", "$default"),
        ("cognito", "trigger", "PreSignUp_*"),
        ("lex", "intent", "FindOrder"),
        ("appsync", "field", "order"),
        ("api-gateway-rest", "path", "/orders"),
    ];
    let plain = Source::ALL.iter().map(|source| serde_json::json!({ "source": source.name(), "to": "p" }));
    let narrow = keys.iter().map(|(source, key, value)| serde_json::json!({ "source": source, (*key): value, "to": "p" }));
    let parse = |route: Value| Match::parse(&serde_json::from_value::<wire::Route>(route).unwrap()).unwrap();
    let matches: Vec<Match> = narrow.chain(plain).map(parse).collect();
    let table = Table::build(matches.iter());
    (matches, table)
}

fn samples() -> impl Iterator<Item = (Source, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("loader/command/event/samples");
    Source::ALL.iter().map(move |source| (*source, std::fs::read_to_string(folder.join(format!("{source}.json"))).unwrap()))
}

/// What routing says, without what is only about replies.
fn said(routed: &Routed<'_>) -> (Source, Option<String>, Option<usize>, usize) {
    let resource = routed.resource.as_deref().map(str::to_owned);
    (routed.source, resource, routed.route, routed.parts.len())
}

/// JSON text of a value in another writing.
#[derive(Clone, Copy, Default)]
struct Writing {
    reversed: bool,
    escaped: bool,
    spaced: bool,
    /// A member that means nothing, in every object but the whole event.
    extra: Option<&'static str>,
}

impl Writing {
    fn text(self, value: &Value, depth: usize, out: &mut String) {
        let space = if self.spaced { " \n\t\r" } else { "" };
        out.push_str(space);
        match value {
            Value::Object(members) => {
                out.push('{');
                let mut all: Vec<_> = members.iter().collect();
                if self.reversed {
                    all.reverse();
                }
                let mut first = true;
                for (key, value) in all {
                    out.push_str(if first { "" } else { "," });
                    first = false;
                    self.string(key, out);
                    out.push_str(space);
                    out.push(':');
                    self.text(value, depth + 1, out);
                }
                if let Some(extra) = self.extra.filter(|_| depth > 0) {
                    let _ = write!(out, "{}\"an extra key\":{extra}", if first { "" } else { "," });
                }
                out.push('}');
            }
            Value::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    self.text(element, depth + 1, out);
                }
                out.push(']');
            }
            Value::String(text) => self.string(text, out),
            other => out.push_str(&other.to_string()),
        }
        out.push_str(space);
    }

    fn string(self, text: &str, out: &mut String) {
        if !self.escaped {
            out.push_str(&Value::from(text).to_string());
            return;
        }
        out.push('"');
        for unit in text.encode_utf16() {
            let _ = write!(out, "\\u{unit:04x}");
        }
        out.push('"');
    }
}

#[test]
fn what_means_the_same_is_classified_the_same() {
    let (_matches, table) = table();
    for (source, text) in samples() {
        let expected = said(&table.route(text.as_bytes()).unwrap());
        assert_eq!(expected.0, source);
        assert!(expected.2.is_some(), "{source}");
        let value: Value = serde_json::from_str(&text).unwrap();
        let deep: &'static str = Box::leak(format!("{}{}", "[".repeat(100), "]".repeat(100)).into_boxed_str());
        for (name, writing) in [
            ("sorted", Writing::default()),
            ("reversed", Writing { reversed: true, ..Writing::default() }),
            ("escaped", Writing { escaped: true, ..Writing::default() }),
            ("spaced", Writing { spaced: true, ..Writing::default() }),
            ("extra", Writing { extra: Some("{\"eventSource\":\"aws:sqs\"}"), ..Writing::default() }),
            ("extra and deep", Writing { extra: Some(deep), reversed: true, ..Writing::default() }),
        ] {
            // The members of these objects are data: what else stands among them is one more topic.
            if source == Source::Kafka && name.starts_with("extra") {
                continue;
            }
            let mut written = String::new();
            writing.text(&value, 0, &mut written);
            assert_eq!(said(&table.route(written.as_bytes()).unwrap()), expected, "{source} {name}");
        }
    }
}

/// All places of members in a value, as pointers.
fn members(value: &Value, at: &str, all: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{}", escape(key));
                members(value, &at, all);
                all.push(at);
            }
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, element)| members(element, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}

#[test]
fn null_is_as_if_it_was_not_there_for_every_key_of_every_sample() {
    let (_matches, table) = table();
    let mut tried = 0;
    for (source, text) in samples() {
        let value: Value = serde_json::from_str(&text).unwrap();
        let mut all = Vec::new();
        members(&value, "", &mut all);
        for at in all {
            let (parent, key) = at.rsplit_once('/').unwrap();
            let key = key.replace("~1", "/").replace("~0", "~");
            let object = |value: &mut Value, change: &dyn Fn(&mut Map<String, Value>)| {
                change(value.pointer_mut(parent).unwrap().as_object_mut().unwrap());
            };
            let (mut null, mut missing) = (value.clone(), value.clone());
            object(&mut null, &|map| drop(map.insert(key.clone(), Value::Null)));
            object(&mut missing, &|map| drop(map.remove(&key)));
            let ask = |event: &Value| {
                table.route(event.to_string().as_bytes()).map(|routed| said(&routed)).map_err(|refusal| refusal.code)
            };
            // An operation has exactly its keys, and so a null one is one of them.
            if source != Source::Operation {
                assert_eq!(ask(&null), ask(&missing), "{source} {at}");
            }
            tried += 1;
        }
    }
    assert!(tried > 600, "{tried}");
}

#[test]
fn a_key_given_twice_is_refused_where_it_is_read_and_changes_nothing_elsewhere() {
    let (_matches, table) = table();
    let (mut refused, mut same) = (0, 0);
    for (source, text) in samples() {
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = said(&table.route(text.as_bytes()).unwrap());
        let Value::Object(map) = &value else { continue };
        for (key, member) in map {
            let twice = format!("{{{}:{member},{}", Value::from(key.as_str()), &value.to_string()[1..]);
            match table.route(twice.as_bytes()) {
                Err(refusal) => {
                    assert_eq!(refusal.code, Code::EventAmbiguous, "{source} {key}: {refusal}");
                    refused += 1;
                }
                // Of an operation a second key is one too many.
                Ok(routed) => {
                    assert_eq!(said(&routed), expected, "{source} {key}");
                    same += 1;
                }
            }
        }
    }
    assert!(refused > 100 && same > 50, "{refused} {same}");
}

#[test]
fn what_is_cut_off_or_is_not_utf_8_is_refused_wherever_it_breaks() {
    let (_matches, table) = table();
    let refused = |event: &[u8]| table.route(event).map(|routed| routed.source).map_err(|refusal| refusal.code);
    for (source, text) in samples() {
        let text = text.trim_end();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert_eq!(refused(&text.as_bytes()[..end]), Err(Code::EventNotJson), "{source} {end}");
        }
        for at in (0..text.len()).step_by(7) {
            for byte in [0xff, 0xc0, 0xed] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                assert_eq!(refused(&bytes), Err(Code::EventNotJson), "{source} {at}");
            }
        }
    }
}
