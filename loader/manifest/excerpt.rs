//! The lines that a refusal is about, without what may be a secret.
//!
//! What is shown is what is known to be none: keys, and the values of keys that say what runs. Values of variables and of `config`,
//! and everything below a key that is not known (a mistyped `enviroment`), are masked.

use std::ops::Range;

use super::fault::Fault;
use super::text::{Node, Value};
use crate::refusal::Excerpt;

/// A longer excerpt helps nobody.
const LONGEST: usize = 64 << 10;
/// Nor does a longer line: a manifest without line breaks.
const LONGEST_LINE: usize = 400;

/// Keys at the top, and in stages, whose values are no secrets.
const SHOWN: [&str; 14] = [
    "$schema",
    "version",
    "functions",
    "serial",
    "allow",
    "libraries",
    "plugins",
    "routes",
    "on_error",
    "settings",
    "lockdown",
    "deadline_margin_ms",
    "default_stage",
    "stages",
];
/// Keys of what names bytes.
const OF_ARTIFACTS: [&str; 4] = ["path", "s3", "sha256", "load"];

/// The lines of `text` that `fault` is about; of text that is not JSON, `root` is not known.
pub(super) fn excerpt(text: &str, root: Option<&Node>, fault: &Fault) -> Option<Box<Excerpt>> {
    let first_line = |span: &Range<usize>| {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let end = text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |length| start + length);
        start..text.floor_char_boundary(span.end.clamp(start, end))
    };
    let mut spots = vec![first_line(fault.span.as_ref()?)];
    spots.extend(fault.also.as_deref().map(|(_, span)| first_line(span)));
    let start = spots.iter().map(|spot| spot.start).min()?;
    let end = spots.iter().map(|spot| spot.end).max()?;
    let start = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(end..)?.find('\n').map_or(text.len(), |length| end + length);
    let lines = text.get(start..end)?;
    if lines.len() > LONGEST || lines.lines().any(|line| line.len() > LONGEST_LINE) {
        return None;
    }
    let masked = match root {
        Some(root) => {
            let mut secret = Vec::new();
            top(root, &mut secret);
            mask(text, &secret)
        }
        None => mask(text, &between_keys(text)),
    };
    Some(Box::new(Excerpt {
        line: super::place::line_column(text, start).0,
        text: masked.get(start..end)?.to_owned(),
        spots: spots.into_iter().map(|spot| spot.start - start..spot.end - start).collect(),
    }))
}

/// The secrets of a manifest or a stage.
fn top(node: &Node, secret: &mut Vec<Range<usize>>) {
    for (key, value) in node.members() {
        match key.name.as_str() {
            "stages" if matches!(value.value, Value::Object(_)) => {
                value.members().iter().for_each(|(_, stage)| top(stage, secret))
            }
            "plugins" | "libraries" if matches!(value.value, Value::Object(_)) => {
                for (_, artifact) in value.members() {
                    let known = |name: &str| OF_ARTIFACTS.contains(&name);
                    let unknown = artifact.members().iter().filter(|(key, _)| !known(&key.name));
                    unknown.for_each(|(_, value)| scalars(value, secret));
                }
            }
            name if SHOWN.contains(&name) => {}
            _ => scalars(value, secret),
        }
    }
}

/// All values in `node`; keys are names.
fn scalars(node: &Node, secret: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Object(members) => members.iter().for_each(|(_, value)| scalars(value, secret)),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, secret)),
        _ => secret.push(node.span.clone()),
    }
}

/// All that does not stand in quotes before a colon.
fn between_keys(text: &str) -> Vec<Range<usize>> {
    let mut secret = Vec::new();
    let mut from = 0;
    let mut quoted: Option<usize> = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quoted, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(start), '"') => {
                let after = text.get(at + 1..).unwrap_or_default().trim_start();
                if after.starts_with(':') {
                    secret.push(from..start);
                    from = at + 1;
                }
                quoted = None;
            }
            (Some(_), '\n') => quoted = None,
            (None, '"') => quoted = Some(at),
            _ => {}
        }
    }
    secret.push(from..text.len());
    secret
}

/// The text with every letter and digit in `secret` replaced, and every other byte where it was.
fn mask(text: &str, secret: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut secret = secret.to_vec();
    secret.sort_by_key(|span| span.start);
    let mut spans = secret.iter().peekable();
    for (at, letter) in text.char_indices() {
        while spans.next_if(|span| span.end <= at).is_some() {}
        let hidden = spans.peek().is_some_and(|span| span.contains(&at));
        if hidden && !letter.is_whitespace() && !"\"'{}[],:/".contains(letter) {
            (0..letter.len_utf8()).for_each(|_| out.push('*'));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    /// What is shown of a manifest that is refused.
    fn shown(text: &str) -> Excerpt {
        *Manifest::parse("m.json", text.as_bytes()).unwrap_err().excerpt.unwrap()
    }

    #[test]
    fn the_lines_and_the_places_in_them() {
        let excerpt = shown("{\n  \"version\": 1,\n  \"plugns\": {},\n  \"routes\": {}\n}");
        assert_eq!((excerpt.line, excerpt.text.as_str()), (3, "  \"plugns\": {},"));
        assert_eq!(excerpt.text.get(excerpt.spots[0].clone()), Some("\"plugns\""));
        // An object of many lines is marked where it begins.
        let excerpt = shown("{ \"version\": 1, \"plugins\": [\n1,\n2] }");
        assert_eq!(excerpt.text.get(excerpt.spots[0].clone()), Some("["));
        // Both of two places, and what is between them.
        let text = "{ \"version\": 1,\n\"serial\": 1,\n\"on_error\": \"x\",\n\"serial\": 2 }";
        let excerpt = shown(text);
        assert_eq!((excerpt.line, excerpt.text.lines().count(), excerpt.spots.len()), (2, 3, 2), "{excerpt:?}");
    }

    #[test]
    fn what_may_be_a_secret_is_masked_and_everything_else_stands_where_it_stood() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let excerpt = shown(text);
            assert_eq!(excerpt.text, expected, "{text}");
            assert_eq!(excerpt.text.len(), text.lines().nth(excerpt.line - 1).unwrap().len());
        }
        check(
            r#"{"version":1,"environment":{"A":"sécret-1"},"x":0,"serial":7}"#,
            r#"{"version":1,"environment":{"A":"*********"},"x":*,"serial":7}"#,
        );
        check(
            r#"{"version":1,"plugins":{"p":{"path":"a","cofnig":{"k":"secret"}}}}"#,
            r#"{"version":1,"plugins":{"p":{"path":"a","cofnig":{"k":"******"}}}}"#,
        );
        check(r#"{"version":1,"enviroment":{"A":"secret"}}"#, r#"{"version":1,"enviroment":{"A":"******"}}"#);
        check(
            r#"{"version":1,"stages":{"s":{"environment":{"A":7,"B":"secret"}}}}"#,
            r#"{"version":1,"stages":{"s":{"environment":{"A":*,"B":"******"}}}}"#,
        );
        // Not JSON: nobody knows what is what.
        check(r#"{"environment":{"A":"sec\"ret" "B":'x'}}"#, r#"{"environment":{"A":"****"***" "B":'*'}}"#);
        check("version: secret", "*******: ******");
        check("{ // secret\n}", "{ // ******");
    }

    #[test]
    fn one_long_line_is_not_shown() {
        let text = format!("{{\"version\":1,\"x\":\"{}\"}}", "y".repeat(LONGEST_LINE));
        assert_eq!(Manifest::parse("m.json", text.as_bytes()).unwrap_err().excerpt, None);
    }
}
