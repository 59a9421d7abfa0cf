//! `lambda-loader serve`: the real `bootstrap` under it, and clients in front of it that know nothing of this project.

#![deny(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

// What every test stands on: a folder, a `serve` in it, and plain HTTP.
mod world;

mod invocations;
mod http;
mod clients;
mod life;
mod crashes;
mod deferred;
mod watch;
