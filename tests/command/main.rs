//! The real `lambda-loader` on folders with real plugins: what it prints where, what it writes, and how it exits.

#[path = "../support/mod.rs"]
mod support;

mod sandbox;

mod excerpts;
mod mistakes;
mod new;
mod usage;

mod about;
mod event;
mod from;
mod import_zappa;
mod inspect;
mod invoke;
mod lock;
mod mappings;
mod package;
mod route;
mod schema;
mod show_diff;
mod sign;
mod verify;
