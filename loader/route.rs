//! Event bytes to a route: classify, pick. Pure: nothing here touches a file or a plugin.
//!
//! At start-up each entry of `routes` becomes a [`Match`], [`order`] says in which order they are tried or which two of them cannot
//! stand beside each other, and [`Table::build`] merges all that any of them reads into one tree of places. For each event one pass
//! ([`Table::route`]) checks that it is JSON and keeps what stands in those places; the table of sources says what the event is, and
//! the first route that takes it has it.

mod source;
mod row;
mod table;

mod pattern;
mod resource;
mod host;
mod path;
mod condition;
mod pointer;
mod wheres;
mod matching;
mod order;

mod scan;
mod trie;
mod extract;
mod classify;
mod pick;

pub use matching::{Match, MatchError};
pub use order::{Conflict, order};
pub use pick::{Http, Routed, Table};
pub use source::{Selector, Source};
