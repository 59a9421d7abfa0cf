//! The filters, made by `build.rs` from [`DOORS`](super::doors::DOORS).

use seccompiler::sock_filter;

use crate::Architecture;

include!(concat!(env!("OUT_DIR"), "/lockdown.rs"));

/// The filter of an architecture, as instructions of classic BPF.
#[must_use]
pub const fn program(architecture: Architecture) -> &'static [sock_filter] {
    match architecture {
        Architecture::X86_64 => X86_64,
        Architecture::Aarch64 => AARCH64,
    }
}
