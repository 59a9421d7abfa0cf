//! The state behind the Runtime API: which invocation is where. Nothing here knows HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::answer::{Answer, Kind};
use super::fault::{How, Script};
use super::{Access, Endpoint, Event, Fault, Options, Piece, random, until, until_from};

/// How many answered requests are remembered.
const ACCESS_KEPT: usize = 1024;

/// Takes an invocation's answer. Runs on the server's thread: it must be quick.
pub(super) type Done = Box<dyn FnOnce(Answer) + Send>;

/// Takes a streamed reply as it comes.
pub(super) type Live = mpsc::UnboundedSender<Piece>;

/// One invocation on its way.
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) event: Event,
    invoked: Instant,
    delivered: Option<Instant>,
    /// How long the process took to start, where this is its first event.
    init: Option<Duration>,
    live: Option<Live>,
    done: Done,
}

/// An event as a poll gets it.
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) event: Event,
    pub(super) fault: Option<How>,
}

/// What a poll gets.
pub(super) enum Poll {
    /// An event.
    Event(Delivery),
    /// Nothing yet.
    Parked(oneshot::Receiver<Delivery>),
    /// As many events are open as the process may have: it has to answer one first.
    TooMany,
    /// A scripted fault.
    Fault(How),
}

/// A failed start that the runtime reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitError {
    /// `Lambda-Runtime-Function-Error-Type`, as it was sent.
    pub error_type: Option<String>,
    /// The body, as it was sent.
    pub body: Bytes,
}

/// The calls of `next` so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Polls {
    /// How many.
    pub count: u64,
    /// When the first arrived.
    pub first: Option<Instant>,
    /// When the last arrived.
    pub last: Option<Instant>,
}

struct Open {
    invocation: Invocation,
    /// A scripted fault got in the way: it no longer counts as one that the process works on.
    faulted: bool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Invocation>,
    parked: VecDeque<oneshot::Sender<Delivery>>,
    open: HashMap<String, Open>,
    /// Invocations whose answer is being read, each with when its time is up; they are not in `open`.
    answering: HashMap<String, Instant>,
    script: Script,
    polls: Polls,
    init_error: Option<InitError>,
    /// What the process that runs now reported.
    own_init_error: Option<InitError>,
    access: VecDeque<Access>,
    process: Option<Process>,
    /// Since when the process has neither had an event nor asked for one, and how often it had asked by then.
    quiet: Option<(Instant, u64)>,
    /// No process comes any more: what every event gets.
    ended: Option<Kind>,
}

/// The process that runs.
struct Process {
    pid: u32,
    started: Instant,
    /// From its start to its first call of `next`; `None` again once an event has taken note of it.
    init: Option<Duration>,
    asked: bool,
}

/// The state, shared by the handle, the server and the process's watcher.
pub(super) struct Shared {
    pub(super) options: Options,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        Shared { options, state: Mutex::default(), changed: Condvar::new() }
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an event to a waiting poll, or queues it.
    pub(super) fn invoke(&self, event: Event, live: Option<Live>, done: Done) -> String {
        let request_id = random::request_id();
        let (id, invoked) = (request_id.clone(), Instant::now());
        let invocation = Invocation { request_id: id, event, invoked, delivered: None, init: None, live, done };
        let mut state = self.lock();
        if let Some(kind) = state.ended.clone() {
            drop(state);
            invocation.answer(kind, None);
            return request_id;
        }
        state.queue.push_back(invocation);
        state.match_up();
        request_id
    }

    /// One call of `next`. `again`: a scripted delay is over, and the call has been counted.
    pub(super) fn poll(&self, again: bool) -> Poll {
        let mut state = self.lock();
        if !again {
            let now = Instant::now();
            state.polls.count += 1;
            state.polls.first.get_or_insert(now);
            state.polls.last = Some(now);
            if let Some(process) = state.process.as_mut().filter(|process| !process.asked) {
                (process.asked, process.init) = (true, Some(now.saturating_duration_since(process.started)));
            }
            self.changed.notify_all();
            if let Some(how) = state.script.fire(Endpoint::Next, |how| !how.needs_event()) {
                return Poll::Fault(how);
            }
        }
        state.parked.retain(|poll| !poll.is_closed());
        let busy = state.open.values().filter(|open| !open.faulted).count() + state.answering.len() + state.parked.len();
        if busy >= self.options.concurrency.max(1) {
            return Poll::TooMany;
        }
        if let Some(invocation) = state.queue.pop_front() {
            return Poll::Event(state.deliver(invocation));
        }
        let (sender, receiver) = oneshot::channel();
        state.parked.push_back(sender);
        Poll::Parked(receiver)
    }

