//! `tracing` and `log` records of a plugin on their way into the host's log.

use lambda_plugin_abi_v1 as v1;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tracing_core::field::{Field, Visit};
use tracing_core::{Level, LevelFilter, Metadata, span};

use crate::context::Handle;

static HOST: OnceLock<&'static v1::service::LogV1> = OnceLock::new();

thread_local! {
    static INVOCATION: RefCell<Option<Arc<Handle>>> = const { RefCell::new(None) };
}

/// While it lives, records of this thread belong to one invocation, or to none.
pub(crate) struct Current(Option<Arc<Handle>>);

impl Current {
    pub(crate) fn set(invocation: Option<Arc<Handle>>) -> Self {
        Current(INVOCATION.replace(invocation))
    }

    /// The invocation that records of this thread belong to.
    pub(crate) fn invocation() -> Option<Arc<Handle>> {
        // Fails at the end of a thread, in a destructor of the author's.
        INVOCATION.try_with(|invocation| invocation.borrow().clone()).ok().flatten()
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        // The last share may go here, and with it whatever the host frees: not while the cell is borrowed.
        drop(INVOCATION.replace(self.0.take()));
    }
}

/// Makes `service` the place where this plugin's records go. Later calls change nothing.
pub(crate) fn connect(service: &'static v1::service::LogV1) {
    if HOST.set(service).is_err() {
        return;
    }
    // Both refuse only where the author's code has installed its own before `start`; then that one is meant.
    let _ = tracing_core::dispatcher::set_global_default(tracing_core::Dispatch::new(Subscriber { next: AtomicU64::new(1) }));
    if ::log::set_logger(&Logger).is_ok() {
        ::log::set_max_level(match service.max_level {
            0 => ::log::LevelFilter::Off,
            1 => ::log::LevelFilter::Error,
            2 => ::log::LevelFilter::Warn,
            3 => ::log::LevelFilter::Info,
            4 => ::log::LevelFilter::Debug,
            _ => ::log::LevelFilter::Trace,
        });
    }
}

/// Writes one record, where the host wants that level.
pub(crate) fn write(level: u32, target: &str, message: &str, fields: Option<Map<String, Value>>) {
    write_to(HOST.get().copied(), level, target, message, fields);
}

/// Writes one record to that host's log, where it wants that level.
pub(crate) fn write_to(
    host: Option<&v1::service::LogV1>,
    level: u32,
    target: &str,
    message: &str,
    fields: Option<Map<String, Value>>,
) {
    let Some(host) = host.filter(|host| level <= host.max_level) else { return };
    let fields = fields.filter(|fields| !fields.is_empty()).and_then(|fields| serde_json::to_string(&fields).ok());
    let invocation = Current::invocation();
    let record = v1::service::RecordV1 {
        level,
        invocation: invocation.as_ref().map_or(std::ptr::null(), |invocation| invocation.ctx()),
        target: v1::Slice::of(target.as_bytes()),
        message: v1::Slice::of(message.as_bytes()),
        fields: v1::Slice::of_option(fields.as_deref()),
    };
    // SAFETY: the host's `write` may be called from any thread with its own `ctx`; the record and what it borrows outlive the call;
    // `invocation` is null or of the share that is held here.
    #[expect(unsafe_code, reason = "calls into the host")]
    unsafe {
        (host.write)(host.ctx, &raw const record);
    }
}

struct Logger;

impl ::log::Log for Logger {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        metadata.level() <= ::log::max_level()
    }

    fn log(&self, record: &::log::Record<'_>) {
        let text;
        let message = match record.args().as_str() {
            Some(message) => message,
            None => {
                text = record.args().to_string();
                &text
            }
        };
        write(record.level() as u32, record.target(), message, None);
    }

    fn flush(&self) {}
}

/// Takes events and their own fields. Spans are accepted, and their fields left out.
struct Subscriber {
    next: AtomicU64,
}

fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        _ => 5,
    }
}

impl tracing_core::Subscriber for Subscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        HOST.get().is_some_and(|host| number(*metadata.level()) <= host.max_level)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match HOST.get().map_or(0, |host| host.max_level) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing_core::Event<'_>) {
        let mut visitor = Fields::default();
        event.record(&mut visitor);
        let metadata = event.metadata();
        write(number(*metadata.level()), metadata.target(), &visitor.message, Some(visitor.fields));
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    fields: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.put(field, text.into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.put(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
