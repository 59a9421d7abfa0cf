//! Manifests, settings, plugins and libraries from S3: the real `bootstrap-s3` before a real server.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/s3.rs"]
mod server;

// What every test stands on.
mod world;

mod starts;
