//! `"batch": "each"`: a batch to its handler one record at a time, and what became of the records to one reply.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::{call, log_failure_as, tell};
use crate::Code;
use crate::invocation::{Delivery, Invocation, Labelling};
use crate::invoke::future::Wakers;
use crate::invoke::{Failure, Outcome};
use crate::log::{self, Level, Record};
use crate::respond::{self, Answer, Form};
use crate::route::{Records, Reported};
use crate::service::{Service, Target};

/// Which records may begin, and what became of those that did.
struct Progress {
    /// What is left of each lane.
    lanes: Vec<VecDeque<usize>>,
    /// The lanes of which no record is being worked on, by their next record: the earliest in the event goes first.
    ready: BinaryHeap<Reverse<(usize, usize)>>,
    /// Whether nothing more may begin.
    halted: bool,
    /// Whether that is because of the time.
    late: bool,
    done: Vec<bool>,
    begun: usize,
    ended: u32,
    /// How long all that ended took together.
    spent: Duration,
    /// What failed first.
    first: Option<Failure>,
}

impl Progress {
    fn new(records: &Records<'_>) -> Self {
        let mut progress = Progress {
            lanes: records.lanes(),
            ready: BinaryHeap::new(),
            halted: false,
            late: false,
            done: vec![false; records.len()],
            begun: 0,
            ended: 0,
            spent: Duration::ZERO,
            first: None,
        };
        (0..progress.lanes.len()).for_each(|lane| progress.release(lane));
        progress
    }

    fn release(&mut self, lane: usize) {
        if let Some(next) = self.lanes.get(lane).and_then(VecDeque::front) {
            self.ready.push(Reverse((*next, lane)));
        }
    }

    /// The record to work on next, and its lane. None begins for which there would not be the time that one took on average so far:
    /// what was not reached can still be reported.
    fn next(&mut self, invocation: &Invocation) -> Option<(usize, usize)> {
        let usual = self.spent.checked_div(self.ended).unwrap_or_default();
        if let Some(give_up) = invocation.deadline().give_up
            && !self.ready.is_empty()
            && !self.halted
            && give_up.saturating_duration_since(Instant::now()) <= usual
        {
            (self.halted, self.late) = (true, true);
        }
        if self.halted || invocation.is_taken() {
            return None;
        }
        let Reverse((record, lane)) = self.ready.pop()?;
        self.lanes.get_mut(lane)?.pop_front();
        self.begun += 1;
        Some((record, lane))
    }

    /// Notes what became of a record. After a failure nothing of its lane begins; and nothing at all where nobody can be told of it
    /// but by the failure of the whole batch, which then comes again.
    fn end(&mut self, (record, lane): (usize, usize), result: Result<(), Failure>, took: Duration, reports: bool) {
        self.ended += 1;
        self.spent += took;
        match result {
            Ok(()) => {
                if let Some(done) = self.done.get_mut(record) {
                    *done = true;
                }
                self.release(lane);
            }
            Err(failure) => {
                self.first.get_or_insert(failure);
                self.halted |= !reports;
            }
        }
    }
}

/// One batch on its way.
pub(super) struct Each<'a> {
    pub(super) service: &'a Service,
    pub(super) target: &'a Target,
    pub(super) delivery: &'a Delivery,
    pub(super) form: Form,
    pub(super) labelling: Labelling,
}

