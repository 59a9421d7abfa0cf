//! The kit for plugins of the lambda loader: write handlers, `export!` them, build a `cdylib`.
//!
//! ```
//! use lambda_plugin_abi::{Context, Error};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     table: String,
//! }
//!
//! struct State {
//!     table: String,
//! }
//!
//! async fn start(config: Config) -> Result<State, Error> {
//!     Ok(State { table: config.table })
//! }
//!
//! async fn greet(event: serde_json::Value, cx: Context<State>) -> Result<String, Error> {
//!     let name = event["name"].as_str().ok_or_else(|| Error::new("NameMissing", "the event has no `name`"))?;
//!     Ok(format!("hello {name}, from table {}", cx.state().table))
//! }
//!
//! lambda_plugin_abi::export! { start, handlers: { greet } }
//! # fn main() {}
//! ```
//!
//! - A handler takes any `Deserialize` event, or `bytes::Bytes` for the event as it came; it returns any `Serialize` reply,
//!   `bytes::Bytes` for a reply that is JSON already, or a [`StreamReply`].
//! - Handlers are polled on the loader's thread. With the `tokio` feature (default) a plugin that has async functions also has a
//!   runtime of its own, so `tokio::spawn`, timers and sockets work in them.
//! - Panics become errors. `tracing` and `log` records reach the loader's log.
//! - [`Context`] carries the request id, the deadline and the state that `start` returned.
//!
//! No type of the ABI beneath shows here: a plugin's source survives its replacement.

#![deny(unsafe_code)]

mod context;
mod error;
mod host;
mod log;
mod note;
mod panic;
mod reply;
mod runtime;
mod signature;
mod task;

#[doc(hidden)]
pub mod export;

pub use context::Context;
pub use error::{Error, IntoError};
pub use host::Host;
pub use reply::{Prelude, StreamReply};
pub use signature::{Answer, Handler, Start, StartRuntime};

