//! Manifests, settings, plugins and libraries from S3: the real `bootstrap-s3` before a real server, and what stands between them.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/s3.rs"]
mod server;

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../load/c.rs"]
mod c;

// What every test stands on.
mod world;
mod pushing;

// What goes well.
mod starts;
mod manifests;
mod settings;
mod first_use;
mod command;
mod push;

// What does not.
mod faults;
mod budget;
mod secrets;
mod lean;
mod push_refused;
