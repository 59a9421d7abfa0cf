//! A routed event to an [`Outcome`]: the handler runs to its deadline, panics and all, and what it returns is checked.

use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout_at;

pub mod future;
pub mod watchdog;

use crate::crash::{Phase, Work};
use crate::invocation::Invocation;
use crate::load::Plugin;
use crate::log::{self, Level, Record};
use crate::route::is_json;
use crate::runtime_api::REPLY_LIMIT;
use crate::{Code, Refusal};
use future::{TaskFuture, TaskStream, Wakers};

/// What a handler made of an event.
#[derive(Debug)]
pub enum Outcome {
    /// A whole reply: JSON, and small enough.
    Reply(Bytes),
    /// A reply in pieces.
    Stream {
        /// A JSON object with `statusCode`, `headers`, `multiValueHeaders`, `cookies`; or empty.
        prelude: Bytes,
        /// The body.
        body: TaskStream,
    },
    /// No reply.
    Failure(Failure),
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The loader's name for it.
    pub code: Code,
    /// `errorType`: the handler's own, or that of the code.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
}

impl Failure {
    /// A failure that the loader found.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, error_type: code.error_type().to_owned(), message: message.into() }
    }

    /// What a plugin says of its own failure: a JSON object with `errorType` and `errorMessage`.
    #[must_use]
    pub fn of_plugin(kind: u32, json: &[u8]) -> Self {
        let said: Option<lambda_runtime::Diagnostic> = serde_json::from_slice(json).ok();
        match (kind, said) {
            (v1::Outcome::ERROR, Some(said)) => {
                Failure { code: Code::HandlerFailed, error_type: said.error_type, message: said.error_message }
            }
            (v1::Outcome::PANIC, Some(said)) => Failure::new(Code::HandlerPanicked, said.error_message),
            (v1::Outcome::PANIC, None) => Failure::new(Code::HandlerPanicked, "panicked"),
            _ => Failure::new(Code::HandlerFailed, "the plugin did not say why"),
        }
    }

    /// The value of `Lambda-Runtime-Function-Error-Type`: the service accepts only `Runtime.` or `Function.` and letters.
    #[must_use]
    pub fn header(&self) -> String {
        match self.code {
            Code::HandlerFailed => {
                let letters: String = self.error_type.chars().filter(char::is_ascii_alphabetic).take(LONGEST_TYPE).collect();
                format!("Function.{}", if letters.is_empty() { "Error" } else { &letters })
            }
            code => code.error_type().to_owned(),
        }
    }

    /// The type for the log: what a plugin says, where that is a name; else what the service is told. A plugin may make it of anything,
    /// and as long as an event.
    #[must_use]
    pub fn logged_type(&self) -> Cow<'_, str> {
        let named = |c: char| c.is_ascii_alphanumeric() || ['_', ':', '.', '<', '>'].contains(&c);
        match self.error_type.as_str() {
            name if (1..=LONGEST_TYPE).contains(&name.len()) && name.chars().all(named) => Cow::Borrowed(name),
            _ => Cow::Owned(self.header()),
        }
    }
}

/// How much of an error's type is a name, in bytes.
const LONGEST_TYPE: usize = 200;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::new(refusal.code, refusal.to_string())
    }
}

/// Runs a handler until it is done or `until` has come; then it is dropped.
pub async fn run(
    plugin: &Plugin,
    handler: u32,
    invocation: &Arc<Invocation>,
    event: Bytes,
    until: Option<Instant>,
    wakers: &mut Wakers,
) -> Outcome {
    let work = plugin.work(Phase::Handler(handler));
    // Kept until the reply was looked at, so that no other bytes can have its address.
    let mut future = TaskFuture::new(plugin.invoke(handler, invocation.lend(), event.clone()), work, wakers);
    let outcome = match until {
        None => Some((&mut future).await),
        Some(until) => timeout_at(until.into(), &mut future).await.ok(),
    };
    match outcome {
        Some(outcome) => check(outcome, &event, work),
        None => {
            if let Some(panic) = future.cancel() {
                let panic = Failure::of_plugin(panic.kind, panic.body.as_ref());
                log::write(&Record {
                    level: Level::Error,
                    labels: invocation.labels(),
                    code: Some(panic.code.name()),
                    target: "",
                    message: &format!("a destructor panicked while the handler was dropped: {}", panic.message),
                    fields: None,
                });
            }
            Outcome::Failure(Failure::new(Code::DeadlineExceeded, "the handler did not answer before its deadline"))
        }
    }
}

