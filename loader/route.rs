//! Event bytes to a route: classify, pick. Pure: nothing here touches a file or a plugin.

mod pointer;
mod scan;
mod trie;
mod extract;
mod source;
mod pattern;
mod resource;
mod path;
mod host;
mod row;
mod table;
mod condition;
mod wheres;

pub use source::{Selector, Source};

/// Which events a route takes: its source and the conditions on it.
#[derive(Clone, Debug)]
pub struct Match {}
