//! The lambda plugin loader: checks native plugins against a manifest, loads them, and routes AWS Lambda events to them.
//!
//! The modules are the pipeline, in the order in which bytes pass through it; `loader/README.md` says why they lie here.

#![deny(unsafe_code)]

pub mod digest;
pub mod machine;
pub mod refusal;

pub mod manifest;
pub mod policy;
pub mod route;
pub mod verify;

#[cfg(feature = "tool")]
pub mod local;

pub use digest::Digest;
pub use machine::Architecture;
pub use refusal::{Class, Code, Refusal};
