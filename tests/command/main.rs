//! The real `lambda-loader` on folders with real plugins: what it prints where, what it writes, and how it exits.

#[path = "../support/mod.rs"]
mod support;

mod sandbox;

mod mistakes;
mod usage;

mod from;
mod import_zappa;
mod inspect;
mod invoke;
mod lock;
mod route;
mod verify;
