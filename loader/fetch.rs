//! Objects of S3 to bytes, before any of them is looked at: a manifest and its signature, settings, and what the plan has in S3.
//!
//! Who may fetch holds a [`Connect`]: a value that `bootstrap-s3` and the tool hand over and `bootstrap` does not have, so that nothing
//! of the SDK is linked into it. What is fetched is held to what holds for files: of bounded size, sealed, hashed over the sealed
//! bytes, and never on a disk.

pub mod budget;
mod contents;
mod late;
mod manifest;
#[cfg(feature = "s3")]
pub mod s3;

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub use budget::Budget;
#[cfg(feature = "tool")]
pub(crate) use contents::Extent;
pub use contents::{Contents, of_plan};
pub(crate) use contents::{SETTINGS, fetched};
pub use late::late;
pub use manifest::{manifest, signature_uri};

use crate::policy::{Artifact, Source};
use crate::verify::Content;
use crate::{Code, Refusal};

/// How much may be fetched at once and held, in bytes; each object is at most [`LARGEST`](crate::verify::open::LARGEST).
pub const LARGEST_TOGETHER: u64 = 1 << 30;

/// Makes ready for fetching within a budget; nothing is asked yet.
pub type Connect = fn(Budget) -> Result<Box<dyn Session>, Refusal>;

/// An object to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// For messages: `plugin "orders"`.
    pub place: &'w str,
    /// `s3://bucket/key?versionId=…`
    pub uri: &'w str,
    /// What its bytes become.
    pub form: Form,
}

/// What an object's bytes become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A sealed memory file, to be mapped.
    Sealed,
    /// A buffer, to be parsed, of at most that many bytes.
    Buffer(u64),
}

/// The bytes of an object.
#[derive(Debug)]
pub enum Body {
    /// For [`Form::Sealed`].
    Sealed(Content),
    /// For [`Form::Buffer`].
    Buffer(Vec<u8>),
}

/// Takes what became of an object, by its index; [`ControlFlow::Break`] gives up the others.
pub type Each<'e> = dyn FnMut(usize, Result<Body, Refusal>) -> ControlFlow<()> + 'e;

/// Something that fetches. Dropping it leaves its threads to end by themselves.
pub trait Session: fmt::Debug {
    /// Fetches several objects at once and hands them over in their order.
    fn fetch(&mut self, wanted: &[Wanted<'_>], each: &mut Each<'_>);

    /// Ends it, and waits for its threads as far as the budget lasts.
    fn close(self: Box<Self>);
}

/// Fetches within one budget, and has not begun before the first object is wanted.
#[derive(Debug)]
pub struct Store {
    connect: Option<Connect>,
    budget: Budget,
    session: Option<Box<dyn Session>>,
}

impl Store {
    /// `connect`: `None` in a program without S3.
    #[must_use]
    pub fn new(connect: Option<Connect>, budget: Budget) -> Self {
        Store { connect, budget, session: None }
    }

    /// Fetches several objects at once and hands them over in their order.
    ///
    /// # Errors
    /// `remote-not-built`; what becomes of single objects goes to `each`.
    pub fn each(&mut self, wanted: &[Wanted<'_>], each: &mut Each<'_>) -> Result<(), Refusal> {
        let Some(first) = wanted.first() else { return Ok(()) };
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.connect.ok_or_else(|| not_built(first))?(self.budget)?),
        };
        session.fetch(wanted, each);
        Ok(())
    }

    /// Ends the session, and waits until its threads are gone: a thread that was joined may stand in `/proc/self/task` a moment longer.
    pub fn close(self) {
        let Some(session) = self.session else { return };
        session.close();
        let end = Instant::now() + self.budget.left().min(Duration::from_secs(1));
        while threads() > 1 && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// What can be said of an artifact before it is fetched: that this program can.
///
/// # Errors
/// `remote-not-built`.
pub fn expected(artifact: &Artifact, connect: Option<Connect>) -> Result<(), Refusal> {
    match (&artifact.source, connect) {
        (Source::S3 { uri }, None) => Err(not_built(&Wanted { place: &artifact.place, uri, form: Form::Sealed })),
        _ => Ok(()),
    }
}

fn not_built(wanted: &Wanted<'_>) -> Refusal {
    Refusal::new(Code::RemoteNotBuilt, wanted.place, format!("{} cannot be fetched: there is no S3 in this program", wanted.uri))
        .hint("use bootstrap-s3 for bootstrap, as lambda-loader package does, or a lambda-loader that was built with the feature s3")
}
