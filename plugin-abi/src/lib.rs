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
//! The crate's own test, without the loader ([`testing`]):
//!
//! ```standalone_crate
//! # use lambda_plugin_abi::{Error, testing};
//! # fn greet(event: serde_json::Value) -> Result<String, Error> { Ok(format!("hello {}", event["name"].as_str().ok_or("none")?)) }
//! # lambda_plugin_abi::export! { handlers: { greet } }
//! # fn main() -> Result<(), Error> {
//! let plugin = testing::start(serde_json::json!({ "table": "orders-dev" }))?;
//! assert_eq!(plugin.invoke("greet", r#"{"name":"Ada"}"#)?.json::<String>()?, "hello Ada");
//! # Ok(())
//! # }
//! ```
//!
//! # The crate
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]   # the plugin, and what the crate's own tests link
//!
//! [dependencies]
//! lambda-plugin-abi = "0.1"
//! ```
//!
//! Without `cdylib` there is no `.so` to ship: the compiler cannot tell, `cargo build` then simply makes none.
//!
//! # Handlers
//!
//! A handler is `fn(event)` or `fn(event, Context<State>)`, async or not, and returns a `Result` ([`Handler`]).
//!
//! | event | is |
//! | --- | --- |
//! | any `Deserialize` type that owns what it holds | read from the event's JSON; what does not fit is an error `EventDecode` that quotes no value |
//! | `bytes::Bytes` | the event as it came, without a copy |
//! | `lambda_runtime::LambdaEvent<T>` | with the feature `lambda_runtime`: payload and context as that crate would have made them |
//! | `logs::Unpacked<T>` | with the feature `logs`: what CloudWatch Logs has packed |
//!
//! | reply | is |
//! | --- | --- |
//! | any `Serialize` type | written as JSON; `()` is `null` |
//! | `bytes::Bytes` | sent as it is, without a copy; it has to be JSON |
//! | [`StreamReply`] | sent in pieces where the route says so, otherwise collected |
//!
//! The error is an [`Error`], or anything that `?` makes one of: `std::error::Error` types, `Box<dyn Error + Send + Sync>`,
//! `anyhow::Error`. A panic becomes an error too, with message and place.
//!
//! # Start, state and context
//!
//! `start` gets the manifest's `config` and the [`Host`] ([`Start`]). What it returns is the state, shared by all handlers through
//! [`Context::state`]; [`Context`] also has the request id and the time that is left.
//!
//! # Async
//!
//! Handlers are polled on the loader's thread. With the `tokio` feature (default) a plugin that has async functions also has a
//! runtime of its own, so `tokio::spawn`, timers and sockets work in them. A handler that is not done at its deadline is dropped.
//!
//! # Logs
//!
//! `tracing` and `log` records reach the loader's log, with the plugin's name and the request id.
//!
//! # From `lambda_runtime`
//!
//! The function stays as it is; `main` and `service_fn` go, [`export!`] comes, and the feature `lambda_runtime` is switched on:
//!
//! ```standalone_crate
//! # #[cfg(feature = "lambda_runtime")]
//! # mod plugin {
//! use lambda_runtime::{Error, LambdaEvent};
//! use serde_json::{Value, json};
//!
//! async fn moved(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     let name = event.payload["name"].as_str().ok_or("the event has no name")?;
//!     Ok(json!({ "hello": name, "id": event.context.request_id }))
//! }
//!
//! lambda_plugin_abi::export! { handlers: { moved } }
//! # }
//! #
//! # fn main() {
//! #     #[cfg(feature = "lambda_runtime")]
//! #     assert!(lambda_plugin_abi::testing::start(()).unwrap().invoke("moved", r#"{"name":"Ada"}"#).unwrap().starts_with(b"{\"hello\":\"Ada\""));
//! # }
//! ```
//!
//! Errors are those that `lambda_runtime` takes: whatever becomes a `Diagnostic`, with the type and message that it chooses. So are
//! replies: `StreamResponse` and `FunctionResponse` go out in pieces where the route says so. `Context::env_config` is read from the
//! environment once.
//!
//! # Stability
//!
//! No type of the ABI beneath shows here: a plugin's source survives its replacement.

#![deny(unsafe_code)]

mod config;
mod context;
mod decode;
mod encode;
mod error;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod log;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "lambda_runtime")]
mod moved;
mod note;
mod panic;
mod reply;
mod runtime;
mod signature;
mod task;
pub mod testing;

#[doc(hidden)]
pub mod export;

pub use context::Context;
pub use error::{Error, IntoError};
pub use host::{Host, Level};
pub use reply::{Prelude, StreamReply};
pub use signature::{Answer, Handler, Start, StartRuntime};