impl Each<'_> {
    /// Works on all records, as far as order, failures and the deadline let it. `true`: `on_error` has been told of what failed.
    pub(super) async fn run(&self, resource: Option<&str>) -> (Outcome, bool) {
        let invocation = &self.delivery.invocation;
        let records = match Records::read(&self.delivery.event, self.form.source, resource) {
            Ok(records) => records,
            Err(refusal) => {
                invocation.label(self.labelling.clone());
                return (Outcome::Failure(refusal.into()), false);
            }
        };
        let progress = RefCell::new(Progress::new(&records));
        let workers = self.target.concurrency.min(progress.borrow().lanes.len()).max(1);
        let mut working: FuturesUnordered<_> = (0..workers).map(|_| self.work(&records, &progress)).collect();
        while working.next().await.is_some() {}
        drop(working);
        self.sum_up(&records, progress.into_inner())
    }

    async fn work(&self, records: &Records<'_>, progress: &RefCell<Progress>) {
        let mut wakers = Wakers::default();
        loop {
            let next = progress.borrow_mut().next(&self.delivery.invocation);
            let Some(next) = next else { return };
            let began = Instant::now();
            let result = self.one(records, next.0, &mut wakers).await;
            progress.borrow_mut().end(next, result, began.elapsed(), self.target.reports);
        }
    }

    /// One record, and where it fails `on_error`: as if it had come alone.
    async fn one(&self, records: &Records<'_>, index: usize, wakers: &mut Wakers) -> Result<(), Failure> {
        let invocation = &self.delivery.invocation;
        let Some(event) = records.alone(index) else {
            return Err(Failure::new(Code::Internal, "the event could not be split into its records"));
        };
        let delivery = Delivery { invocation: Arc::clone(invocation), event };
        let outcome =
            call(self.service, self.target, &delivery, self.labelling.clone(), invocation.deadline().give_up, wakers).await;
        let failure = match self.judge(records, index, outcome).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        // A number and not its identifier: what an event says of itself is no text for a log.
        let which = format!("record {} of {}: ", index + 1, records.len());
        log_failure_as(invocation, &failure, Level::Error, &which);
        if let Some(on_error) = &self.service.on_error
            && !invocation.is_taken()
            && let Some(reply) =
                tell(self.service, on_error, &failure, &delivery, invocation.deadline().last_call(), wakers).await
            && self.judge(records, index, Outcome::Reply(reply)).await.is_ok()
        {
            return Ok(());
        }
        Err(failure)
    }

    /// Whether the record is done. The handler may be one that takes whole batches, and report this one as failed.
    async fn judge(&self, records: &Records<'_>, index: usize, outcome: Outcome) -> Result<(), Failure> {
        let reply = whole(outcome, self.form, &self.delivery.invocation).await?;
        let Some(reported) = Reported::of(&reply)? else { return Ok(()) };
        if records.named(&reported)?.iter().any(|named| *named != index) {
            return Err(Failure::new(
                Code::RecordUnknown,
                "the handler's reply reports another record than the one it was given",
            ));
        }
        let (code, message) = (Code::HandlerFailed, "the handler reported the record as failed".to_owned());
        Err(Failure { code, error_type: "RecordFailed".into(), message })
    }

    fn sum_up(&self, records: &Records<'_>, progress: Progress) -> (Outcome, bool) {
        let done = progress.done.iter().filter(|done| **done).count();
        let unreached = progress.lanes.iter().map(VecDeque::len).sum::<usize>();
        if done == records.len() {
            let reply = if self.target.reports { records.report(std::iter::empty()) } else { Bytes::from_static(b"null") };
            return (Outcome::Reply(reply), false);
        }
        if progress.late {
            let what = format!("the deadline came before {unreached} of {} records were reached", records.len());
            if done == 0 || !self.target.reports {
                let late = || Failure::new(Code::DeadlineExceeded, what);
                let told = progress.first.is_some();
                return (Outcome::Failure(progress.first.unwrap_or_else(late)), told);
            }
            log::write(&Record {
                level: Level::Warn,
                labels: self.delivery.invocation.labels(),
                code: Some(Code::DeadlineExceeded.name()),
                target: "",
                message: &what,
                fields: None,
            });
        }
        if done > 0 && self.target.reports {
            let undone = progress.done.iter().enumerate().filter(|(_, done)| !**done).map(|(index, _)| index);
            return (Outcome::Reply(records.report(undone)), false);
        }
        let lost = || Failure::new(Code::Internal, "records were neither worked on nor did one fail");
        (Outcome::Failure(progress.first.unwrap_or_else(lost)), true)
    }
}

/// Checks what a handler of whole batches says of single records.
pub(super) async fn check_whole(outcome: Outcome, form: Form, delivery: &Delivery, resource: Option<&str>) -> Outcome {
    let check = async {
        let reply = whole(outcome, form, &delivery.invocation).await?;
        if let Some(reported) = Reported::of(&reply)? {
            Records::read(&delivery.event, form.source, resource)?.named(&reported)?;
        }
        Ok(reply)
    };
    check.await.map_or_else(Outcome::Failure, Outcome::Reply)
}

/// The reply in one piece.
async fn whole(outcome: Outcome, form: Form, invocation: &Invocation) -> Result<Bytes, Failure> {
    match respond::answer(outcome, form, invocation.deadline().give_up).await? {
        Answer::Whole(reply) => Ok(reply),
        _ => Err(super::streamed()),
    }
}
