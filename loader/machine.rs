//! The architectures that Lambda has, and which of them this is.

use std::fmt;

/// A Lambda architecture, by the name that `{arch}` in a path and the keys of `sha256` use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Architecture {
    /// `x86_64`
    X86_64,
    /// `aarch64` (Lambda calls it `arm64`)
    Aarch64,
}

impl Architecture {
    /// Both, in the order in which they are written.
    pub const ALL: [Architecture; 2] = [Architecture::X86_64, Architecture::Aarch64];

    /// The one this program was built for.
    pub const HERE: Architecture = if cfg!(target_arch = "x86_64") { Architecture::X86_64 } else { Architecture::Aarch64 };

    /// `x86_64` or `aarch64`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Aarch64 => "aarch64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
