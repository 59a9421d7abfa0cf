//! The log: one line a record on standard error, JSON or text as Lambda's own variables say.
//!
//! Lambda captures standard error as it does standard output; `lambda-loader invoke` keeps the latter for the reply.

use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// How much a record matters. The numbers are those of the plugin ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is probably not meant.
    Warn = 2,
    /// What an operator wants to read.
    Info = 3,
    /// For whoever debugs.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        }
    }

    /// The level with that number in the plugin ABI; anything above is `Trace`.
    #[must_use]
    pub const fn from_abi(number: u32) -> Self {
        match number {
            0 | 1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // Lambda also has FATAL (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
        [("fatal", Level::Error), ("error", Level::Error), ("warn", Level::Warn), ("info", Level::Info), ("debug", Level::Debug)]
            .into_iter()
            .chain([("trace", Level::Trace)])
            .find_map(|(name, level)| text.eq_ignore_ascii_case(name).then_some(level))
    }
}

/// Line format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, with the keys that Lambda's own JSON logs have.
    Json,
}

#[derive(Debug)]
struct Settings {
    level: Level,
    format: Format,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

fn settings() -> &'static Settings {
    SETTINGS.get_or_init(|| {
        let variable = |name| std::env::var(name).ok();
        let level = variable("AWS_LAMBDA_LOG_LEVEL").as_deref().and_then(Level::parse);
        // `RUST_LOG` may hold directives for single targets; the bare level among them is the one for everything.
        let fallback = || variable("RUST_LOG")?.split(',').find_map(|directive| Level::parse(directive.trim()));
        let json = variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
        Settings { level: level.or_else(fallback).unwrap_or(Level::Info), format: if json { Format::Json } else { Format::Text } }
    })
}

/// The format of all lines.
#[must_use]
pub fn format() -> Format {
    settings().format
}

/// The most detailed level that is written.
#[must_use]
pub fn max_level() -> Level {
    settings().level
}

/// What every line of an invocation carries.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Labels<'a> {
    /// Lambda's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// Event source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'a str>,
    /// Route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// Plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<&'a str>,
    /// First digits of the plugin's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<&'a str>,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// How much it matters.
    pub level: Level,
    /// What it belongs to.
    pub labels: Labels<'a>,
    /// Stable error code, where it is about a refusal or failure.
    pub code: Option<&'a str>,
    /// Module of a plugin; empty for the loader itself.
    pub target: &'a str,
    /// The message.
    pub message: &'a str,
    /// A JSON object of further fields.
    pub fields: Option<&'a str>,
}

/// Writes `record`, if its level is wanted. A log that cannot be written is not an error of anything else.
pub fn write(record: &Record<'_>) {
    let settings = settings();
    if record.level > settings.level {
        return;
    }
    let mut line = match settings.format {
        Format::Json => json(record, SystemTime::now()),
        Format::Text => text(record, SystemTime::now()),
    };
    line.push('\n');
    // One write, unbuffered: whole lines whichever threads write, and nothing to flush when the process ends.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// A line of the loader's own that belongs to no invocation.
pub fn line(level: Level, message: &str) {
    write(&Record { level, labels: Labels::default(), code: None, target: "", message, fields: None });
}

/// A refusal that belongs to no invocation.
pub fn refusal(level: Level, refusal: &crate::Refusal) {
    let message = refusal.to_string();
    write(&Record {
        level,
        labels: Labels::default(),
        code: Some(refusal.code.name()),
        target: "",
        message: &message,
        fields: None,
    });
}

fn json(record: &Record<'_>, now: SystemTime) -> String {
    serde_json::to_string(&JsonLine::of(record, &timestamp(now))).unwrap_or_default().replace('\n', " ")
}

fn text(record: &Record<'_>, now: SystemTime) -> String {
    let mut line = String::new();
    let _infallible = text_to(record, &timestamp(now), &mut line);
    line
}

/// A line in JSON.
#[derive(Serialize)]
pub(crate) struct JsonLine<'a> {
    timestamp: &'a str,
    level: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(flatten)]
    labels: Labels<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a RawValue>,
}

