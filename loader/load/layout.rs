//! The comparison of a plugin's types with the loader's, once a process for each way in which plugins were built.
//!
//! abi_stable compares every type that the root module reaches, field by field: most of a small plugin's load. Two plugins of the same
//! compiler that were made of the same sources of `lambda-plugin-abi-v1` have the same types, so what was found of the one holds for
//! the other. Their notes tell: the kit writes the fingerprint of the very crate whose types its module header describes. A plugin that
//! tells none, or another one, is compared itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use abi_stable::library::{LibHeader, LibraryError};
use lambda_plugin_abi_v1 as v1;

use crate::verify::Note;

/// What was compared and found the same.
static SAME: Mutex<BTreeSet<Built>> = Mutex::new(BTreeSet::new());
static CHECKS: AtomicUsize = AtomicUsize::new(0);

/// What an interface was made by and of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Built {
    compiler: String,
    fingerprint: String,
}

impl Built {
    /// As its note says; `None`: it does not say.
    pub(super) fn by(note: &Note) -> Option<Self> {
        let fingerprint = note.layout.clone()?;
        // What a kit says that does not know its compiler.
        (note.compiler != "unknown").then(|| Built { compiler: note.compiler.clone(), fingerprint })
    }
}

/// How many plugins' layouts this process has compared with its own.
#[must_use]
pub fn checks() -> usize {
    CHECKS.load(Ordering::Relaxed)
}

/// The root module behind a header that has a layout, after its layout was found to be the loader's: its own, or that of an earlier
/// plugin that was built alike.
pub(super) fn root_module(header: &'static LibHeader, built: Option<Built>) -> Result<v1::PluginRef, LibraryError> {
    let known = |built: &Built| SAME.lock().unwrap_or_else(PoisonError::into_inner).contains(built);
    if built.as_ref().is_some_and(known) {
        // SAFETY: the root module must have the layout of `v1::PluginRef`. Another one of the same compiler and the same sources was
        // compared and has it, and a compiler lays out the `repr(C)` types of one source in one way; that header and fingerprint are of
        // one copy of the crate is the kit's word (`export!` takes both from it), as all else that verified code does is its word.
        #[expect(unsafe_code, reason = "takes the verdict of an earlier plugin that was built alike")]
        return unsafe { header.init_root_module_with_unchecked_layout() };
    }
    CHECKS.fetch_add(1, Ordering::Relaxed);
    let module = header.init_root_module()?;
    if let Some(built) = built {
        SAME.lock().unwrap_or_else(PoisonError::into_inner).insert(built);
    }
    Ok(module)
}