/// Makes the crate a plugin.
///
/// ```standalone_crate
/// # use lambda_plugin_abi::{Error, testing};
/// use std::sync::Arc;
///
/// mod stock {
///     # use lambda_plugin_abi::Error;
///     pub fn count(_event: ()) -> Result<u32, Error> {
///         Ok(3)
///     }
/// }
///
/// fn start() -> Result<String, Error> {
///     Ok("a connection".to_owned())
/// }
///
/// async fn take(_event: u32) -> Result<(), Error> {
///     Ok(())
/// }
///
/// async fn close(_state: Arc<String>) -> Result<(), Error> {
///     Ok(())
/// }
///
/// lambda_plugin_abi::export! {
///     start,                                          // may be left out; or `start: path::to::start`
///     handlers: { take, in_stock: stock::count },     // what the manifest's `to` names: `orders.take`, `orders.in_stock`
///     shutdown: close                                 // may be left out
/// }
///
/// # fn main() -> Result<(), Error> {
/// let plugin = testing::start(())?;
/// assert_eq!(plugin.handlers(), ["take", "in_stock"]);
/// assert_eq!(plugin.invoke("take", "1")?.bytes(), "null");
/// # Ok(())
/// # }
/// ```
///
/// Under `http` stand functions that make a web application: `fn web(state: Arc<State>) -> axum::Router`.
///
/// Hooks are `fn(Arc<State>) -> Result<(), Error>`, async or not: `shutdown`, `before_snapshot`, `after_restore`, in this order.
/// A crate has one `export!`, and `crate-type = ["cdylib", "rlib"]`.
#[macro_export]
macro_rules! export {
    (start, $($rest:tt)*) => { $crate::export! { start: start, $($rest)* } };
    ($(start: $start:path,)? handlers: { $($handlers:tt)+ } $($rest:tt)*) => {
        $crate::export! { @plugin $(start: $start,)? handlers: { $($handlers)+ } $($rest)* }
    };
    ($(start: $start:path,)? http: { $($sites:tt)+ } $($rest:tt)*) => {
        $crate::export! { @plugin $(start: $start,)? handlers: {}, http: { $($sites)+ } $($rest)* }
    };
    (@plugin $(start: $start:path,)? handlers: { $($name:ident $(: $handler:path)?),* $(,)? }
     $(, http: { $($site:ident $(: $web:path)?),+ $(,)? })?
     $(, shutdown: $shutdown:path)? $(, before_snapshot: $before_snapshot:path)? $(, after_restore: $after_restore:path)? $(,)?) => {
        #[allow(unsafe_code, reason = "a plugin is entered through exported functions")]
        const _: () = {
            // The author's functions are called by name from in here: nothing in this block may share one.
            use $crate::export as __kit;
            use __kit::v1_types as __v1;
            #[allow(unused_imports, reason = "which of them is used depends on the handlers' types")]
            use __kit::codec::*;

            const DESCRIPTION: __kit::Description = __kit::Description {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                handlers: &[$(stringify!($name),)* $($(stringify!($site)),+)?],
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
                    let (event, invocation, context) = call.open(&state)?;
                    let event = (&handler.event()).decode(event, &invocation)?;
                    drop(invocation);
                    let answer = handler.call(event, context);
                    let (of_reply, reply) = (&handler.answers()).__lambda_plugin_answer(answer).await?.__lambda_plugin_typed();
                    (&of_reply).encode(reply)
                })
            }),*];

            const SITES: &[__kit::MakeSite] = &[$($(|state| {
                $crate::__site!(&state!(), $crate::__handler!($site $(: $web)?), state)
            }),+)?];

            fn __plugin_needs() -> [Option<$crate::StartRuntime>; ENTRIES.len()] {
                let _state = state!();
                [$((&__kit::bind(&_state, $crate::__handler!($name $(: $handler)?)).answers()).__lambda_plugin_needs()),*]
            }

            unsafe extern "C" fn __plugin_describe() -> __v1::Slice {
                __v1::Slice::of(NOTE.descriptor())
            }

            unsafe extern "C" fn __plugin_start(host: *const __v1::Host, config: __v1::Buffer) -> __v1::Task {
                // SAFETY: `host` points to a `Host` that lives as long as the process (`v1::Plugin::start`).
                let host = unsafe { *host };
                __kit::caught(|| {
                    let _ = &config;
                    $crate::__start!(host, config, &__plugin_needs(), SITES, $($start)?)
                })
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
                    query: __kit::query,
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
        compile_error!("write `export! { start, handlers: { first, second }, http: { web } }`, in this order; `start,` and one of the others may be left out");
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
    ($host:expr, $config:expr, $needs:expr, $sites:expr,) => {
        $crate::export::start_without($host, $needs, $sites)
    };
    ($host:expr, $config:expr, $needs:expr, $sites:expr, $start:path) => {
        $crate::export::start_with($start, $host, $config, $needs, $sites)
    };
}

#[cfg(feature = "http")]
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    ($state:expr, $web:expr, $instance:expr) => {
        $crate::export::site($state, $web, $instance)
    };
}

#[cfg(not(feature = "http"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    ($state:expr, $web:expr, $instance:expr) => {
        compile_error!("`http: { … }` needs the kit's feature `http`: `lambda-plugin-abi = { …, features = [\"http\"] }`")
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
