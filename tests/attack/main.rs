//! Attacks on what runs, each against the real `bootstrap` or the library's own verify and load, and each with code that would leave a
//! mark if it ran.

#![deny(unsafe_code)]

#[path = "../load/alone.rs"]
mod alone;
#[path = "../load/c.rs"]
mod c;
#[path = "../load/check.rs"]
#[allow(dead_code, reason = "written for another test binary; this one uses a part")]
mod check;
#[path = "../support/mod.rs"]
mod support;
#[path = "../verify_fixture/mod.rs"]
mod verify_fixture;

// The file.
mod flipped;
mod swapped;
mod sealed;
// The way to it.
mod files;
mod layers;
// What comes in beside it.
mod system_libraries;
mod gconv;
mod name_service;
mod variables;