/// Makes the crate a plugin.
///
/// ```text
/// export! { handlers: { name, other: path::to::handler } }
/// export! { start, handlers: { name } }                      // a function named `start`
/// export! { start: path::to::start, handlers: { name }, shutdown: path::to::hook }
/// ```
///
/// Hooks are `fn(Arc<State>) -> Result<(), Error>`, async or not: `shutdown`, `before_snapshot`, `after_restore`, in this order.
/// A crate has one `export!`, and `crate-type = ["cdylib"]`.
#[macro_export]
macro_rules! export {
    (start, $($rest:tt)*) => { $crate::export! { start: start, $($rest)* } };
    ($(start: $start:path,)? handlers: { $($name:ident $(: $handler:path)?),+ $(,)? }
     $(, shutdown: $shutdown:path)? $(, before_snapshot: $before_snapshot:path)? $(, after_restore: $after_restore:path)? $(,)?) => {
        #[allow(unsafe_code, reason = "a plugin is entered through exported functions")]
        const _: () = {
            // The author's functions are called by name from in here: nothing in this block may share one.
            use $crate::export as __kit;
            use __kit::v1_types as __v1;
            #[allow(unused_imports, reason = "which of them is used depends on the handlers' types")]
            use __kit::{DecodeBytes as _, DecodeJson as _, EncodeBytes as _, EncodeJson as _, EncodeStream as _};

            const DESCRIPTION: __kit::Description = __kit::Description {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                handlers: &[$(stringify!($name)),+],
                panic: if cfg!(panic = "unwind") { "unwind" } else { "abort" },
            };

            // `describe` reads it, so no linker drops it; its section's name makes it an ELF note.
            #[used]
            #[unsafe(link_section = ".note.lambda_plugin")]
            static NOTE: __kit::Note<{ DESCRIPTION.length() }> = __kit::Note::new(&DESCRIPTION);

            // Ties every handler to what `start` returns, a type that cannot be named.
            macro_rules! state {
                () => {
                    $crate::__state!($($start)?)
                };
            }

            const ENTRIES: &[__kit::Entry] = &[$(|call| {
                call.run(|call| async move {
                    let state = state!();
                    let handler = __kit::bind(&state, $crate::__handler!($name $(: $handler)?));
                    let (event, context) = call.open(&state)?;
                    let event = (&handler.event()).decode(event)?;
                    let reply = handler.call(event, context).await?;
                    (&handler.reply()).encode(reply)
                })
            }),+];

            fn __plugin_needs() -> [Option<$crate::StartRuntime>; ENTRIES.len()] {
                let state = state!();
                [$(__kit::bind(&state, $crate::__handler!($name $(: $handler)?)).runtime()),+]
            }

            unsafe extern "C" fn __plugin_describe() -> __v1::Slice {
                __v1::Slice::of(NOTE.descriptor())
            }

            unsafe extern "C" fn __plugin_start(host: *const __v1::Host, config: __v1::Buffer) -> __v1::Task {
                // SAFETY: `host` points to a `Host` that lives as long as the process (`v1::Plugin::start`).
                let host = unsafe { *host };
                let _ = &config;
                $crate::__start!(host, config, &__plugin_needs(), $($start)?)
            }

            unsafe extern "C" fn __plugin_invoke(instance: *const (), handler: u32, invocation: __v1::Invocation, event: __v1::Buffer) -> __v1::Task {
                // SAFETY: `instance` is what `start` returned (`v1::Plugin::start`).
                unsafe { __kit::invoke(ENTRIES, instance, handler, invocation, event) }
            }

            unsafe extern "C" fn __plugin_lifecycle(instance: *const (), phase: u32) -> __v1::Task {
                // SAFETY: `instance` is what `start` returned (`v1::Plugin::start`).
                unsafe {
                    __kit::lifecycle(instance, |_instance| {
                        let _state = state!();
                        $(if phase == __v1::Phase::Shutdown as u32 { return __kit::hook(&_state, $shutdown, _instance); })?
                        $(if phase == __v1::Phase::BeforeSnapshot as u32 { return __kit::hook(&_state, $before_snapshot, _instance); })?
                        $(if phase == __v1::Phase::AfterRestore as u32 { return __kit::hook(&_state, $after_restore, _instance); })?
                        __kit::no_hook()
                    })
                }
            }

            fn __plugin_module() -> __v1::PluginRef {
                use __kit::abi_stable::prefix_type::PrefixTypeTrait as _;
                __v1::Plugin {
                    describe: __plugin_describe,
                    start: __plugin_start,
                    invoke: __plugin_invoke,
                    lifecycle: __plugin_lifecycle,
                }
                .leak_into_prefix()
            }

            extern "C" fn __plugin_load() -> __kit::abi_stable::library::RootModuleResult {
                __kit::abi_stable::library::__call_root_module_loader(__plugin_module)
            }

            // What `abi_stable::export_root_module` makes, spelled out because that attribute does not speak edition 2024.
            // SAFETY of the name: it is abi_stable's own (`__kit::HEADER_SYMBOL` is compared with it), defined nowhere else.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            pub static HEADER: __kit::abi_stable::library::LibHeader =
                // SAFETY: `__plugin_load` returns the prefix of a `v1::Plugin`, which is what `PluginRef` stands for.
                unsafe {
                    __kit::abi_stable::library::LibHeader::from_constructor::<__v1::PluginRef>(
                        __plugin_load,
                        __kit::abi_stable::library::CheckTypeLayout::Yes,
                    )
                };
        };
    };
    ($($other:tt)*) => {
        compile_error!("write `export! { start, handlers: { first, second } }`; `start,` may be left out, at least one handler may not");
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __state {
    () => {
        $crate::export::no_state()
    };
    ($start:path) => {
        $crate::export::state_of(&$start)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __start {
    ($host:expr, $config:expr, $needs:expr,) => {
        $crate::export::start_without($host, $needs)
    };
    ($host:expr, $config:expr, $needs:expr, $start:path) => {
        $crate::export::start_with($start, $host, $config, $needs)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __handler {
    ($name:ident) => {
        $name
    };
    ($name:ident : $handler:path) => {
        $handler
    };
}

/// The README's plugin compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The guide's plugins compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/author.md")]
struct Author;

#[cfg(test)]
mod tests {
    #[test]
    fn the_header_is_exported_under_the_name_that_abi_stable_looks_for() {
        assert_eq!(abi_stable::library::ROOT_MODULE_LOADER_NAME, "_1as_0lib_1header_0root_bmodule_bloader");
    }
}
