//! An invocation whose answer is awaited.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::Answer;

/// An invocation whose answer is awaited.
#[derive(Debug)]
pub struct Pending {
    pub(super) request_id: String,
    pub(super) answer: Receiver<Answer>,
}

impl Pending {
    /// The invocation's id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The answer; `None` if there is none within `timeout`, if the server stops, or if the answer has been taken already.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Answer> {
        self.answer.recv_timeout(timeout).ok()
    }

    /// The answer, if it is there.
    #[must_use]
    pub fn poll(&self) -> Option<Answer> {
        self.answer.try_recv().ok()
    }
}
