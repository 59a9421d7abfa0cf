//! Answers for handlers that block their thread past the deadline.
//!
//! An async handler is dropped on time by its own slot. A handler that holds its thread cannot be, so a thread that runs no plugin
//! code watches: it and the slot compare-and-swap one state an invocation, and whoever wins answers. When the watchdog wins, it posts
//! the error, no further event is polled, the other invocations in flight finish, and the process ends, so that Lambda starts a fresh
//! environment: the blocked handler may not go on beside the next event.
//!
//! An invocation costs no system call here: the watchdog's thread is woken only where the new limit comes before the time at which
//! it would look anyway.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::invocation::Invocation;

/// No invocation: the slot waits for one.
const IDLE: u64 = 0;
/// An invocation that nobody has answered.
const RUNNING: u64 = 1;
/// An invocation that the watchdog answers.
const TAKEN: u64 = 2;
/// An invocation whose answer its slot is sending.
const ANSWERING: u64 = 3;
/// The low bits of a state are one of the above, the rest counts invocations.
const PHASE: u64 = 3;

const NEVER: u64 = u64::MAX;

/// Tells slots to take no further event.
#[derive(Debug, Default)]
pub struct Drain {
    draining: AtomicBool,
    changed: tokio::sync::Notify,
}

impl Drain {
    /// From now on.
    pub fn begin(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Whether it has begun.
    pub fn begun(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits until it has begun.
    pub async fn wait(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that a change between the two is not missed.
            changed.as_mut().enable();
            if self.begun() {
                return;
            }
            changed.await;
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    state: AtomicU64,
    /// Nanoseconds since `Shared::epoch`.
    limit: AtomicU64,
    /// When Lambda ends the invocation, in nanoseconds since `Shared::epoch`; an answer that takes longer finds nobody.
    over: AtomicU64,
    /// Whether an event may be on its way to the slot.
    polling: AtomicBool,
    invocation: Mutex<Option<Arc<Invocation>>>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    /// When the watchdog will look next, in nanoseconds since `epoch`.
    planned: AtomicU64,
    thread: OnceLock<Thread>,
    slots: Vec<Slot>,
}

impl Shared {
    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(NEVER - 1)
    }

    /// Wakes the watchdog's thread where it would look too late for a limit just stored: either its second look sees the slot, or this
    /// sees what it plans.
    fn wake_for(&self, limit: u64) {
        if limit < self.planned.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// Watches all slots.
#[derive(Clone, Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
}

/// One invocation under watch. Whoever gets `true` from [`Watched::claim`] answers it, and drops this once the answer is sent: the
/// process does not end before.
#[derive(Debug)]
pub struct Watched {
    shared: Arc<Shared>,
    slot: usize,
    state: u64,
}

impl Watchdog {
    /// A watchdog over that many slots, not yet watching.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        let shared = Shared { epoch: Instant::now(), planned: AtomicU64::new(NEVER), thread: OnceLock::new(), slots };
        Watchdog { shared: Arc::new(shared) }
    }

    /// Starts the thread. `answer` posts the error of an invocation past its limit; once every other slot is idle or past its limit
    /// too, `end` ends the process.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        &self,
        drain: Arc<Drain>,
        answer: impl Fn(&Arc<Invocation>) + Send + 'static,
        end: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn(move || {
            crate::crash::watch_thread();
            watch(&shared, &drain, &answer);
            end();
        })?;
        let _ = self.shared.thread.set(thread.thread().clone());
        Ok(())
    }

    /// Says whether an event may be on its way to `slot`: from before it asks for one until it has it under watch, or will not get one.
    pub fn polling(&self, slot: usize, polling: bool) {
        if let Some(slot) = self.shared.slots.get(slot) {
            slot.polling.store(polling, Ordering::SeqCst);
        }
    }

    /// Puts an invocation of `slot` under watch until `limit`; without one it is never taken.
    ///
    /// `slot` must be one of those the watchdog was made for; for any other the invocation is not watched.
    #[must_use]
    pub fn begin(&self, slot: usize, invocation: &Arc<Invocation>, limit: Option<Instant>) -> Watched {
        let Some(watched) = self.shared.slots.get(slot) else {
            return Watched { shared: Arc::clone(&self.shared), slot, state: 0 };
        };
        let limit = limit.map_or(NEVER, |limit| self.shared.nanos(limit));
        *watched.invocation.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(invocation));
        watched.limit.store(limit, Ordering::SeqCst);
        let over = invocation.deadline().end.map_or(NEVER, |end| self.shared.nanos(end));
        watched.over.store(over, Ordering::SeqCst);
        let state = (watched.state.load(Ordering::SeqCst) & !PHASE) + PHASE + 1 + RUNNING;
        watched.state.store(state, Ordering::SeqCst);
        self.shared.wake_for(limit);
        Watched { shared: Arc::clone(&self.shared), slot, state }
    }
}

