//! What must hold for any bytes: one check a fuzz target. They panic where it does not. `tests/fuzz_seeds.rs` runs the same checks over
//! `fuzz/seeds`, so that what was found once is found by an ordinary test run.
#![allow(dead_code, reason = "each fuzz target uses one of them")]

pub(crate) mod edit;
pub(crate) mod elf;
pub(crate) mod event;
pub(crate) mod json;
pub(crate) mod manifest;
pub(crate) mod note;
pub(crate) mod packed;
pub(crate) mod reply;
pub(crate) mod signature;