    /// Begins to read the answer of the invocation `request_id`; `None` if it is not open.
    pub(super) fn begin(self: &Arc<Self>, request_id: &str) -> Option<Answering> {
        let mut state = self.lock();
        let open = state.open.remove(request_id)?;
        let due = self.due(&open.invocation);
        state.answering.insert(request_id.to_owned(), due);
        Some(Answering { shared: Arc::clone(self), invocation: Some(open.invocation), echoed: None })
    }

    /// The fault that fires now at `endpoint`, which is not `next`.
    pub(super) fn fire(&self, endpoint: Endpoint) -> Option<How> {
        self.lock().script.fire(endpoint, |_| true)
    }

    pub(super) fn add_fault(&self, fault: Fault) {
        self.lock().script.add(fault);
    }

    pub(super) fn faults_done(&self) -> bool {
        self.lock().script.is_empty()
    }

    pub(super) fn init_failed(&self, error: InitError) {
        let mut state = self.lock();
        state.own_init_error.get_or_insert(error.clone());
        state.init_error.get_or_insert(error);
        self.changed.notify_all();
    }

    /// A process runs under this from now on.
    pub(super) fn process_started(&self, pid: u32, started: Instant) {
        self.lock().process = Some(Process { pid, started, init: None, asked: false });
    }

