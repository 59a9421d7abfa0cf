//! The line, in the log's own format, into a buffer of fixed size and without an allocation.

use serde::Serialize;
use std::fmt::{self, Write as _};
use std::io;
use std::time::SystemTime;

use super::signal::{Cause, Origin};
use super::work::{Phase, Subject, Work};
use crate::log::{self, Format, JsonLine, Labels, Level, Record};

/// A write of that many bytes into a pipe is never torn apart by another (`PIPE_BUF`, `pipe(7)`).
const LONGEST: usize = 4096;

/// Of any text that comes from outside, that much is written.
const PART: usize = 128;

/// Text in a buffer that is already there. What does not fit is left out.
pub(super) struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// As long as a line may be.
pub(super) type Line = Fixed<LONGEST>;

impl<const N: usize> Fixed<N> {
    pub(super) const fn new() -> Self {
        Fixed { bytes: [0; N], length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whole characters alone went in, so it is text.
    fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Fixed<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = self.bytes.get_mut(self.length..).unwrap_or_default();
        let fits = text.get(..text.floor_char_boundary(rest.len())).unwrap_or_default();
        if let Some(place) = rest.get_mut(..fits.len()) {
            place.copy_from_slice(fits.as_bytes());
            self.length += fits.len();
        }
        Ok(())
    }
}

impl<const N: usize> io::Write for Fixed<N> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The serialiser writes text, in whole characters.
        let _infallible = self.write_str(std::str::from_utf8(bytes).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is known of a crash.
pub(super) struct Crash<'a> {
    pub(super) cause: Cause,
    /// What the thread was doing.
    pub(super) work: Option<Work>,
    /// The object that the instruction lies in, and where in its file.
    pub(super) place: Option<(&'static Subject, usize)>,
    /// The labels of the invocation that the thread served.
    pub(super) serving: Option<Labels<'a>>,
    /// Whether the thread is one of the loader's or of the kit's.
    pub(super) known_thread: bool,
    /// The thread's name.
    pub(super) thread: &'a str,
}

#[derive(Serialize)]
struct Fields<'a> {
    signal: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    at: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thread: &'a str,
}

fn part(text: &str) -> &str {
    text.get(..text.floor_char_boundary(PART)).unwrap_or_default()
}

impl Crash<'_> {
    /// Puts the line together, with its end.
    pub(super) fn write(&self, format: Format, now: SystemTime, line: &mut Line) {
        // Whose signal it is, another process's aside: what was called, else whose code it is.
        let sent = matches!(self.cause.origin, Origin::Sent { .. });
        let work = self.work.filter(|_| !sent);
        let subject = work.map(Work::subject).or(self.place.map(|(subject, _)| subject)).filter(|_| !sent);
        let plugin = subject.filter(|subject| subject.is_plugin());
        let serving = self.serving.filter(|_| !sent).unwrap_or_default();
        let labels = Labels {
            request_id: serving.request_id.map(part),
            source: serving.source.map(part),
            route: serving.route.map(part),
            plugin: plugin.map(|plugin| part(plugin.name())),
            digest: subject.map(|subject| part(subject.digest())),
        };
        let (mut message, mut address, mut at) = (Fixed::<640>::new(), Fixed::<24>::new(), Fixed::<160>::new());
        // Writing into them does not fail.
        let _ = self.message(work, subject, &mut message);
        if let Origin::Fault { address: Some(number), .. } = self.cause.origin {
            let _ = write!(address, "{number:#x}");
        }
        if let Some((object, offset)) = self.place.filter(|_| !sent) {
            let _ = write!(at, "{}+{offset:#x}", part(object.name()));
        }
        let fields = Fields {
            signal: self.cause.name,
            address: address.text(),
            handler: work.and_then(Work::handler).map(part),
            at: at.text(),
            thread: part(self.thread),
        };
        let mut json = Fixed::<1024>::new();
        let written = serde_json::to_writer(&mut json, &fields);
        let record = Record {
            level: Level::Error,
            labels,
            code: None,
            target: "",
            message: message.text(),
            fields: written.is_ok().then(|| json.text()),
        };
        let mut time = Fixed::<32>::new();
        let _ = log::timestamp_to(now, &mut time);
        let _ = match format {
            Format::Json => serde_json::to_writer(&mut *line, &JsonLine::of(&record, time.text())).map_err(|_| fmt::Error),
            Format::Text => log::text_to(&record, time.text(), line),
        };
        line.end();
    }

    fn message(&self, work: Option<Work>, subject: Option<&Subject>, message: &mut impl fmt::Write) -> fmt::Result {
        let name = self.cause.name;
        match self.cause.origin {
            Origin::Sent { pid } => return write!(message, "{name} sent by process {pid} ends the process"),
            Origin::Raised if name == "SIGABRT" => write!(message, "crashed by {name} (abort)")?,
            Origin::Raised => write!(message, "crashed by {name}, which the process sent itself,")?,
            Origin::Fault { address: Some(address), why } => write!(message, "crashed by {name} at {address:#x} ({why})")?,
            Origin::Fault { address: None, why } => write!(message, "crashed by {name} ({why})")?,
        }
        if let Some(library) = subject.filter(|subject| !subject.is_plugin()) {
            write!(message, " in library {}", part(library.name()))?;
        }
        match work.map(Work::phase) {
            Some(Phase::Load) => message.write_str(" while it was loaded"),
            Some(Phase::Start) => message.write_str(" in its start"),
            Some(Phase::Handler(number)) => match work.and_then(Work::handler) {
                Some(handler) => write!(message, " in handler {}", part(handler)),
                None => write!(message, " in handler {number}"),
            },
            Some(Phase::Hook(phase)) => message.write_str(match phase {
                lambda_plugin_abi_v1::Phase::Shutdown => " in its shutdown hook",
                lambda_plugin_abi_v1::Phase::BeforeSnapshot => " in its hook before a snapshot",
                lambda_plugin_abi_v1::Phase::AfterRestore => " in its hook after a restore",
            }),
            Some(Phase::Thread) => message.write_str(" in a task on a thread of its runtime, request id unknown"),
            None if subject.is_some() && self.serving.is_some() => message.write_str(" outside its handler"),
            None if subject.is_some() => message.write_str(" on a thread of its own, request id unknown"),
            None if self.known_thread => message.write_str(" in the loader: no plugin was called"),
            None => message.write_str(" on a thread that is not the loader's, plugin and request id unknown"),
        }
    }
}

impl Line {
    /// Ends the line, were it full.
    fn end(&mut self) {
        self.length = self.length.min(LONGEST - 1);
        let _infallible = self.write_str("\n");
    }
}

#[cfg(test)]
mod tests;
