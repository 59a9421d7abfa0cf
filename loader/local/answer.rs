//! What became of an invocation.

use std::time::Duration;

use bytes::Bytes;

use super::{InitError, REPLY_LIMIT};

/// What became of one invocation.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The invocation's id.
    pub request_id: String,
    /// How it ended.
    pub kind: Kind,
    /// From the call of `invoke` to the last byte of the answer.
    pub elapsed: Duration,
    /// From its delivery to the process to the last byte of the answer; zero if no process had it.
    pub ran: Duration,
    /// From the start of the process to its first call of `next`, where this was the first event that it had.
    pub init: Option<Duration>,
    /// The `Lambda-Runtime-Invocation-Id` that the runtime sent back.
    pub invocation_id: Option<String>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST …/response`.
    Response(Response),
    /// `POST …/error`.
    Error {
        /// `Lambda-Runtime-Function-Error-Type`, as it was sent.
        error_type: Option<String>,
        /// The body, as it was sent.
        body: Bytes,
    },
    /// The reply was larger than the service takes: it answers 413, and the invocation has failed.
    TooLarge {
        /// The bytes that were sent.
        size: usize,
    },
    /// The connection broke in the middle of the reply.
    Truncated,
    /// The process ended with the invocation open, or before it ever asked for one.
    ProcessDied {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// The process reported a failed start and ended without ever asking for the invocation.
    InitFailed(InitError),
    /// The time was up, as [`Lambda::expire`](super::Lambda::expire) found.
    TimedOut {
        /// The function's timeout.
        after: Duration,
    },
}

/// A part of a streamed reply, as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The reply begins.
    Begin {
        /// Its `Content-Type`.
        content_type: Option<String>,
    },
    /// Some of its bytes.
    Data(Bytes),
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// The whole body. Of a streamed reply it is made of the chunks.
    pub body: Bytes,
    /// A streamed reply's chunks as they arrived; `None`: the reply was buffered.
    pub chunks: Option<Vec<Chunk>>,
    /// A streamed reply's trailers, names in lower case.
    pub trailers: Vec<(String, String)>,
}

/// One chunk of a streamed reply. Chunks that arrive together may have become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Since the call of `invoke`.
    pub at: Duration,
    /// The bytes.
    pub bytes: Bytes,
}

impl Response {
    /// The value of a trailer, by its name in lower case.
    #[must_use]
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    /// The reply, where there is one.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        match &self.kind {
            Kind::Response(response) => Some(response),
            _ => None,
        }
    }

    /// Error type and body that the runtime reported, where it did.
    #[must_use]
    pub fn error(&self) -> Option<(Option<&str>, &Bytes)> {
        match &self.kind {
            Kind::Error { error_type, body } => Some((error_type.as_deref(), body)),
            _ => None,
        }
    }

    /// What the caller of `Invoke` gets; with anything but [`Kind::Response`] as a function error.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        let (error_type, message) = match &self.kind {
            Kind::Response(Response { body, .. }) | Kind::Error { body, .. } | Kind::InitFailed(InitError { body, .. }) => {
                return body.clone();
            }
            Kind::TimedOut { after } => (
                "Sandbox.Timedout",
                format!("RequestId: {} Error: Task timed out after {:.2} seconds", self.request_id, after.as_secs_f64()),
            ),
            Kind::TooLarge { size } => (
                "Function.ResponseSizeTooLarge",
                format!("Response payload size ({size} bytes) exceeded maximum allowed payload size ({REPLY_LIMIT} bytes)."),
            ),
            Kind::Truncated => ("Runtime.TruncatedResponse", "HTTP request detected as truncated".to_owned()),
            Kind::ProcessDied { status } => {
                ("Runtime.ExitError", format!("RequestId: {} Error: Runtime exited: {status}", self.request_id))
            }
        };
        Bytes::from(serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_sees_what_the_service_would_say() {
        let check = |kind, expected: &str| {
            let (elapsed, ran) = (Duration::ZERO, Duration::ZERO);
            let answer = Answer { request_id: "id-1".into(), kind, elapsed, ran, init: None, invocation_id: None };
            assert_eq!(answer.payload(), expected);
        };
        let response = Response { content_type: None, body: "1".into(), chunks: None, trailers: Vec::new() };
        check(Kind::Response(response), "1");
        check(Kind::Error { error_type: None, body: "{}".into() }, "{}");
        check(
            Kind::TooLarge { size: 7_000_000 },
            "{\"errorMessage\":\"Response payload size (7000000 bytes) exceeded maximum allowed payload size (6291556 bytes).\",\
             \"errorType\":\"Function.ResponseSizeTooLarge\"}",
        );
        check(
            Kind::Truncated,
            "{\"errorMessage\":\"HTTP request detected as truncated\",\"errorType\":\"Runtime.TruncatedResponse\"}",
        );
        check(
            Kind::TimedOut { after: Duration::from_millis(3000) },
            "{\"errorMessage\":\"RequestId: id-1 Error: Task timed out after 3.00 seconds\",\"errorType\":\"Sandbox.Timedout\"}",
        );
        check(Kind::InitFailed(InitError { error_type: None, body: "{\"errorType\":\"X\"}".into() }), "{\"errorType\":\"X\"}");
        check(
            Kind::ProcessDied { status: "exit status: 1".into() },
            "{\"errorMessage\":\"RequestId: id-1 Error: Runtime exited: exit status: 1\",\"errorType\":\"Runtime.ExitError\"}",
        );
    }
}
