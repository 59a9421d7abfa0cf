//! The tree back to JSON text, in the words of the original wherever it was not changed.

use super::text::{Node, Value};

/// The text of `node` as it stands in `text`; of what a stage changed, its parts joined without space.
pub(super) fn verbatim(text: &str, node: &Node) -> String {
    let mut out = String::new();
    compact(text, node, &mut out);
    out
}

fn compact(text: &str, node: &Node, out: &mut String) {
    match &node.value {
        Value::Object(members) if !node.verbatim => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(text.get(key.span.clone()).unwrap_or_default());
                out.push(':');
                compact(text, value, out);
            }
            out.push('}');
        }
        // Only objects are merged: anything else is verbatim.
        _ => out.push_str(text.get(node.span.clone()).unwrap_or_default()),
    }
}

/// `node` over several lines, two spaces a level; `config` of plugins stays as it is, byte for byte.
pub(super) fn pretty(text: &str, node: &Node) -> String {
    let mut out = String::new();
    indented(text, node, 0, &mut Vec::new(), &mut out);
    out.push('\n');
    out
}

fn indented<'n>(text: &str, node: &'n Node, level: usize, path: &mut Vec<&'n str>, out: &mut String) {
    let newline = |out: &mut String, level: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    };
    match &node.value {
        Value::Object(members) if !members.is_empty() && !matches!(path.as_slice(), ["plugins", _, "config"]) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                newline(out, level + 1);
                out.push_str(text.get(key.span.clone()).unwrap_or_default());
                out.push_str(": ");
                path.push(&key.name);
                indented(text, value, level + 1, path, out);
                path.pop();
            }
            newline(out, level);
            out.push('}');
        }
        _ => compact(text, node, out),
    }
}
