//! Event bytes to a route: classify, pick. Pure: nothing here touches a file or a plugin.
//!
//! At start-up each entry of `routes` becomes a [`Match`], [`order`] says in which order they are tried or which two of them cannot
//! stand beside each other, and [`Table::build`] merges all that any of them reads into one tree of places. For each event one pass
//! ([`Table::route`]) checks that it is JSON and keeps what stands in those places; the table of sources says what the event is, and
//! the first route that takes it has it.

mod row;
mod source;
mod table;

mod condition;
mod host;
mod matching;
mod order;
mod path;
mod pattern;
mod pointer;
mod resource;
mod wheres;

mod classify;
mod explain;
mod extract;
mod inside;
mod pick;
mod records;
mod scan;
mod trie;
#[cfg(test)]
mod mutations;

pub use explain::{Considered, Explanation, Rule};
pub use inside::of_topics;
pub use matching::{Match, MatchError};
pub use order::{Conflict, order};
pub use pick::{Http, Part, Phase, Routed, Table};
pub use records::{Records, Reported};
pub use source::{Selector, Source};

/// Whether `bytes` are one JSON value and nothing else, by the same reading that events get.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    let mut scanner = scan::Scanner::new(bytes);
    scanner.skip().is_ok() && scanner.end().is_ok()
}
