//! The root module: the four functions of a plugin.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;

use crate::{Buffer, Host, Invocation, Slice, Task};

/// A plugin's functions.
#[repr(C)]
#[derive(Debug, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef, prefix_fields = PluginFields)))]
pub struct Plugin {
    /// The bytes of the plugin's ABI note, exactly. Valid for the life of the process; callable before `start`.
    pub describe: unsafe extern "C" fn() -> Slice,
    /// Starts the plugin with its `config` (JSON). Called until it succeeds once, never twice at a time. The outcome's `instance` may be used from any thread, several at once,
    /// and lives as long as the process. `host` points to a [`Host`] that does as well.
    pub start: unsafe extern "C" fn(host: *const Host, config: Buffer) -> Task,
    /// Runs the handler with that index in the note's list. Several invocations may be in flight at once.
    pub invoke: unsafe extern "C" fn(instance: *const (), handler: u32, invocation: Invocation, event: Buffer) -> Task,
    /// Tells the plugin of a [`Phase`].
    pub lifecycle: unsafe extern "C" fn(instance: *const (), phase: u32) -> Task,
    /// What a later host may ask of a plugin, as [`Host::query`] the other way round: a struct of functions by name and version, valid
    /// for the life of the process, or null where this plugin does not have it. No host asks anything yet.
    #[sabi(last_prefix_field)]
    pub query: unsafe extern "C" fn(instance: *const (), name: Slice, version: u32) -> *const (),
}

/// What happens to the process. A plugin answers an unknown phase with an empty value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// The process is about to end; no further invocation will come.
    Shutdown = 1,
    /// The process is about to be snapshotted.
    BeforeSnapshot = 2,
    /// The process was restored from a snapshot.
    AfterRestore = 3,
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}
    const BASE_NAME: &'static str = "lambda_plugin";
    const NAME: &'static str = "lambda_plugin";
    // A literal, not the package's version: it is compared, and must never change.
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.0.0");
}
