//! The real `bootstrap` with real plugins, under a local Lambda.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

// What every test stands on: a Lambda, a folder, a process; log lines; sample events; what stands for S3.
mod world;
mod lines;
mod samples;
mod bucket;

// An event that goes well.
mod sources;
mod context;
mod logs;
mod streams;
mod slow_reader;

// An event that does not.
mod misbehaving;
mod blocking;
mod bad_events;
mod unrouted;
mod websocket;
mod topics;
mod batches;
mod stack;
mod stages;
mod failures;
mod property;
mod on_error;
mod secrets;

// The process.
mod variables;
mod refused_starts;
mod signatures;
mod built_in_key;
mod slow_starts;
mod crashes;
mod first_use;
mod address;
mod api_faults;
mod concurrency;
mod ends;
