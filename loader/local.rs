//! A local Lambda: one Runtime API server, and the process under it.
//!
//! The demo, the tests, the benchmarks and the local `serve` all run against this one server. It speaks
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>; where that page is silent it does what AWS's own emulator does
//! (<https://github.com/aws/aws-lambda-runtime-interface-emulator>, `internal/lambda/rapi`).
//!
//! ```no_run
//! # use lambda_loader::local::{Bootstrap, Event, Lambda, Options};
//! # use std::{path::Path, time::Duration};
//! let lambda = Lambda::start(Options::default())?;
//! let process = Bootstrap::spawn(&lambda, Path::new("bootstrap"), &[])?;
//! let answer = lambda.invoke(Event::new(r#"{"hello":"world"}"#)).wait(Duration::from_secs(5));
//! # std::io::Result::Ok(())
//! ```

mod access;
mod answer;
mod api;
mod body;
mod bootstrap;
mod environment;
mod event;
mod fault;
mod lambda;
mod lines;
mod memory;
mod next;
mod pending;
mod random;
mod raw;
mod reply;
mod server;
mod state;

pub use access::{Access, Endpoint};
pub use answer::{Answer, Chunk, Kind, Piece, Response};
pub use bootstrap::Bootstrap;
pub use environment::LIBRARY_PATH;
pub use event::{Deadline, Event};
pub use fault::{Fault, How};
pub use lambda::{Lambda, Options};
pub use lines::{Line, Stream, Tap};
pub use memory::Memory;
pub use pending::Pending;
pub use state::{InitError, Polls};

/// The end of a wait of `timeout`, which may be [`Duration::MAX`](std::time::Duration::MAX): then a year from now.
fn until(timeout: std::time::Duration) -> std::time::Instant {
    until_from(std::time::Instant::now(), timeout)
}

fn until_from(begin: std::time::Instant, timeout: std::time::Duration) -> std::time::Instant {
    begin + timeout.min(std::time::Duration::from_secs(365 * 24 * 3600))
}

/// The most bytes that a buffered reply may have: 6 MiB and 100 bytes, as the service itself says in
/// `Response payload size exceeded maximum allowed payload size (6291556 bytes)` and as its emulator has it (`interop.MaxPayloadSize`).
pub const REPLY_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// The most bytes that a streamed reply may have: 200 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>).
pub const STREAM_LIMIT: usize = 200 * 1024 * 1024;
