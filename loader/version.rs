//! What this program is: for `--version` and the start line.

use std::sync::OnceLock;

/// Package version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Target triple that it was built for.
pub const TARGET: &str = env!("LOADER_TARGET");

/// Git revision that it was built from, or `unknown`.
pub const REVISION: &str = env!("LOADER_REVISION");

/// `0.1.0 (revision 0123abcd, x86_64-unknown-linux-gnu, plugin ABI 1)`
#[must_use]
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{VERSION} (revision {REVISION}, {TARGET}, plugin ABI {})", lambda_plugin_abi_v1::ABI))
}
