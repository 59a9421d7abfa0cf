//! From a manifest's files to running plugins: every trap on the way that is known, each with a file that walks into it.
//!
//! What a refusal is worth is shown by constructors: every refused file has one that would leave a mark.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

mod abi;
mod alone;
mod c;
mod check;
mod contract;
mod elf;
mod elsewhere;
mod first_use;
mod identity;
mod libraries;
mod moved;
mod plugin;
mod start;
mod static_target;
mod build_script;
mod built_in_key;
