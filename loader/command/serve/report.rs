//! What the service writes around an invocation's own log lines: start, end, report
//! (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>, and as JSON
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>).

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::site;
use crate::local::{Answer, Kind, Options};
use crate::log::timestamp;

/// An invocation that is over.
pub(super) struct Report<'a> {
    pub(super) answer: &'a Answer,
    pub(super) options: &'a Options,
    /// The most memory that the process had, in bytes; `None` where it had ended before anybody could look.
    pub(super) peak: Option<u64>,
}

impl Report<'_> {
    /// The invocation's log: its own `lines` with those of the service around them. `json`: the function's log format.
    pub(super) fn log(&self, lines: &str, json: bool) -> String {
        if json { self.as_json(lines) } else { self.as_text(lines) }
    }

    fn as_text(&self, lines: &str) -> String {
        let Report { answer, options, peak } = self;
        let id = &answer.request_id;
        let mut text = format!("START RequestId: {id} Version: {}\n{lines}", options.function_version);
        if let Kind::TimedOut { after } = answer.kind {
            let (now, after) = (timestamp(SystemTime::now()), after.as_secs_f64());
            text += &format!("{now} {id} Task timed out after {after:.2} seconds\n\n");
        }
        text += &format!("END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {:.2} ms\t", ms(answer.ran));
        text += &format!("Billed Duration: {} ms\tMemory Size: {} MB\t", self.billed(), options.memory_mb);
        if let Some(peak) = peak {
            text += &format!("Max Memory Used: {} MB\t", megabytes(*peak));
        }
        if let Some(init) = answer.init {
            text += &format!("Init Duration: {:.2} ms\t", ms(init));
        }
        match self.status() {
            ("timeout", _) => text += "Status: timeout",
            ("failure", Some(error)) => text += &format!("Status: error\tError Type: {error}"),
            _ => {}
        }
        text + "\n"
    }

    fn as_json(&self, lines: &str) -> String {
        let Report { answer, options, peak } = self;
        let id = &answer.request_id;
        let now = SystemTime::now();
        let event = |kind: &str, at: SystemTime, record: Value| {
            format!("{}\n", json!({ "time": timestamp(at), "type": kind, "record": record }))
        };
        let begun = now.checked_sub(answer.ran).unwrap_or(now);
        let start = event("platform.start", begun, json!({ "requestId": id, "version": options.function_version }));
        let mut metrics = Map::new();
        metrics.insert("durationMs".into(), thousandths(answer.ran));
        metrics.insert("billedDurationMs".into(), self.billed().into());
        metrics.insert("memorySizeMB".into(), options.memory_mb.into());
        if let Some(peak) = peak {
            metrics.insert("maxMemoryUsedMB".into(), megabytes(*peak).into());
        }
        if let Some(init) = answer.init {
            metrics.insert("initDurationMs".into(), thousandths(init));
        }
        let (status, error) = self.status();
        let mut record = json!({ "requestId": id, "metrics": metrics, "status": status });
        if let (Some(record), Some(error)) = (record.as_object_mut(), error) {
            record.insert("errorType".into(), error.into());
        }
        start + lines + &event("platform.report", now, record)
    }

    /// As the service names it, with what it calls the error.
    fn status(&self) -> (&'static str, Option<String>) {
        let error = || site::error(self.answer).map(|(error_type, _)| error_type);
        match &self.answer.kind {
            Kind::Response(_) => ("success", None),
            Kind::TimedOut { .. } => ("timeout", error()),
            Kind::ProcessDied { .. } | Kind::InitFailed(_) => ("failure", error()),
            Kind::Error { .. } | Kind::TooLarge { .. } | Kind::Truncated => ("error", error()),
        }
    }

    /// In whole milliseconds, the start of the process with it.
    fn billed(&self) -> u64 {
        let billed = self.answer.ran + self.answer.init.unwrap_or_default();
        u64::try_from(billed.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn thousandths(time: Duration) -> Value {
    ((ms(time) * 1_000.0).round() / 1_000.0).into()
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Response;

    fn report(kind: Kind, init: Option<Duration>, peak: Option<u64>, json: bool) -> String {
        let (elapsed, ran) = (Duration::from_millis(9), Duration::from_micros(1_234));
        let answer = Answer { request_id: "id-1".into(), kind, elapsed, ran, init, invocation_id: None };
        Report { answer: &answer, options: &Options::default(), peak }.log("a line\n", json)
    }

    fn reply() -> Kind {
        Kind::Response(Response { content_type: None, body: "1".into(), chunks: None, trailers: Vec::new() })
    }

    #[test]
    fn lines_are_those_of_the_service() {
        assert_eq!(
            report(reply(), Some(Duration::from_millis(20)), Some(5 << 20), false),
            "START RequestId: id-1 Version: $LATEST\na line\nEND RequestId: id-1\nREPORT RequestId: id-1\tDuration: 1.23 ms\t\
             Billed Duration: 22 ms\tMemory Size: 128 MB\tMax Memory Used: 5 MB\tInit Duration: 20.00 ms\t\n"
        );
        let died = report(Kind::ProcessDied { status: "signal: 9".into() }, None, None, false);
        let end = "Billed Duration: 2 ms\tMemory Size: 128 MB\tStatus: error\tError Type: Runtime.ExitError\n";
        assert!(died.ends_with(end), "{died}");
        let late = report(Kind::TimedOut { after: Duration::from_secs(3) }, None, Some(1), false);
        assert!(late.contains(" id-1 Task timed out after 3.00 seconds\n\nEND RequestId: id-1\n"), "{late}");
        assert!(late.ends_with("Max Memory Used: 1 MB\tStatus: timeout\n"), "{late}");
    }

    #[test]
    fn lines_are_json_where_the_function_s_log_is() {
        let lines = report(reply(), None, Some((6 << 20) + 1), true);
        let [start, own, report] = lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
        let [start, report]: [Value; 2] = [start, report].map(|line| serde_json::from_str(line).unwrap());
        assert_eq!((&start["type"], &start["record"]["version"], own), (&json!("platform.start"), &json!("$LATEST"), "a line"));
        let metrics = json!({ "durationMs": 1.234, "billedDurationMs": 2, "memorySizeMB": 128, "maxMemoryUsedMB": 7 });
        assert_eq!(report["record"], json!({ "requestId": "id-1", "metrics": metrics, "status": "success" }));
    }
}
