//! What `serve` prints: on standard output where it listens and a line for each request, on standard error the rest.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::super::complain::visible;
use super::super::{Format, complain, print};
use crate::Refusal;
use crate::log::timestamp;

/// One request that was answered. No query and no header: they may hold secrets.
pub(super) struct Access<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    /// The invocation, where the request became one.
    pub(super) request_id: Option<&'a str>,
    /// `RequestResponse`, `Event`, `DryRun`, `Http`.
    pub(super) kind: &'a str,
    /// Type and message of what went wrong.
    pub(super) error: Option<(String, String)>,
    pub(super) took: Duration,
}

#[derive(Clone, Copy)]
pub(super) struct Printer {
    format: Format,
}

impl Printer {
    pub(super) fn new(format: Format) -> Self {
        Printer { format }
    }

    /// Requests are taken from now on.
    pub(super) fn ready(self, address: SocketAddr, function: &str, watch: bool) {
        match self.format {
            Format::Json => line(&json!({ "serving": format!("http://{address}"), "function": function, "watch": watch })),
            Format::Text => {
                print(&format!("serving http://{address}, function {function}\n"));
                print(&format!("  aws lambda invoke --endpoint-url http://{address} --function-name {function} …\n"));
                print(&format!("  curl http://{address}/any/path   becomes an event of an HTTP API\n"));
            }
        }
        if watch {
            self.note("--watch is for this machine only: digests are those of the files as they are, and the manifest's own do not count");
        }
        if !address.ip().is_loopback() {
            self.note("warning: whoever reaches this address may invoke the function");
        }
    }

    /// What happens besides requests.
    pub(super) fn note(self, what: &str) {
        eprintln!("serve: {what}");
    }

    /// What is wrong with the files that are watched.
    pub(super) fn refused(self, refusal: &Refusal) {
        self.note(&format!("watch: error[{}]: {}", refusal.code.name(), visible(&refusal.to_string())));
        if self.format == Format::Text {
            complain::excerpt(refusal);
        }
    }

    /// One request.
    pub(super) fn access(self, access: &Access<'_>) {
        let now = timestamp(SystemTime::now());
        let ms = access.took.as_secs_f64() * 1_000.0;
        match self.format {
            Format::Json => {
                let mut row = Map::new();
                row.insert("timestamp".into(), now.into());
                row.insert("method".into(), access.method.into());
                row.insert("path".into(), access.path.into());
                row.insert("status".into(), access.status.into());
                row.insert("kind".into(), access.kind.into());
                row.insert("ms".into(), ((ms * 1_000.0).round() / 1_000.0).into());
                if let Some(id) = access.request_id {
                    row.insert("requestId".into(), id.into());
                }
                if let Some((error_type, message)) = &access.error {
                    row.insert("errorType".into(), error_type.as_str().into());
                    row.insert("errorMessage".into(), message.as_str().into());
                }
                line(&Value::Object(row));
            }
            Format::Text => {
                let Access { method, path, status, kind, .. } = access;
                let mut text = format!("{now} {method} {path} {status} {kind} {ms:.1} ms");
                if let Some(id) = access.request_id {
                    text += &format!(" {id}");
                }
                if let Some((error_type, message)) = &access.error {
                    text += &format!(" {error_type}: {message}");
                }
                print(&(visible(&text) + "\n"));
            }
        }
    }
}

/// One JSON object a line.
fn line(value: &Value) {
    print(&format!("{value}\n"));
}