    /// The id of the process that runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.lock().process.as_ref().map(|process| process.pid)
    }

    /// For how long the process has neither had an event nor asked for one, as far as this was called.
    pub(super) fn quiet(&self) -> Duration {
        let now = Instant::now();
        let mut state = self.lock();
        state.parked.retain(|poll| !poll.is_closed());
        if !(state.open.is_empty() && state.answering.is_empty() && state.parked.is_empty()) {
            state.quiet = None;
            return Duration::ZERO;
        }
        let polls = state.polls.count;
        let since = state.quiet.filter(|(_, before)| *before == polls).map_or(now, |(since, _)| since);
        state.quiet = Some((since, polls));
        now.saturating_duration_since(since)
    }

    /// How many events no process has asked for yet.
    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// When the time of an invocation is up.
    fn due(&self, invocation: &Invocation) -> Instant {
        let since = invocation.delivered.unwrap_or(invocation.invoked);
        until_from(since, invocation.event.timeout.unwrap_or(self.options.timeout))
    }

    /// Ends what the process has had for longer than its timeout. Returns whether there was anything of that kind: then the process
    /// is to be killed, which ends a reply that is only half there as well.
    pub(super) fn expire(&self) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let late: Vec<_> =
            state.open.iter().filter(|(_, open)| self.due(&open.invocation) <= now).map(|(id, _)| id.clone()).collect();
        let any = !late.is_empty() || state.answering.values().any(|due| *due <= now);
        let late: Vec<_> = late.iter().filter_map(|id| state.open.remove(id)).collect();
        drop(state);
        for Open { invocation, .. } in late {
            let after = invocation.event.timeout.unwrap_or(self.options.timeout);
            invocation.answer(Kind::TimedOut { after }, None);
        }
        any
    }

    /// Ends what no process has asked for.
    pub(super) fn fail_waiting(&self, kind: &Kind) {
        let waiting = std::mem::take(&mut self.lock().queue);
        for invocation in waiting {
            invocation.answer(kind.clone(), None);
        }
    }

    /// Ends what no process has asked for, and all that comes from now on.
    pub(super) fn end(&self, kind: &Kind) {
        self.lock().ended = Some(kind.clone());
        self.fail_waiting(kind);
    }

    pub(super) fn init_error(&self, timeout: Duration) -> Option<InitError> {
        self.wait(timeout, |state| state.init_error.clone())
    }

    pub(super) fn polls(&self) -> Polls {
        self.lock().polls
    }

    pub(super) fn wait_polls(&self, count: u64, timeout: Duration) -> Option<Polls> {
        self.wait(timeout, |state| (state.polls.count >= count).then_some(state.polls))
    }

    pub(super) fn record(&self, access: Access) {
        let mut state = self.lock();
        if state.access.len() == ACCESS_KEPT {
            state.access.pop_front();
        }
        state.access.push_back(access);
        self.changed.notify_all();
    }

    pub(super) fn wait_access(&self, wanted: impl Fn(&Access) -> bool, timeout: Duration) -> Option<Access> {
        self.wait(timeout, |state| state.access.iter().find(|access| wanted(access)).cloned())
    }

    pub(super) fn accesses(&self) -> Vec<Access> {
        self.lock().access.iter().cloned().collect()
    }

    /// The process has ended: what it worked on has failed, and so has what it never asked for if it never asked at all.
    pub(super) fn process_died(&self, status: &str, polls_before: u64) {
        let mut state = self.lock();
        // Nobody is behind these polls any more: they must not count against the next process.
        state.parked.clear();
        (state.process, state.quiet) = (None, None);
        let lost: Vec<_> = state.open.drain().map(|(_, open)| open.invocation).collect();
        let never_polled = state.polls.count == polls_before;
        let unasked = if never_polled { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        let init_error = state.own_init_error.take().filter(|_| never_polled);
        drop(state);
        let died = Kind::ProcessDied { status: status.to_owned() };
        for invocation in lost {
            invocation.answer(died.clone(), None);
        }
        for invocation in unasked {
            invocation.answer(init_error.clone().map_or_else(|| died.clone(), Kind::InitFailed), None);
        }
    }

    /// The server is gone: whoever still waits for an answer stops waiting.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let gone = (std::mem::take(&mut state.queue), std::mem::take(&mut state.open), std::mem::take(&mut state.parked));
        drop(state);
        drop(gone);
    }

    fn wait<T>(&self, timeout: Duration, mut found: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let end = until(timeout);
        let mut state = self.lock();
        loop {
            if let Some(value) = found(&mut state) {
                return Some(value);
            }
            let left = end.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Hands queued events to waiting polls, as long as there are both.
    fn match_up(&mut self) {
        while !self.queue.is_empty() {
            let Some(poll) = self.parked.pop_front() else { return };
            if poll.is_closed() {
                continue;
            }
            let Some(invocation) = self.queue.pop_front() else { return };
            let delivery = self.deliver(invocation);
            let cut = delivery.fault == Some(How::CloseInBody);
            // The poll's connection may have closed since the look at it: then the event is not lost but first in line again.
            if let Err(delivery) = poll.send(delivery)
                && let Some(open) = self.open.remove(&delivery.request_id)
            {
                self.queue.push_front(open.invocation);
            }
            if cut {
                return;
            }
        }
    }

    /// Takes note that an event is with the process now.
    fn deliver(&mut self, mut invocation: Invocation) -> Delivery {
        let fault = self.script.fire(Endpoint::Next, How::needs_event);
        let delivery = Delivery { request_id: invocation.request_id.clone(), event: invocation.event.clone(), fault };
        if delivery.fault == Some(How::CloseInBody) {
            self.queue.push_front(invocation);
        } else {
            let faulted = delivery.fault.is_some();
            invocation.delivered = Some(Instant::now());
            invocation.init = self.process.as_mut().and_then(|process| process.init.take());
            self.open.insert(delivery.request_id.clone(), Open { invocation, faulted });
        }
        delivery
    }
}

impl Invocation {
    fn answer(self, kind: Kind, invocation_id: Option<String>) {
        let Invocation { request_id, invoked, delivered, init, done, .. } = self;
        let ran = delivered.map(|delivered| delivered.elapsed()).unwrap_or_default();
        done(Answer { request_id, kind, elapsed: invoked.elapsed(), ran, init, invocation_id });
    }
}

/// An invocation whose answer is being read. Dropped before it is finished, the answer was truncated.
pub(super) struct Answering {
    shared: Arc<Shared>,
    invocation: Option<Invocation>,
    echoed: Option<String>,
}

impl Answering {
    /// When the event was sent.
    pub(super) fn invoked(&self) -> Instant {
        self.invocation.as_ref().map_or_else(Instant::now, |invocation| invocation.invoked)
    }

    /// Who wants a streamed reply as it comes.
    pub(super) fn live(&self) -> Option<Live> {
        self.invocation.as_ref()?.live.clone()
    }

    /// Notes the invocation id that the runtime sent back. Returns whether it is the one that it was given, if any.
    pub(super) fn echo(&mut self, echoed: Option<&str>) -> bool {
        let given = self.invocation.as_ref().and_then(|invocation| invocation.event.invocation_id.as_deref());
        let stale = echoed.is_some() && given.is_some() && echoed != given;
        self.echoed = echoed.map(str::to_owned);
        !stale
    }

    /// The invocation has ended like this.
    pub(super) fn finish(mut self, kind: Kind) {
        self.end(kind);
    }

    /// The invocation stays open; `faulted`: because of a scripted fault.
    pub(super) fn reopen(mut self, faulted: bool) {
        if let Some(invocation) = self.invocation.take() {
            let mut state = self.shared.lock();
            state.answering.remove(&invocation.request_id);
            state.open.insert(invocation.request_id.clone(), Open { invocation, faulted });
        }
    }

    fn end(&mut self, kind: Kind) {
        if let Some(invocation) = self.invocation.take() {
            self.shared.lock().answering.remove(&invocation.request_id);
            invocation.answer(kind, self.echoed.take());
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.end(Kind::Truncated);
    }
}
