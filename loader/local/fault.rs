//! Misbehaviour on order: what a Runtime API may do wrong.

use std::time::Duration;

use super::Endpoint;

/// One kind of misbehaviour at one path, a number of times; after that the service is normal again.
///
/// A fault of `response` or `error` acts after the body has been read. The invocation stays open, so that a second attempt is taken,
/// except after a 413, which ends it. A fault of `next` that loses the event leaves the event first in line for the next poll.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) at: Endpoint,
    pub(super) how: How,
    pub(super) times: u32,
}

/// What the server does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Answers with this status and an error body.
    Status(u16),
    /// Answers with bytes that are not HTTP, and closes.
    Garbage,
    /// Closes without an answer.
    Close,
    /// Closes in the middle of the headers.
    CloseInHeaders,
    /// Closes in the middle of the body; `next`: in the middle of an event.
    CloseInBody,
    /// `next`: delivers an event without this header (name in lower case).
    Omit(&'static str),
    /// Serves normally, after this time.
    Delay(Duration),
}

impl Fault {
    /// A fault that fires once.
    #[must_use]
    pub fn new(at: Endpoint, how: How) -> Self {
        Fault { at, how, times: 1 }
    }

    /// The same, `times` times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

impl How {
    /// Whether `next` needs an event in hand to do this.
    pub(super) fn needs_event(&self) -> bool {
        matches!(self, How::CloseInBody | How::Omit(_))
    }
}

/// The faults that are still to fire, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Fault>);

impl Script {
    pub(super) fn add(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.0.push(fault);
        }
    }

    /// The fault that fires now at `at`, if it is one of those that `wanted` accepts.
    pub(super) fn fire(&mut self, at: Endpoint, wanted: impl Fn(&How) -> bool) -> Option<How> {
        let index = self.0.iter().position(|fault| fault.at == at)?;
        let fault = self.0.get_mut(index).filter(|fault| wanted(&fault.how))?;
        fault.times -= 1;
        let how = fault.how.clone();
        if fault.times == 0 {
            self.0.remove(index);
        }
        Some(how)
    }

    /// Whether every fault has fired.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_fire_in_order_each_at_its_path_and_as_often_as_ordered() {
        let mut script = Script::default();
        script.add(Fault::new(Endpoint::Next, How::Status(500)).times(2));
        script.add(Fault::new(Endpoint::Response, How::Close));
        script.add(Fault::new(Endpoint::Next, How::CloseInBody));
        script.add(Fault::new(Endpoint::Error, How::Garbage).times(0));
        let any = |_: &How| true;
        assert_eq!(script.fire(Endpoint::Error, any), None);
        assert_eq!(script.fire(Endpoint::Next, any), Some(How::Status(500)));
        assert_eq!(script.fire(Endpoint::Response, any), Some(How::Close));
        assert_eq!(script.fire(Endpoint::Response, any), None);
        assert_eq!(script.fire(Endpoint::Next, How::needs_event), None, "its turn has not come");
        assert_eq!(script.fire(Endpoint::Next, any), Some(How::Status(500)));
        assert_eq!(script.fire(Endpoint::Next, |how| !how.needs_event()), None, "needs an event");
        assert_eq!(script.fire(Endpoint::Next, How::needs_event), Some(How::CloseInBody));
        assert!(script.is_empty());
    }
}
