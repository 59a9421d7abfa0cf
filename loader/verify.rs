//! A plan's files to verified ones: opened beneath a root, digest matched, ELF checked, sealed. Nothing of a file executes here.

pub mod mount;
pub mod open;
pub mod process;
pub mod seal;
pub mod trust;

mod map;
