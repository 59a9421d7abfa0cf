//! The real `bootstrap` with real plugins, under a local Lambda.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

// What every test stands on: a Lambda, a folder, a process; log lines; sample events.
mod world;
mod lines;
mod samples;

// An event that goes well.
mod sources;
mod context;

// An event that does not.
mod misbehaving;

// The process.
