//! The lambda plugin loader: checks native plugins against a manifest, loads them, and routes AWS Lambda events to them.
//!
//! The modules are the pipeline, in the order in which bytes pass through it; `loader/README.md` says why they lie here.

#![deny(unsafe_code)]

// Said everywhere.
pub mod digest;
pub mod machine;
pub mod refusal;
pub mod version;

// The pipeline.
pub mod manifest;
pub mod policy;
pub mod fetch;
pub mod verify;
pub mod load;
pub mod lockdown;
pub mod route;
pub mod invoke;
pub mod respond;

// What runs it: an event's facts, a plan brought to life, one event through it, one slot of events, the process.
pub mod environment;
pub mod name_service;
pub mod invocation;
pub mod service;
pub mod handle;
mod https;
pub mod runtime_api;
pub mod slot;
pub mod start;
pub mod exit;
pub mod log;
pub mod crash;

// For people and tests; `bootstrap` has none of it.
#[cfg(feature = "tool")]
pub mod command;
#[cfg(feature = "tool")]
pub mod local;

pub use digest::Digest;
pub use machine::Architecture;
pub use refusal::{Class, Code, Refusal};