impl<'a> JsonLine<'a> {
    pub(crate) fn of(record: &Record<'a>, timestamp: &'a str) -> Self {
        JsonLine {
            timestamp,
            level: record.level.name(),
            message: record.message,
            code: record.code,
            labels: record.labels,
            target: record.target,
            // A plugin's fields are checked here, so that they cannot end the line and begin another.
            fields: record.fields.and_then(|fields| serde_json::from_str(fields).ok()),
        }
    }
}

/// A line of text, without its end. Allocates nothing of its own: a process that crashes writes its last line with it.
pub(crate) fn text_to(record: &Record<'_>, timestamp: &str, line: &mut impl fmt::Write) -> fmt::Result {
    write!(line, "{timestamp} {:5} ", record.level.name())?;
    if let Some(request_id) = record.labels.request_id {
        escape(request_id, line)?;
        line.write_char(' ')?;
    }
    if !record.target.is_empty() {
        escape(record.target, line)?;
        line.write_str(": ")?;
    }
    escape(record.message, line)?;
    let labels = [
        ("code", record.code),
        ("source", record.labels.source),
        ("route", record.labels.route),
        ("plugin", record.labels.plugin),
        ("digest", record.labels.digest),
    ];
    for (name, value) in labels {
        if let Some(value) = value {
            write!(line, " {name}=")?;
            escape(value, line)?;
        }
    }
    if let Some(fields) = record.fields {
        line.write_char(' ')?;
        escape(fields, line)?;
    }
    Ok(())
}

/// What is written stays one line, and one that no terminal obeys.
fn escape(text: &str, line: &mut impl fmt::Write) -> fmt::Result {
    text.chars().try_for_each(|c| if c.is_control() { write!(line, "{}", c.escape_default()) } else { line.write_char(c) })
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(now: SystemTime) -> String {
    let mut text = String::with_capacity(24);
    let _infallible = timestamp_to(now, &mut text);
    text
}

/// The same, without an allocation of its own.
pub(crate) fn timestamp_to(now: SystemTime, line: &mut impl fmt::Write) -> fmt::Result {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days to a date: https://howardhinnant.github.io/date_algorithms.html#civil_from_days, for dates after 1970.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second, ms) = (seconds / 3_600, seconds / 60 % 60, seconds % 60, since.subsec_millis());
    write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> = Record {
        level: Level::Warn,
        labels: Labels {
            request_id: Some("r-1"),
            source: Some("sqs"),
            route: Some("order-queue"),
            plugin: Some("orders"),
            digest: Some("9f2c"),
        },
        code: None,
        target: "orders",
        message: "two\nlines",
        fields: Some("{\"n\":1}"),
    };

    #[test]
    fn a_json_line_has_lambda_s_keys_and_stays_one_line() {
        let line = json(&RECORD, SystemTime::UNIX_EPOCH);
        assert_eq!(
            line,
            r#"{"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"two\nlines","requestId":"r-1","source":"sqs","route":"order-queue","plugin":"orders","digest":"9f2c","target":"orders","fields":{"n":1}}"#
        );
    }

    #[test]
    fn fields_that_are_not_json_cannot_forge_a_line() {
        let line = json(&Record { fields: Some("1}\n{\"level\":\"ERROR\"}"), ..RECORD }, SystemTime::UNIX_EPOCH);
        assert!(!line.contains("ERROR") && !line.contains('\n'), "{line}");
        let line =
            text(&Record { message: "a\nb\u{1b}[31m", target: "x\ny", fields: Some("{\n}"), ..RECORD }, SystemTime::UNIX_EPOCH);
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
    }

    #[test]
    fn a_text_line_names_everything_it_belongs_to() {
        assert_eq!(
            text(&RECORD, SystemTime::UNIX_EPOCH),
            r#"1970-01-01T00:00:00.000Z WARN  r-1 orders: two\nlines source=sqs route=order-queue plugin=orders digest=9f2c {"n":1}"#
        );
    }

    #[test]
    fn timestamps_are_right_around_leap_days() {
        for (seconds, expected) in [
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_799, "2000-02-29T23:59:59.000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn levels_are_read_in_any_case_and_fatal_is_an_error() {
        for (text, level) in
            [("INFO", Some(Level::Info)), ("Fatal", Some(Level::Error)), ("trace", Some(Level::Trace)), ("x", None)]
        {
            assert_eq!(Level::parse(text), level, "{text}");
        }
    }
}
