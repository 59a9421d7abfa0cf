//! A byte position in words: `FILE:LINE:COLUMN: JSON.path`.

use super::text::{Node, Value};

/// Line and column of a byte, both from 1, the column in characters.
#[must_use]
pub(super) fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

/// The JSON path of the innermost value or key that holds a byte: `stages.prod.routes["order queue"].to`; empty for the whole.
#[must_use]
pub(super) fn path(root: &Node, at: usize) -> String {
    let mut path = String::new();
    let mut node = root;
    loop {
        let next = match &node.value {
            Value::Object(members) => {
                members.iter().find(|(key, value)| key.span.start <= at && at < value.span.end).map(|(key, value)| {
                    step(&mut path, &key.name);
                    // A position in the key means the member and nothing inside it.
                    (value, at < value.span.start)
                })
            }
            Value::Array(items) => items.iter().enumerate().find(|(_, item)| item.span.contains(&at)).map(|(index, item)| {
                path.push_str(&format!("[{index}]"));
                (item, false)
            }),
            _ => None,
        };
        match next {
            Some((inner, false)) => node = inner,
            _ => return path,
        }
    }
}

fn step(path: &mut String, name: &str) {
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$'))
        && name.len() <= 80;
    if plain {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    } else {
        path.push_str(&format!("[{}]", super::near::quoted(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::read;

    #[test]
    fn a_position_is_named_by_line_column_in_characters_and_path() {
        let text = "{\n  \"a\": { \"ü b\": [1, {\"c\": true}] },\r\n  \"$x\": \"äö\", \"y\": null\n}";
        let (_, root) = read(text.as_bytes()).unwrap();
        #[track_caller]
        fn check(text: &str, root: &Node, needle: &str, expected: (usize, usize), name: &str) {
            let at = text.find(needle).unwrap();
            assert_eq!((line_column(text, at), path(root, at).as_str()), (expected, name), "{needle}");
        }
        check(text, &root, "{", (1, 1), "");
        check(text, &root, "\"a\"", (2, 3), "a");
        check(text, &root, "{ \"ü", (2, 8), "a");
        check(text, &root, "\"ü b", (2, 10), "a[\"ü b\"]");
        check(text, &root, "1", (2, 18), "a[\"ü b\"][0]");
        check(text, &root, "true", (2, 27), "a[\"ü b\"][1].c");
        check(text, &root, "\"äö", (3, 9), "$x");
        check(text, &root, "null", (3, 20), "y");
        assert_eq!(line_column(text, text.len() + 9), (4, 2));
    }
}
