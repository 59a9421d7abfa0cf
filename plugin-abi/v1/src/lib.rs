//! The types that cross between the lambda loader and its plugins, generation 1.
//!
//! **Frozen.** abi_stable refuses a plugin as soon as any type reachable from [`Plugin`] differs, so nothing here ever gains,
//! loses or reorders a field, the crate's version stays `1.0.0`, and `abi_stable` stays at one exact version. What has to grow is
//! fetched by name and version through [`Host::query`] and [`Invocation::query`] instead ([`service`]); what cannot grow that way is a
//! new crate beside this one. Everything a person writes a plugin with is in `lambda-plugin-abi`, which is versioned freely.
//!
//! Ownership in one line each:
//! - [`Buffer`], [`Task`], [`Stream`], [`Invocation`] are owned by whoever holds them, and released by dropping, on either side.
//! - [`Slice`], [`Host`] and every service are borrowed; each says for how long.
//! - No function here may unwind. A plugin catches its own panics and answers [`Outcome::PANIC`].

#![deny(unsafe_code)]

mod buffer;
mod fingerprint;
mod host;
mod module;
mod outcome;
pub mod service;
mod task;

pub use buffer::{Buffer, Slice};
pub use fingerprint::FINGERPRINT;
pub use host::{Host, Invocation};
pub use module::{Phase, Plugin, PluginRef};
pub use outcome::Outcome;
pub use task::{Stream, Task, Waker};

/// The ABI generation that a plugin's note must carry to be loaded through these types.
///
/// 0 while the first release is being built, so that nothing built before it is taken for the real thing; then 1 for ever.
pub const ABI: u32 = 0;

/// Owner name of the ELF note that describes a plugin, without the terminating NUL.
pub const NOTE_OWNER: &str = "LambdaPlugin";

/// Type of that note.
pub const NOTE_TYPE: u32 = 1;
