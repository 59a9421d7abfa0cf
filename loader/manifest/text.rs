//! JSON text to a tree in which every value and key knows where it stands.
//!
//! serde_json is the judge of what JSON is; the walk after it only finds positions in text that is known to be JSON.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Number;

use super::fault::Fault;
use crate::refusal::Code;

/// The largest manifest that is read, in bytes.
pub const LIMIT: usize = 1 << 20;

/// The deepest nesting that is read, which is also serde_json's own.
const DEPTH: usize = 128;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its bytes in the text. Of an object that a stage changed: those of the object in the stage.
    pub span: Range<usize>,
    /// Whether the text at `span` is the value; false once a stage changed it or something in it.
    pub verbatim: bool,
    /// What it is.
    pub value: Value,
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of the text.
    Object(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key, unescaped.
    pub name: String,
    /// Its bytes in the text, quotes included.
    pub span: Range<usize>,
}

impl Node {
    /// The members of an object; none for anything else.
    #[must_use]
    pub fn members(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|(_, node)| node)
    }

    /// The member of an object with its key.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&(Key, Node)> {
        self.members().iter().find(|(key, _)| key.name == name)
    }
}

/// Reads one JSON text.
///
/// # Errors
/// Too large, not UTF-8, a byte order mark, not JSON, or deeper than 127.
pub(super) fn read(bytes: &[u8]) -> Result<(&str, Node), Fault> {
    if bytes.len() > LIMIT {
        let what = format!("the file has {} bytes, and at most {LIMIT} are read", bytes.len());
        return Err(Fault::new(Code::ManifestTooLarge, what).hint("move what does not route into the plugins' own data"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new(Code::ManifestSyntax, "this is not UTF-8").hint("save the file as UTF-8").at(at..at)
    })?;
    if text.starts_with('\u{feff}') {
        let fault = Fault::new(Code::ManifestSyntax, "the file begins with a byte order mark");
        return Err(fault.hint("save it as UTF-8 without one").at(0..0));
    }
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| not_json(text, &error))?;
    let mut walk = Walk { text, at: 0 };
    let Some(node) = walk.value(0) else {
        // Only where serde_json and the walk disagree on what JSON is.
        return Err(Fault::new(Code::ManifestSyntax, "this cannot be read as JSON").at(walk.at..walk.at));
    };
    Ok((text, node))
}

/// What serde_json said, at the place that it meant.
fn not_json(text: &str, error: &serde_json::Error) -> Fault {
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = text.floor_char_boundary((start + error.column().saturating_sub(1)).min(text.len()));
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    let fault = |what: &str| Fault::new(Code::ManifestSyntax, what).at(at..at);
    let rest = text.get(at..).unwrap_or_default();
    if text.trim_ascii().is_empty() {
        fault("the file is empty").hint("the smallest manifest is {\"version\":1}")
    } else if error.is_eof() {
        fault("the text ends too early").hint("the file may be cut off, or lack a closing bracket or quote")
    } else if what.starts_with("trailing comma") {
        fault("a comma stands before a closing bracket").hint("remove the comma")
    } else if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') {
        fault("a comment stands here").hint("JSON has no comments; remove it")
    } else if rest.starts_with('\'') {
        fault("a single quote stands here").hint("JSON strings stand in double quotes")
    } else if what.contains("surrogate") || what.contains("hex escape") {
        fault("half of a surrogate pair stands alone").hint("write the character itself, or both of its \\u escapes")
    } else if what.starts_with("recursion limit") {
        fault("nested too deep").hint("at most 127 objects and arrays may stand in one another")
    } else if what.starts_with("trailing characters") {
        fault("more text follows the manifest").hint("the file must hold one JSON object and nothing else")
    } else if what.starts_with("control character") {
        fault("a control character stands in a string").hint("write it as an escape: \\n, \\t, \\u0000")
    } else if what.starts_with("key must be a string") {
        fault("a key must be a string").hint("JSON keys stand in double quotes")
    } else {
        fault(what)
    }
}

