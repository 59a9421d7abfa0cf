//! What a plugin gets of the loader: services by name and version.

use lambda_plugin_abi_v1 as v1;
use std::sync::Arc;
use v1::service::{LOG, LogV1, PLUGIN, PluginV1, RecordV1, THREAD, ThreadV1};

use crate::crash::{self, Phase, Subject, Work};
use crate::invocation::Invocation;
use crate::log::{self, Labels, Level, Record};

/// The loader as one plugin sees it. Lives as long as the process.
#[derive(Debug)]
pub struct PluginHost {
    name: Arc<str>,
    digest: Arc<str>,
    subject: &'static Subject,
    /// Set once its own address is known.
    abi: std::sync::OnceLock<v1::Host>,
    log: std::sync::OnceLock<LogV1>,
    plugin: std::sync::OnceLock<PluginV1>,
    thread: std::sync::OnceLock<ThreadV1>,
}

impl PluginHost {
    /// A host for that plugin.
    #[must_use]
    pub fn leak(subject: &'static Subject) -> &'static Self {
        let host: &'static Self = Box::leak(Box::new(PluginHost {
            name: subject.name().into(),
            digest: subject.digest().into(),
            subject,
            abi: std::sync::OnceLock::new(),
            log: std::sync::OnceLock::new(),
            plugin: std::sync::OnceLock::new(),
            thread: std::sync::OnceLock::new(),
        }));
        let ctx = (&raw const *host).cast();
        host.abi.get_or_init(|| v1::Host { ctx, query });
        host.log.get_or_init(|| LogV1 { ctx, max_level: log::max_level() as u32, write });
        host.plugin.get_or_init(|| PluginV1 {
            name: v1::Slice::of(host.name.as_bytes()),
            digest: v1::Slice::of(host.digest.as_bytes()),
        });
        host.thread.get_or_init(|| ThreadV1 { ctx, begin });
        host
    }

    /// As it crosses the boundary.
    #[must_use]
    pub fn abi(&'static self) -> *const v1::Host {
        self.abi.get().map_or(std::ptr::null(), std::ptr::from_ref)
    }

    /// Who a crash of it is put down to.
    #[must_use]
    pub const fn subject(&self) -> &'static Subject {
        self.subject
    }

    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// First digits of the plugin's digest.
    #[must_use]
    pub fn digest(&self) -> Arc<str> {
        Arc::clone(&self.digest)
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `v1::Host`")]
unsafe extern "C" fn query(ctx: *const (), name: v1::Slice, version: u32) -> *const () {
    // SAFETY: `ctx` is the leaked `PluginHost` of `leak`, and `name` lives during the call (`v1::Host::query`).
    let (host, name) = unsafe { (&*ctx.cast::<PluginHost>(), name.bytes()) };
    match (name, version) {
        (Some(name), 1) if name == LOG.as_bytes() => {
            host.log.get().map_or(std::ptr::null(), |log| std::ptr::from_ref(log).cast())
        }
        (Some(name), 1) if name == PLUGIN.as_bytes() => {
            host.plugin.get().map_or(std::ptr::null(), |plugin| std::ptr::from_ref(plugin).cast())
        }
        (Some(name), 1) if name == THREAD.as_bytes() => {
            host.thread.get().map_or(std::ptr::null(), |thread| std::ptr::from_ref(thread).cast())
        }
        _ => std::ptr::null(),
    }
}

#[expect(unsafe_code, reason = "called by the plugin through `ThreadV1`")]
unsafe extern "C" fn begin(ctx: *const ()) {
    // SAFETY: `ctx` is the leaked `PluginHost` of `leak` (`ThreadV1::begin`).
    let host = unsafe { &*ctx.cast::<PluginHost>() };
    crash::watch_thread();
    Work::new(host.subject, Phase::Thread).settle();
}

#[expect(unsafe_code, reason = "called by the plugin through `LogV1`")]
unsafe extern "C" fn write(ctx: *const (), record: *const RecordV1) {
    // SAFETY: `ctx` is the leaked `PluginHost` of `leak`; the record, its text and the invocation it names live during the call
    // (`LogV1::write`, `RecordV1`).
    let (host, record, invocation) = unsafe { (&*ctx.cast::<PluginHost>(), &*record, Invocation::lent((*record).invocation)) };
    // SAFETY: as above.
    let (target, message, fields) = unsafe { (record.target.bytes(), record.message.bytes(), record.fields.bytes()) };
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let labels = invocation.map_or_else(Labels::default, Invocation::labels);
    log::write(&Record {
        level: Level::from_abi(record.level),
        // Whoever the invocation was routed to, the record is this plugin's.
        labels: Labels { plugin: Some(&host.name), digest: Some(&host.digest), ..labels },
        code: None,
        target: &text(target),
        message: &text(message),
        fields: fields.and_then(|fields| std::str::from_utf8(fields).ok()),
    });
}
