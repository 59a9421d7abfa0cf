//! All pointers that any row of the table or any `where` reads, merged into one tree of steps, so that one pass finds them all.

use std::cmp::Ordering;

use super::pointer::{self, Step};

/// A place in the event that somebody reads; an index into [`Trie::nodes`].
pub(super) type Place = usize;

/// The whole event.
pub(super) const WHOLE: Place = 0;

/// The merged pointers. Built once, at start-up.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

/// One place and the steps that lead further down.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// How the place is called in messages.
    pub(super) pointer: String,
    // Each list in the order of its keys: a manifest may name thousands in one place, and a forged event have a million members there.
    keys: Vec<(Box<str>, Place)>,
    headers: Vec<(Box<str>, Place)>,
    indices: Vec<(usize, Place)>,
    each: Option<Place>,
    /// Bit n: some key or header has n bytes (the last bit: 63 or more). Most keys of an event are dismissed by it.
    lengths: u64,
}

impl Default for Trie {
    fn default() -> Self {
        Trie { nodes: vec![Node::default()] }
    }
}

impl Trie {
    /// The place at the end of `steps`, made where it is new.
    pub(super) fn place(&mut self, steps: &[Step]) -> Place {
        steps.iter().fold(WHOLE, |at, step| match self.node(at).child(step) {
            Some(place) => place,
            None => self.grow(at, step),
        })
    }

    fn grow(&mut self, at: Place, step: &Step) -> Place {
        let place = self.nodes.len();
        let name: &str = match step {
            Step::Key(name) | Step::Header(name) => name,
            Step::Each => "*",
        };
        let pointer = format!("{}/{name}", self.node(at).pointer);
        self.nodes.push(Node { pointer, ..Node::default() });
        if let Some(node) = self.nodes.get_mut(at) {
            match step {
                Step::Key(name) => {
                    node.lengths |= 1 << name.len().min(63);
                    if let Some(index) = pointer::index(name) {
                        insert(&mut node.indices, index, place);
                    }
                    insert(&mut node.keys, name.clone(), place);
                }
                Step::Header(name) => {
                    node.lengths |= 1 << name.len().min(63);
                    insert(&mut node.headers, name.clone(), place);
                }
                Step::Each => node.each = Some(place),
            }
        }
        place
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node of a place. Places come from this tree alone; for any other, the whole event.
    pub(super) fn node(&self, place: Place) -> &Node {
        static NOTHING: Node =
            Node { pointer: String::new(), keys: Vec::new(), headers: Vec::new(), indices: Vec::new(), each: None, lengths: 0 };
        self.nodes.get(place).unwrap_or(&NOTHING)
    }
}

impl Node {
    fn child(&self, step: &Step) -> Option<Place> {
        match step {
            Step::Key(name) => find(&self.keys, |key| (**key).cmp(name)),
            Step::Header(name) => find(&self.headers, |key| (**key).cmp(name)),
            Step::Each => self.each,
        }
    }

    /// Whether a key of so many bytes can be read by somebody.
    #[inline]
    pub(super) fn may_have(&self, length: usize) -> bool {
        self.lengths >> length.min(63) & 1 == 1
    }

    /// The places that a member of that name leads to: by its exact name, and as a header.
    #[inline]
    pub(super) fn member(&self, name: &str) -> [Option<Place>; 2] {
        // Headers come from the table of sources alone, which has one of them.
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        [find(&self.keys, |key| (**key).cmp(name)), header.map(|(_, place)| *place)]
    }

    /// The places that an element leads to: as one of all, and by its number.
    #[inline]
    pub(super) fn element(&self, index: usize) -> [Option<Place>; 2] {
        [self.each, find(&self.indices, |number| number.cmp(&index))]
    }

    /// Whether anybody reads inside an object that stands here.
    pub(super) fn reads_members(&self) -> bool {
        self.lengths != 0
    }

    /// Whether anybody reads inside an array that stands here.
    pub(super) fn reads_elements(&self) -> bool {
        self.each.is_some() || !self.indices.is_empty()
    }

    /// Where each element leads.
    pub(super) fn each(&self) -> Option<Place> {
        self.each
    }

    /// All places one step further down.
    pub(super) fn below(&self) -> impl Iterator<Item = Place> {
        self.keys.iter().chain(&self.headers).map(|(_, place)| *place).chain(self.each)
    }
}

#[inline]
fn find<K>(list: &[(K, Place)], order: impl Fn(&K) -> Ordering) -> Option<Place> {
    let at = list.binary_search_by(|(key, _)| order(key)).ok()?;
    list.get(at).map(|(_, place)| *place)
}

fn insert<K: Ord>(list: &mut Vec<(K, Place)>, key: K, place: Place) {
    let at = list.partition_point(|(known, _)| *known < key);
    list.insert(at, (key, place));
}
