//! What is wrong with a manifest before its place is put into words.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Expected, Unexpected};

use super::near::nearest;
use crate::refusal::Code;

/// One fault and, once known, the bytes where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) span: Option<Range<usize>>,
    pub(crate) code: Code,
    pub(crate) what: String,
    /// Text between the fact and a second place, and that place.
    pub(crate) also: Option<Box<(&'static str, Range<usize>)>>,
    /// The stage in which it shows, where its place does not say so.
    pub(crate) stage: Option<String>,
    pub(crate) hint: Option<Cow<'static, str>>,
}

impl Fault {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Fault { span: None, code, what: what.into(), also: None, stage: None, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// The same at `span` unless an inner place is known.
    pub(crate) fn or_at(mut self, span: &Range<usize>) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// The same in a stage whose own bytes are `patch`.
    pub(crate) fn in_stage(mut self, stage: &str, patch: &Range<usize>) -> Self {
        let says_so = self.span.as_ref().is_some_and(|span| patch.contains(&span.start));
        self.stage = (!says_so).then(|| stage.to_owned());
        self
    }

    /// The same with a second place.
    pub(crate) fn also(mut self, between: &'static str, span: Option<Range<usize>>) -> Self {
        self.also = span.map(|span| Box::new((between, span)));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

/// serde's words for a type in the words of JSON.
fn friendly(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" => "a whole number",
        "a map" => "an object",
        "a sequence" => "an array",
        "a boolean" => "true or false",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("enum ") || expected == "variant identifier" => "a string",
        _ => expected,
    }
}

/// The JSON type of what was found. Never the value: it may be a secret in the wrong place.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(true) => "true",
        Unexpected::Bool(false) => "false",
        Unexpected::Unsigned(_) => "a number",
        Unexpected::Signed(_) => "a negative number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

/// `"a", "b" or "c"`
fn list(names: &[&str]) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let gap = if index == 0 {
            ""
        } else if index + 1 == names.len() {
            " or "
        } else {
            ", "
        };
        text.push_str(gap);
        text.push_str(&format!("{name:?}"));
    }
    text
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Fault::new(Code::ManifestValue, text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let what = format!("expected {}, found {}", friendly(&expected), kind(&found));
        let fault = Fault::new(Code::ManifestType, what);
        if matches!(found, Unexpected::Unit) { fault.hint("leave the key out instead") } else { fault }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        match expected.as_str() {
            "u32" | "u64" if matches!(found, Unexpected::Unsigned(_)) => {
                Fault::new(Code::ManifestValue, "the number is too large")
            }
            _ => Fault::new(Code::ManifestValue, format!("expected {}, found {}", friendly(&expected), kind(&found))),
        }
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        let what = format!("expected {}, found {}", list(known), super::near::quoted(found));
        let fault = Fault::new(Code::ManifestValue, what);
        match nearest(found, known.iter().copied()) {
            Some(name) => fault.hint(format!("did you mean {name:?}")),
            None => fault,
        }
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        let fault = Fault::new(Code::ManifestUnknownKey, "this key means nothing here");
        match nearest(found, known.iter().copied()) {
            Some(name) => fault.hint(format!("did you mean {name:?}")),
            None if known.is_empty() => fault,
            None => fault.hint(format!("the keys are {}", list(known).replace(" or ", " and "))),
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Fault::new(Code::ManifestType, format!("the key {name:?} is missing"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Fault::new(Code::ManifestDuplicateKey, format!("the key {name:?} stands here twice"))
    }
}
