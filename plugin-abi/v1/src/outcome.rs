//! What a finished [`Task`](crate::Task) hands over.

use abi_stable::StableAbi;

use crate::{Buffer, Stream};

/// The result of a start, an invocation or a lifecycle call.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Outcome {
    /// [`Outcome::VALUE`], [`Outcome::STREAM`], [`Outcome::ERROR`] or [`Outcome::PANIC`]; a host treats any other as an error.
    pub kind: u32,
    /// Bit set of what the plugin vouches for; see [`Outcome::JSON`].
    pub flags: u32,
    /// `VALUE`: the reply. `STREAM`: the prelude, a JSON object with `statusCode`, `headers`, `cookies`, or empty.
    /// `ERROR` and `PANIC`: a JSON object with the strings `errorType` and `errorMessage`.
    pub body: Buffer,
    /// `STREAM`: the body. Otherwise [`Stream::EMPTY`].
    pub stream: Stream,
    /// `VALUE` of a start: the instance to pass to `invoke` and `lifecycle`. Otherwise null.
    pub instance: *const (),
}

impl Outcome {
    /// It went well.
    pub const VALUE: u32 = 0;
    /// It went well, and the reply comes in pieces.
    pub const STREAM: u32 = 1;
    /// The author's code returned an error.
    pub const ERROR: u32 = 2;
    /// The author's code panicked.
    pub const PANIC: u32 = 3;

    /// Flag: the body was written by a JSON serialiser and need not be checked again.
    pub const JSON: u32 = 1;

    /// A reply.
    #[must_use]
    pub const fn value(body: Buffer, flags: u32) -> Self {
        Outcome { kind: Self::VALUE, flags, body, stream: Stream::EMPTY, instance: std::ptr::null() }
    }

    /// A started instance.
    #[must_use]
    pub const fn started(instance: *const ()) -> Self {
        Outcome { kind: Self::VALUE, flags: 0, body: Buffer::EMPTY, stream: Stream::EMPTY, instance }
    }

    /// A streamed reply.
    #[must_use]
    pub const fn stream(prelude: Buffer, stream: Stream) -> Self {
        Outcome { kind: Self::STREAM, flags: 0, body: prelude, stream, instance: std::ptr::null() }
    }

    /// An error (`kind` is `ERROR` or `PANIC`).
    #[must_use]
    pub const fn failure(kind: u32, body: Buffer) -> Self {
        Outcome { kind, flags: Self::JSON, body, stream: Stream::EMPTY, instance: std::ptr::null() }
    }
}

// SAFETY: all fields but `instance` are Send; `instance` is a pointer that only the plugin looks behind, and its side promises that
// an instance may be used from any thread (`Plugin::start`).
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Outcome {}