impl Watched {
    /// Changes the limit of the watch. `false`: the watchdog was faster, and answers; nothing more may be done for this invocation.
    #[must_use]
    pub fn watch_until(&mut self, limit: Option<Instant>) -> bool {
        let Some(slot) = self.shared.slots.get(self.slot) else { return true };
        let limit = limit.map_or(NEVER, |limit| self.shared.nanos(limit));
        slot.limit.store(limit, Ordering::SeqCst);
        // A new state: where the watchdog has found the old limit over and not acted on it yet, either this change counts or its own.
        let state = (self.state & !PHASE) + PHASE + 1 + RUNNING;
        if slot.state.compare_exchange(self.state, state, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return false;
        }
        self.state = state;
        self.shared.wake_for(limit);
        true
    }

    /// Ends the watch. `false`: the watchdog was faster, and answers; nothing more may be done for this invocation.
    #[must_use]
    pub fn claim(&self) -> bool {
        self.change(self.state, ANSWERING)
    }

    fn change(&self, from: u64, phase: u64) -> bool {
        let Some(slot) = self.shared.slots.get(self.slot) else { return true };
        slot.state.compare_exchange(from, (self.state & !PHASE) + phase, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Fails where it was never claimed: then the watchdog has it, or will.
        let _idle = self.change((self.state & !PHASE) + ANSWERING, IDLE);
    }
}

fn watch(shared: &Shared, drain: &Drain, answer: &impl Fn(&Arc<Invocation>)) {
    let mut taken = false;
    loop {
        let now = shared.nanos(Instant::now());
        let mut earliest = NEVER;
        let mut busy = false;
        for slot in &shared.slots {
            // Before its state: what is no longer on its way is under watch by then.
            busy |= slot.polling.load(Ordering::SeqCst);
            let state = slot.state.load(Ordering::SeqCst);
            match state & PHASE {
                RUNNING => {}
                ANSWERING => {
                    // For as long as the service listens to it.
                    let over = slot.over.load(Ordering::SeqCst);
                    busy |= over == NEVER || over > now;
                    continue;
                }
                _ => continue,
            }
            let limit = slot.limit.load(Ordering::SeqCst);
            if limit > now {
                busy = true;
                earliest = earliest.min(limit);
            } else if slot.state.compare_exchange(state, (state & !PHASE) + TAKEN, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                taken = true;
                drain.begin();
                let invocation = slot.invocation.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(invocation) = invocation {
                    invocation.take();
                    answer(&invocation);
                }
            } else {
                // Answered meanwhile; perhaps the next one is running already.
                busy = true;
                earliest = now;
            }
        }
        if taken && !busy {
            return;
        }
        if taken {
            // The others are few and about to finish; their ends do not wake this thread.
            std::thread::sleep(Duration::from_millis(2));
            continue;
        }
        shared.planned.store(earliest, Ordering::SeqCst);
        let missed = shared
            .slots
            .iter()
            .any(|slot| slot.state.load(Ordering::SeqCst) & PHASE == RUNNING && slot.limit.load(Ordering::SeqCst) < earliest);
        if missed {
            continue;
        }
        match earliest {
            NEVER => std::thread::park(),
            limit => std::thread::park_timeout(Duration::from_nanos(limit.saturating_sub(now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Deadline;
    use http::HeaderMap;
    use std::sync::mpsc;

    fn invocation() -> Arc<Invocation> {
        Invocation::new(HeaderMap::new(), Deadline::default())
    }

    fn started(slots: usize) -> (Watchdog, Arc<Drain>, mpsc::Receiver<&'static str>) {
        let (watchdog, drain, (sender, receiver)) = (Watchdog::new(slots), Arc::new(Drain::default()), mpsc::channel());
        let ended = sender.clone();
        watchdog
            .start(Arc::clone(&drain), move |_| sender.send("answered").unwrap(), move || ended.send("ended").unwrap())
            .unwrap();
        (watchdog, drain, receiver)
    }

    #[test]
    fn a_handler_that_finishes_in_time_answers_itself_however_many_come() {
        let (watchdog, drain, answers) = started(1);
        let invocation = invocation();
        for round in 0..20_000 {
            // Limits both nearer and further than what is planned.
            let limit = Instant::now() + Duration::from_millis(if round % 2 == 0 { 5_000 } else { 50_000 });
            assert!(watchdog.begin(0, &invocation, Some(limit)).claim());
        }
        assert!(!drain.begun());
        assert!(answers.try_recv().is_err());
    }

    #[test]
    fn a_handler_past_its_limit_is_answered_for_once_and_may_not_answer_any_more() {
        let (watchdog, drain, answers) = started(1);
        let watched = watchdog.begin(0, &invocation(), Some(Instant::now() + Duration::from_millis(20)));
        assert_eq!(answers.recv(), Ok("answered"));
        assert_eq!(answers.recv(), Ok("ended"));
        assert!(drain.begun());
        assert!(!watched.claim());
        assert!(answers.recv().is_err(), "answered twice");
    }

    #[test]
    fn other_invocations_in_flight_finish_before_the_end() {
        let (watchdog, drain, answers) = started(2);
        let other = watchdog.begin(1, &invocation(), Some(Instant::now() + Duration::from_secs(60)));
        let blocked = watchdog.begin(0, &invocation(), Some(Instant::now() + Duration::from_millis(10)));
        assert_eq!(answers.recv(), Ok("answered"));
        assert!(drain.begun() && !blocked.claim());
        assert!(answers.recv_timeout(Duration::from_millis(50)).is_err(), "did not wait for the other");
        assert!(other.claim());
        assert!(answers.recv_timeout(Duration::from_millis(50)).is_err(), "did not wait for the other's answer to be sent");
        drop(other);
        assert_eq!(answers.recv(), Ok("ended"));
    }

    #[test]
    fn an_event_on_its_way_to_an_idle_slot_is_waited_for() {
        let (watchdog, _drain, answers) = started(2);
        watchdog.polling(1, true);
        let _blocked = watchdog.begin(0, &invocation(), Some(Instant::now() + Duration::from_millis(10)));
        assert_eq!(answers.recv(), Ok("answered"));
        assert!(answers.recv_timeout(Duration::from_millis(50)).is_err(), "did not wait for the event");
        let arrived = watchdog.begin(1, &invocation(), Some(Instant::now() + Duration::from_secs(60)));
        watchdog.polling(1, false);
        assert!(answers.recv_timeout(Duration::from_millis(50)).is_err(), "did not wait for its handler");
        assert!(arrived.claim());
        drop(arrived);
        assert_eq!(answers.recv(), Ok("ended"));
    }

    #[test]
    fn an_answer_that_nobody_listens_to_any_more_is_not_waited_for() {
        let (watchdog, _drain, answers) = started(2);
        let end = Some(Instant::now() + Duration::from_millis(30));
        let late = Invocation::new(HeaderMap::new(), Deadline { end, ..Deadline::default() });
        let answering = watchdog.begin(1, &late, None);
        assert!(answering.claim());
        let _blocked = watchdog.begin(0, &invocation(), Some(Instant::now()));
        assert_eq!(answers.recv(), Ok("answered"));
        assert_eq!(answers.recv(), Ok("ended"));
        drop(answering);
    }

    #[test]
    fn without_a_deadline_nothing_is_ever_taken() {
        let (watchdog, _drain, answers) = started(1);
        let watched = watchdog.begin(0, &invocation(), None);
        assert!(answers.recv_timeout(Duration::from_millis(50)).is_err());
        assert!(watched.claim());
    }

    #[test]
    fn claim_and_watchdog_never_both_answer() {
        // Ends as close to the limit as can be; whoever wins, exactly one answers.
        for _ in 0..50 {
            let (watchdog, _drain, answers) = started(1);
            let limit = Instant::now() + Duration::from_micros(300);
            let watched = watchdog.begin(0, &invocation(), Some(limit));
            while Instant::now() < limit {
                std::hint::spin_loop();
            }
            let mine = watched.claim();
            assert_ne!(mine, answers.recv_timeout(Duration::from_millis(if mine { 5 } else { 5_000 })).is_ok());
        }
    }

    #[test]
    fn a_limit_moves_both_ways_until_the_watchdog_has_acted_on_it() {
        let (watchdog, _drain, answers) = started(1);
        let soon = || Some(Instant::now() + Duration::from_millis(500));
        let far = Some(Instant::now() + Duration::from_secs(60));
        let mut watched = watchdog.begin(0, &invocation(), far);
        assert!(watched.watch_until(soon()) && watched.watch_until(far));
        assert!(answers.recv_timeout(Duration::from_millis(700)).is_err());
        assert!(watched.watch_until(soon()));
        assert_eq!(answers.recv(), Ok("answered"));
        assert!(!watched.watch_until(far) && !watched.claim());
    }
}