/// Takes over what the plugin's `work` returned for `event`.
fn check(outcome: v1::Outcome, event: &Bytes, work: Work) -> Outcome {
    let v1::Outcome { kind, flags, body, stream, .. } = outcome;
    match kind {
        v1::Outcome::VALUE => {
            let length = body.as_ref().len();
            if length > REPLY_LIMIT {
                let what = format!("the reply has {length} bytes, Lambda takes {REPLY_LIMIT}");
                return Outcome::Failure(Failure::new(Code::ReplyTooLarge, what));
            }
            // The event itself, given back, was found to be JSON when it was routed; a serialiser's work need not be checked.
            let known = flags & v1::Outcome::JSON != 0 || (length > 0 && std::ptr::eq(body.as_ref(), &event[..]));
            if !known && !is_json(body.as_ref()) {
                return Outcome::Failure(Failure::new(Code::ReplyNotJson, "the handler's reply is not JSON"));
            }
            Outcome::Reply(Bytes::from_owner(body))
        }
        v1::Outcome::STREAM => Outcome::Stream { prelude: Bytes::from_owner(body), body: TaskStream::new(stream, work) },
        kind => Outcome::Failure(Failure::of_plugin(kind, body.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_header_is_one_that_lambda_accepts() {
        for (error_type, header) in [
            ("OutOfStock", "Function.OutOfStock"),
            ("my::Error<u8>", "Function.myErroru"),
            ("", "Function.Error"),
            ("42\r\nx: y", "Function.xy"),
            ("42", "Function.Error"),
            ("Runtime.ExitError", "Function.RuntimeExitError"),
            ("\u{44f}\u{0}\u{1f980}\u{ff21}", "Function.Error"),
            (&"ab".repeat(1_000_000), &format!("Function.{}", "ab".repeat(100))),
        ] {
            let failure = Failure { code: Code::HandlerFailed, error_type: error_type.into(), message: String::new() };
            assert_eq!(failure.header(), header);
            let as_it_is = ["OutOfStock", "my::Error<u8>", "42", "Runtime.ExitError"].contains(&error_type);
            assert_eq!(failure.logged_type(), if as_it_is { error_type } else { header });
        }
        assert_eq!(Failure::new(Code::DeadlineExceeded, "").header(), "Runtime.LoaderDeadlineExceeded");
    }

    #[test]
    fn what_a_plugin_returns_is_checked() {
        let work = Work::new(crate::crash::Subject::leak(crate::verify::Kind::Plugin, "test", "", &[]), Phase::Handler(0));
        let value = |bytes: Vec<u8>, flags| check(v1::Outcome::value(v1::Buffer::new(bytes), flags), &Bytes::new(), work);
        assert!(matches!(value(b" {\"a\":[1]} ".to_vec(), 0), Outcome::Reply(_)));
        for bad in ["", "{", "{}x", "nul", "\"\u{1}\""] {
            match value(bad.as_bytes().to_vec(), 0) {
                Outcome::Failure(failure) => assert_eq!(failure.code, Code::ReplyNotJson),
                other => panic!("{bad:?}: {other:?}"),
            }
        }
        match value(vec![b' '; REPLY_LIMIT + 1], v1::Outcome::JSON) {
            Outcome::Failure(failure) => {
                assert_eq!(failure.code, Code::ReplyTooLarge);
                assert_eq!(failure.message, "the reply has 6291557 bytes, Lambda takes 6291556");
            }
            other => panic!("{other:?}"),
        }
        // A kind of a later generation is an error, never a success.
        let unknown = v1::Outcome { kind: 77, ..v1::Outcome::value(v1::Buffer::EMPTY, 0) };
        assert!(matches!(check(unknown, &Bytes::new(), work), Outcome::Failure(_)));
    }
}