/// Refuses an object with a key twice: parsers disagree on which one counts.
pub(super) fn no_key_twice(node: &Node) -> Result<(), Fault> {
    match &node.value {
        Value::Array(items) => items.iter().try_for_each(no_key_twice),
        Value::Object(members) => {
            let mut seen = HashSet::with_capacity(members.len());
            for (key, value) in members {
                if !seen.insert(key.name.as_str()) {
                    let first = members.iter().find(|(first, _)| first.name == key.name).map(|(first, _)| first.span.clone());
                    let fault = Fault::new(Code::ManifestDuplicateKey, "this key stands here for the second time");
                    return Err(fault.also(", first at ", first).hint("keep one of the two").at(key.span.clone()));
                }
                no_key_twice(value)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Finds the values of a text that is known to be JSON; `None` wherever it is not.
struct Walk<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Walk<'t> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether `byte` comes next; if so it is passed.
    fn pass(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        let first = self.peek()?;
        let start = self.at;
        let value = match first {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Value::String(self.string()?),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            _ => self.number()?,
        };
        Some(Node { span: start..self.at, verbatim: true, value })
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut members = Vec::new();
        self.at += 1;
        if self.pass(b'}') {
            return Some(Value::Object(members));
        }
        loop {
            self.peek()?;
            let start = self.at;
            let name = self.string()?;
            let key = Key { name, span: start..self.at };
            self.pass(b':').then_some(())?;
            members.push((key, self.value(depth + 1)?));
            if !self.pass(b',') {
                return self.pass(b'}').then_some(Value::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.at += 1;
        if self.pass(b']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.pass(b',') {
                return self.pass(b']').then_some(Value::Array(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let inner = self.text.as_bytes().get(start..)?.strip_prefix(b"\"")?;
        let mut escaped = false;
        let mut length = 0;
        loop {
            match inner.get(length)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    length += 2;
                }
                _ => length += 1,
            }
        }
        self.at = start + length + 2;
        if escaped {
            return serde_json::from_str(self.text.get(start..self.at)?).ok();
        }
        Some(self.text.get(start + 1..self.at - 1)?.to_owned())
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text.get(self.at..)?.starts_with(word).then_some(())?;
        self.at += word.len();
        Some(value)
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).count();
        let number = serde_json::from_str(self.text.get(self.at..self.at + length)?).ok()?;
        self.at += length;
        Some(Value::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree back into serde_json's, for comparing.
    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(value) => value.as_str().into(),
            Value::Array(items) => items.iter().map(plain).collect(),
            Value::Object(members) => members.iter().map(|(key, value)| (key.name.clone(), plain(value))).collect(),
        }
    }

    /// Every value's own text must be that value.
    fn spans_fit(text: &str, node: &Node) {
        let own: serde_json::Value = serde_json::from_str(&text[node.span.clone()]).unwrap();
        assert_eq!(own, plain(node));
        if let Value::Array(items) = &node.value {
            items.iter().for_each(|item| spans_fit(text, item));
        }
        for (key, value) in node.members() {
            assert_eq!(serde_json::from_str::<String>(&text[key.span.clone()]).unwrap(), key.name);
            spans_fit(text, value);
        }
    }

    #[test]
    fn the_tree_is_what_serde_json_reads() {
        let text = " {\"a\" :[1,-0,1.5e-3 , 18446744073709551615,\"\\ud83d\\ude00\\\"\\\\\",\"\", {},[ ] ],\r\n\t\"\\u0062\":{\"ü\":null,\"x\":true , \"y\":false}}\n ";
        let (_, node) = read(text.as_bytes()).unwrap();
        spans_fit(text, &node);
        // Whatever a flipped byte makes of it, both read the same or both refuse.
        let mut bytes = text.as_bytes().to_vec();
        for at in 0..bytes.len() {
            for new in *b"\"\\{}[],: 0-.e\nu\x80" {
                let old = std::mem::replace(&mut bytes[at], new);
                match (serde_json::from_slice::<serde_json::Value>(&bytes), read(&bytes)) {
                    (Ok(value), Ok((text, node))) => {
                        spans_fit(text, &node);
                        assert!(no_key_twice(&node).is_err() || plain(&node) == value);
                    }
                    (Err(_), Err(fault)) => assert_eq!(fault.code, Code::ManifestSyntax),
                    (theirs, ours) => panic!("{theirs:?} {ours:?}"),
                }
                bytes[at] = old;
            }
        }
    }

    #[test]
    fn a_megabyte_of_brackets_keys_or_escapes_is_read_or_refused() {
        #[track_caller]
        fn check(text: &str, expected: Option<(Code, &str)>) {
            let found = read(text.as_bytes()).and_then(|(_, node)| no_key_twice(&node)).err();
            assert_eq!(found.as_ref().map(|fault| (fault.code, fault.what.as_str())), expected);
        }
        let syntax = |what| Some((Code::ManifestSyntax, what));
        check(&"[".repeat(LIMIT), syntax("nested too deep"));
        check(&"{\"a\":".repeat(LIMIT / 5), syntax("nested too deep"));
        check(&format!("{}{}", "[".repeat(128), "]".repeat(128)), syntax("nested too deep"));
        check(&format!("{}{}", "[".repeat(127), "]".repeat(127)), None);
        check(&format!("[{}1]", "1,".repeat(LIMIT / 2 - 2)), None);
        check(&format!("\"{}\"", "\\n".repeat(LIMIT / 2 - 1)), None);
        let keys = |last: &str| {
            let keys: Vec<_> = (0..90_000).map(|key| format!("\"{key:x}\":0")).collect();
            format!("{{{},\"{last}\":0}}", keys.join(","))
        };
        check(&keys("last"), None);
        check(&keys("a"), Some((Code::ManifestDuplicateKey, "this key stands here for the second time")));
        check(&" ".repeat(LIMIT + 1), Some((Code::ManifestTooLarge, "the file has 1048577 bytes, and at most 1048576 are read")));
    }
}
