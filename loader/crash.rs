//! The last line of a process that dies by a signal: which plugin's code it was, which handler, which request.
//!
//! A plugin is native code, and may do what no `catch_unwind` holds: a wild pointer, a division by zero, endless recursion, `abort`.
//! Lambda then says `Runtime.ExitError` and no more. The handler here writes one line, in the log's own format, and lets the signal do
//! what it would have done: exit status and core are the signal's.
//!
//! Everything that the handler needs is there before: each call of plugin code notes in a thread-local what it is ([`Work::run`]), each
//! event whose it is ([`Serving`]), each loaded object where it lies ([`object`]). The handler reads that, formats into a buffer on
//! its stack and calls `write(2)`: no allocation, no lock, as a signal handler must (`signal-safety(7)`).
//!
//! std's own handler, which says of a stack overflow that it is one and aborts, is replaced: this one says it too, in the line, and
//! the signal stays what it was.

mod handler;
mod line;
mod object;
mod signal;
mod stack;
mod work;

pub use handler::install;
pub use object::note as loaded;
pub use stack::watch_thread;
pub use work::{Phase, Serving, Subject, Work};
