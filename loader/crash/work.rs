//! What each thread is doing, noted before it does it, for the one who may have to tell.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::invocation::Invocation;
use crate::log::Labels;
use crate::verify::Kind;

/// Code that may crash: a plugin or library, for as long as the process lives.
#[derive(Debug)]
pub struct Subject {
    kind: Kind,
    name: Box<str>,
    digest: Box<str>,
    handlers: Box<[String]>,
}

impl Subject {
    /// Of that name, with the first digits of its digest and a plugin's handlers by their numbers. Never freed: to be called once for
    /// each file that is loaded.
    #[must_use]
    pub fn leak(kind: Kind, name: &str, digest: &str, handlers: &[String]) -> &'static Self {
        Box::leak(Box::new(Subject { kind, name: name.into(), digest: digest.into(), handlers: handlers.into() }))
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// First digits of its digest.
    #[must_use]
    pub const fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) const fn is_plugin(&self) -> bool {
        matches!(self.kind, Kind::Plugin)
    }
}

/// What code of a plugin is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is loaded: constructors run, the interface is looked at.
    Load,
    /// Its `start`.
    Start,
    /// The handler of that number, or what it left to be polled or dropped.
    Handler(u32),
    /// Its hook for that phase of the process.
    Hook(lambda_plugin_abi_v1::Phase),
    /// A thread of its runtime runs what it spawned.
    Thread,
}

/// One call of a plugin's code.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    subject: &'static Subject,
    phase: Phase,
}

thread_local! {
    // Initialised in the program's image, without a destructor: reading them in a signal handler is reading memory.
    //
    // A [`Work`], as two words that are each written and read whole. Written in pieces and read at once, as in a `Cell<Option<Work>>`,
    // it has the processor wait for the pieces: 40 ns a call where calls follow each other closely.
    static SUBJECT: Cell<Option<&'static Subject>> = const { Cell::new(None) };
    static PHASE: Cell<u64> = const { Cell::new(0) };
    static SERVING: Cell<*const Invocation> = const { Cell::new(std::ptr::null()) };
}

impl Phase {
    /// In one word: which, and its number.
    const fn word(self) -> u64 {
        let (which, number) = match self {
            Phase::Load => (0, 0),
            Phase::Start => (1, 0),
            Phase::Handler(number) => (2, number),
            Phase::Hook(phase) => (3, phase as u32),
            Phase::Thread => (4, 0),
        };
        (number as u64) << 8 | which
    }

    /// What [`Phase::word`] makes, and nothing else, is read.
    const fn of_word(word: u64) -> Self {
        use lambda_plugin_abi_v1::Phase as Hook;
        let number = (word >> 8) as u32;
        match word & 0xff {
            0 => Phase::Load,
            1 => Phase::Start,
            2 => Phase::Handler(number),
            3 if number == Hook::Shutdown as u32 => Phase::Hook(Hook::Shutdown),
            3 if number == Hook::BeforeSnapshot as u32 => Phase::Hook(Hook::BeforeSnapshot),
            3 => Phase::Hook(Hook::AfterRestore),
            _ => Phase::Thread,
        }
    }
}

impl Work {
    /// A call of `subject`'s code.
    #[must_use]
    pub const fn new(subject: &'static Subject, phase: Phase) -> Self {
        Work { subject, phase }
    }

    /// Calls it: a crash of this thread in `call` is one of this work.
    pub fn run<T>(self, call: impl FnOnce() -> T) -> T {
        struct Restore(Option<&'static Subject>, u64);
        impl Drop for Restore {
            fn drop(&mut self) {
                SUBJECT.set(self.0);
                PHASE.set(self.1);
            }
        }
        let _restore = Restore(SUBJECT.replace(Some(self.subject)), PHASE.replace(self.phase.word()));
        call()
    }

    /// Makes it what this thread does from now on.
    pub(crate) fn settle(self) {
        SUBJECT.set(Some(self.subject));
        PHASE.set(self.phase.word());
    }

    /// What this thread does.
    pub(super) fn current() -> Option<Self> {
        SUBJECT.get().map(|subject| Work { subject, phase: Phase::of_word(PHASE.get()) })
    }

    pub(super) const fn subject(self) -> &'static Subject {
        self.subject
    }

    pub(super) const fn phase(self) -> Phase {
        self.phase
    }

    /// The handler's name.
    pub(super) fn handler(self) -> Option<&'static str> {
        match self.phase {
            Phase::Handler(number) => self.subject.handlers.get(usize::try_from(number).ok()?).map(String::as_str),
            _ => None,
        }
    }
}

/// While it lives, a crash of this thread belongs to that invocation.
#[derive(Debug)]
pub struct Serving {
    /// Keeps what [`SERVING`] points to, wherever this is moved and should it never be dropped.
    _share: Arc<Invocation>,
    /// Dropped on the thread that made it.
    _here: PhantomData<*const ()>,
}

impl Serving {
    /// From now on, on this thread. One at a time.
    #[must_use]
    pub fn begin(invocation: &Arc<Invocation>) -> Self {
        let serving = Serving { _share: Arc::clone(invocation), _here: PhantomData };
        SERVING.set(Arc::as_ptr(invocation));
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Before the share goes.
        SERVING.set(std::ptr::null());
    }
}

/// The labels of the invocation that this thread serves.
pub(super) fn serving<'a>() -> Option<Labels<'a>> {
    // SAFETY: null, or the address of an `Arc<Invocation>` of which a `Serving` holds a share: it sets the pointer after taking the
    // share, on this thread, to which it is bound, and clears it before it gives the share up.
    #[expect(unsafe_code, reason = "the signal handler cannot borrow from the frame that it interrupts")]
    let invocation = unsafe { SERVING.get().as_ref() };
    invocation.map(Invocation::labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_one_word() {
        use lambda_plugin_abi_v1::Phase as Hook;
        let hooks = [Hook::Shutdown, Hook::BeforeSnapshot, Hook::AfterRestore].map(Phase::Hook);
        let others = [Phase::Load, Phase::Start, Phase::Handler(0), Phase::Handler(7), Phase::Handler(u32::MAX), Phase::Thread];
        for phase in hooks.into_iter().chain(others) {
            assert_eq!(Phase::of_word(phase.word()), phase);
        }
    }

    #[test]
    fn work_is_what_it_was_after_calls_within_calls_and_panics() {
        let subject = Subject::leak(Kind::Plugin, "orders", "9f2c", &["first".into(), "second".into()]);
        let phase = || Work::current().map(Work::phase);
        assert_eq!(phase(), None);
        Work::new(subject, Phase::Start).run(|| {
            Work::new(subject, Phase::Handler(1)).run(|| {
                assert_eq!(Work::current().and_then(Work::handler), Some("second"));
            });
            assert_eq!(phase(), Some(Phase::Start));
            let panicked = std::panic::catch_unwind(|| Work::new(subject, Phase::Load).run(|| panic!("inside")));
            assert!(panicked.is_err());
            assert_eq!(phase(), Some(Phase::Start));
        });
        assert_eq!(phase(), None);
        assert_eq!(Work::new(subject, Phase::Handler(2)).handler(), None, "a number that it does not have");
    }
}
