//! The example plugins, each under the real `bootstrap` and a local Lambda.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../bootstrap/bucket.rs"]
#[allow(dead_code, reason = "shared with the tests of bootstrap, which use more of it")]
mod bucket;
#[path = "../bootstrap/lines.rs"]
#[allow(dead_code, reason = "shared with the tests of bootstrap, which use more of it")]
mod lines;
#[path = "../bootstrap/samples.rs"]
mod samples;
#[path = "../bootstrap/world.rs"]
#[allow(dead_code, reason = "shared with the tests of bootstrap, which use more of it")]
mod world;

mod hello_http;
mod site;
mod forged;
mod web;
mod web_stream;
mod mangum;
mod fetch;
mod remote;
mod background;
mod manifest;
mod families;
mod callbacks;
