//! One pass over the event: what stands in the places that somebody reads. Everything else is only checked to be JSON.

use std::borrow::Cow;

use super::scan::{Fault, Kind, Scanner, Stop, Text};
use super::trie::{Place, Trie, WHOLE};

/// What stands in one place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Value<'e> {
    /// Its kind; of several records, the first one's that has it.
    pub(super) kind: Kind,
    text: Option<Text<'e>>,
    /// Members, where it is the whole event and an object.
    pub(super) members: usize,
    /// Of several records: not all have the same here.
    pub(super) differs: bool,
    /// In how many records it stood.
    count: usize,
    /// The object in which it was last seen, by number: twice in one is a duplicate.
    seen_in: usize,
}

/// What stands in all the places.
#[derive(Debug)]
pub(super) struct Found<'e> {
    values: Vec<Value<'e>>,
    /// The first key that was given twice, and the offset of the second.
    pub(super) repeated: Option<(Place, usize)>,
}

impl<'e> Found<'e> {
    /// What stands in a place.
    pub(super) fn at(&self, place: Place) -> Value<'e> {
        self.values.get(place).copied().unwrap_or_default()
    }

    /// Whether the key was given at all, if only with `null`.
    pub(super) fn given(&self, place: Place) -> bool {
        self.at(place).seen_in != 0
    }

    /// Whether this string is in a place.
    pub(super) fn is(&self, place: Place, wanted: &str) -> bool {
        self.at(place).text.is_some_and(|text| text.is(wanted))
    }

    /// The string in a place.
    pub(super) fn text(&self, place: Place) -> Option<Cow<'e, str>> {
        self.at(place).text.map(Text::decode)
    }
}

/// Reads an event.
///
/// Allocates one value a place of the trie, and one bit a level of nesting beyond 64; nothing else depends on the event.
///
/// # Errors
/// Where the text stops being JSON.
pub(super) fn extract<'e>(trie: &Trie, event: &'e [u8]) -> Result<Found<'e>, Fault> {
    let found = Found { values: vec![Value::default(); trie.len()], repeated: None };
    let mut pass = Pass { trie, scanner: Scanner::new(event), found, objects: 0 };
    match pass.read(WHOLE).and_then(|()| pass.scanner.end()) {
        Ok(()) => Ok(pass.found),
        Err(Stop) => Err(pass.scanner.fault()),
    }
}

struct Pass<'t, 'e> {
    trie: &'t Trie,
    scanner: Scanner<'e>,
    found: Found<'e>,
    objects: usize,
}

impl<'e> Pass<'_, 'e> {
    /// Reads the value that stands in `place`. Recurses as deep as the trie, not as deep as the event.
    fn read(&mut self, place: Place) -> Result<(), Stop> {
        let node = self.trie.node(place);
        match self.scanner.peek()? {
            b'{' if node.reads_members() => {
                self.note(place, Kind::Object, None);
                self.object(place)
            }
            b'[' if node.reads_elements() => {
                self.note(place, Kind::Array, None);
                self.array(place)
            }
            b'"' => {
                let text = self.scanner.string("")?;
                self.note(place, Kind::Text, Some(text));
                Ok(())
            }
            _ => {
                let kind = self.scanner.skip()?;
                self.note(place, kind, None);
                Ok(())
            }
        }
    }

    fn object(&mut self, place: Place) -> Result<(), Stop> {
        let node = self.trie.node(place);
        self.objects += 1;
        let this = self.objects;
        let mut members = 0;
        self.scanner.take();
        if self.scanner.peek()? == b'}' {
            self.scanner.take();
            return Ok(());
        }
        loop {
            let start = self.scanner.at();
            let key = self.scanner.key()?;
            members += 1;
            if key.may_be(|length| node.may_have(length)) {
                let places = node.member(&key.decode()).map(|place| place.filter(|place| self.is_first(*place, this, start)));
                self.lead(places)?;
            } else {
                self.scanner.skip()?;
            }
            match self.scanner.peek()? {
                b',' => self.scanner.take(),
                b'}' => break,
                _ => return Err(self.scanner.stop("a member is followed by `,` or `}`")),
            }
        }
        self.scanner.take();
        if place == WHOLE
            && let Some(value) = self.found.values.get_mut(place)
        {
            value.members = members;
        }
        Ok(())
    }

    fn array(&mut self, place: Place) -> Result<(), Stop> {
        let node = self.trie.node(place);
        let mut elements = 0;
        self.scanner.take();
        if self.scanner.peek()? == b']' {
            self.scanner.take();
            return Ok(());
        }
        loop {
            self.lead(node.element(elements))?;
            elements += 1;
            match self.scanner.peek()? {
                b',' => self.scanner.take(),
                b']' => break,
                _ => return Err(self.scanner.stop("an element is followed by `,` or `]`")),
            }
        }
        self.scanner.take();
        if let Some(each) = node.each() {
            self.compare(each, elements);
        }
        Ok(())
    }

    /// Reads the next value for all that want it. Two want the same one only where a `where` looks at what a row looks at by
    /// another kind of step; then it is read twice.
    fn lead(&mut self, places: [Option<Place>; 2]) -> Result<(), Stop> {
        let mut wanted = places.into_iter().flatten();
        let Some(first) = wanted.next() else { return self.scanner.skip().map(|_| ()) };
        let start = self.scanner.at();
        self.read(first)?;
        for other in wanted {
            self.scanner.rewind(start);
            self.read(other)?;
        }
        Ok(())
    }

    /// Whether the key is new in the object with the number `object`.
    fn is_first(&mut self, place: Place, object: usize, at: usize) -> bool {
        let Some(value) = self.found.values.get_mut(place) else { return false };
        let first = value.seen_in != object;
        value.seen_in = object;
        if !first && self.found.repeated.is_none() {
            self.found.repeated = Some((place, at));
        }
        first
    }

    fn note(&mut self, place: Place, kind: Kind, text: Option<Text<'e>>) {
        let Some(value) = self.found.values.get_mut(place) else { return };
        if kind == Kind::Absent {
            return;
        }
        if value.count == 0 {
            value.kind = kind;
            value.text = text;
        } else if !value.differs {
            // Once is enough: were a long string with escapes decoded for each record that has another, that would be quadratic.
            let same = match (value.text, text) {
                (Some(one), Some(other)) => one.same(other),
                _ => value.kind == kind,
            };
            value.differs = !same;
        }
        value.count += 1;
    }

    /// What only some of the elements have, they do not have in common.
    fn compare(&mut self, place: Place, elements: usize) {
        if let Some(value) = self.found.values.get_mut(place) {
            value.differs |= value.count != 0 && value.count != elements;
        }
        for below in self.trie.node(place).below() {
            self.compare(below, elements);
        }
    }
}

#[cfg(test)]
mod tests;
