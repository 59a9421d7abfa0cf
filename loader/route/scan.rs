//! JSON text, token by token: checked against the whole grammar, UTF-8 with it, never built into a tree, never recursing.
//!
//! `serde_json` could do this (and is the oracle of the tests below), but it refuses what is valid JSON and none of our business
//! (numbers beyond `f64`, half a surrogate pair in a string that nobody decodes), reports lines where an event has none, and takes
//! three times as long over bodies that are JSON within JSON.

use std::borrow::Cow;

mod string;

/// Why the text is not JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Offset of the byte at fault, from 0.
    pub(super) at: usize,
    /// In lower case, without a final stop.
    pub(super) what: &'static str,
}

/// The text is not JSON; [`Scanner::fault`] says why. Apart from it, so that results fit into registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop;

/// What kind of value stands in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or `null`, which counts as nothing.
    #[default]
    Absent,
    /// `true`, `false` or a number.
    Scalar,
    /// A string.
    Text,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

/// A string where it stands in the event, escapes and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'e> {
    /// With its quotes, and known to be UTF-8.
    quoted: &'e [u8],
    /// Whether a backslash occurs in it.
    escaped: bool,
}

impl<'e> Text<'e> {
    /// The characters. Half a surrogate pair cannot be one: such a string is given as it stands, with its escapes.
    pub(super) fn decode(self) -> Cow<'e, str> {
        match self.escaped.then(|| serde_json::from_slice::<String>(self.quoted)) {
            Some(Ok(decoded)) => Cow::Owned(decoded),
            Some(Err(_)) | None => Cow::Borrowed(std::str::from_utf8(self.raw()).unwrap_or_default()),
        }
    }

    /// What stands between the quotes.
    fn raw(self) -> &'e [u8] {
        self.quoted.get(1..self.quoted.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Whether it is these characters. Decodes nothing that is too long for it: an escape is at most six bytes for one.
    pub(super) fn is(self, wanted: &str) -> bool {
        match self.escaped {
            true => self.quoted.len() <= 6 * wanted.len() + 2 && self.decode() == wanted,
            false => self.raw() == wanted.as_bytes(),
        }
    }

    /// Whether it may be one of the strings whose lengths `known` tells. Escapes hide the length.
    #[inline]
    pub(super) fn may_be(self, known: impl FnOnce(usize) -> bool) -> bool {
        self.escaped || known(self.quoted.len().saturating_sub(2))
    }

    /// Whether both are the same characters.
    pub(super) fn same(self, other: Text<'_>) -> bool {
        self.quoted == other.quoted || ((self.escaped || other.escaped) && self.decode() == other.decode())
    }
}

/// A position in JSON text.
pub(super) struct Scanner<'e> {
    text: &'e [u8],
    at: usize,
    fault: Fault,
}

impl<'e> Scanner<'e> {
    pub(super) fn new(text: &'e [u8]) -> Self {
        Scanner { text, at: 0, fault: Fault { at: 0, what: "" } }
    }

    /// The offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to an offset that [`Scanner::at`] gave.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte that is not white space, without taking it.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Result<u8, Stop> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(self.stop("the text ends too early")),
            }
        }
    }

    /// Takes the byte that [`Scanner::peek`] saw.
    #[inline]
    pub(super) fn take(&mut self) {
        self.at += 1;
    }

    /// Takes `byte`, after white space.
    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), Stop> {
        if self.peek()? != byte {
            return Err(self.stop(otherwise));
        }
        self.take();
        Ok(())
    }

    /// Only white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Ok(_) => Err(self.stop("something follows the value")),
            Err(_) => Ok(()),
        }
    }

    /// The string of a key or value, after white space.
    #[inline(always)]
    pub(super) fn string(&mut self, otherwise: &'static str) -> Result<Text<'e>, Stop> {
        self.expect(b'"', otherwise)?;
        let start = self.at - 1;
        let escaped = self.string_end()?;
        Ok(Text { quoted: self.text.get(start..self.at).unwrap_or_default(), escaped })
    }

    /// A key and its colon.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Text<'e>, Stop> {
        let key = self.string("a key is a string")?;
        self.expect(b':', "a key is followed by `:`")?;
        Ok(key)
    }

    /// Any value, checked and passed over.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<Kind, Stop> {
        match self.peek()? {
            b'{' => self.skip_nested().map(|()| Kind::Object),
            b'[' => self.skip_nested().map(|()| Kind::Array),
            byte => self.skip_plain(byte),
        }
    }

    /// A value that is neither array nor object, beginning with `byte`.
    #[inline]
    fn skip_plain(&mut self, byte: u8) -> Result<Kind, Stop> {
        match byte {
            b'"' => self.take_then(Self::string_end).map(|_| Kind::Text),
            b'n' => self.word("null").map(|()| Kind::Absent),
            b't' => self.word("true").map(|()| Kind::Scalar),
            b'f' => self.word("false").map(|()| Kind::Scalar),
            b'-' | b'0'..=b'9' => self.number().map(|()| Kind::Scalar),
            _ => Err(self.stop("no value begins like this")),
        }
    }

    fn take_then<T>(&mut self, then: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        self.take();
        then(self)
    }

    /// An array or object. Depth costs one bit a level, not a stack frame.
    fn skip_nested(&mut self) -> Result<(), Stop> {
        let mut open = Nesting::default();
        'value: loop {
            match self.peek()? {
                b'{' => {
                    self.take();
                    if self.peek()? != b'}' {
                        open.push(true);
                        self.key()?;
                        continue 'value;
                    }
                    self.take();
                }
                b'[' => {
                    self.take();
                    if self.peek()? != b']' {
                        open.push(false);
                        continue 'value;
                    }
                    self.take();
                }
                byte => {
                    self.skip_plain(byte)?;
                }
            }
            while let Some(object) = open.innermost() {
                match (self.peek()?, object) {
                    (b',', true) => {
                        self.take();
                        self.key()?;
                        continue 'value;
                    }
                    (b',', false) => {
                        self.take();
                        continue 'value;
                    }
                    (b'}', true) | (b']', false) => {
                        self.take();
                        open.pop();
                    }
                    (_, true) => return Err(self.stop("a member is followed by `,` or `}`")),
                    (_, false) => return Err(self.stop("an element is followed by `,` or `]`")),
                }
            }
            return Ok(());
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Stop> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.stop("no value begins like this"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start { Err(self.stop("a number lacks a digit")) } else { Ok(()) }
    }

    /// From after the opening quote to after the closing one; whether a backslash occurred.
    #[inline(always)]
    fn string_end(&mut self) -> Result<bool, Stop> {
        let (end, escaped) = string::end(self.text, self.at, &mut self.fault)?;
        self.at = end;
        Ok(escaped)
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Notes what is wrong with the next byte.
    #[cold]
    pub(super) fn stop(&mut self, what: &'static str) -> Stop {
        self.fault = Fault { at: self.at, what };
        Stop
    }

    /// Why the last method stopped.
    pub(super) fn fault(&self) -> Fault {
        self.fault
    }
}

/// Which of the open brackets are braces, innermost last.
#[derive(Default)]
struct Nesting {
    bits: u64,
    depth: usize,
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth != 0).then_some(self.bits & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
