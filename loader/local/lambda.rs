//! The handle of a local Lambda.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::state::Shared;
use super::{Access, Answer, Deadline, Event, Fault, InitError, Kind, Pending, Piece, Polls, environment, memory, server};

/// What a local Lambda says of itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the Runtime API listens; port 0: any free one.
    pub address: SocketAddr,
    /// The function's name.
    pub function_name: String,
    /// The function's version.
    pub function_version: String,
    /// Its memory, in MB.
    pub memory_mb: u32,
    /// The region.
    pub region: String,
    /// `LAMBDA_TASK_ROOT`; the process's working directory where it exists.
    pub task_root: PathBuf,
    /// How long the function has for an event that does not say otherwise.
    pub timeout: Duration,
    /// What the deadline header says for an event that does not say otherwise.
    pub deadline: Deadline,
    /// How many events the process may have open at once; above 1 it is told so by `AWS_LAMBDA_MAX_CONCURRENCY`. A call of `next`
    /// beyond it is answered with 403, as by the service.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            function_name: "local".to_owned(),
            function_version: "$LATEST".to_owned(),
            memory_mb: 128,
            region: "us-east-1".to_owned(),
            task_root: PathBuf::from("/var/task"),
            timeout: Duration::from_secs(30),
            deadline: Deadline::Real,
            concurrency: 1,
        }
    }
}

impl Options {
    /// The function's ARN.
    #[must_use]
    pub fn function_arn(&self) -> String {
        format!("arn:aws:lambda:{}:123456789012:function:{}", self.region, self.function_name)
    }
}

/// A local Lambda: a Runtime API server on a thread of its own. Dropping it stops the server.
pub struct Lambda {
    pub(super) shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lambda {
    /// Starts the server.
    ///
    /// # Errors
    /// The address is taken, or the system has no thread or descriptor left.
    pub fn start(options: Options) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = oneshot::channel();
        let (address, thread) = server::start(Arc::clone(&shared), stopped)?;
        Ok(Lambda { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the Runtime API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was started with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// All variables that Lambda gives to a process, and no others.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment::variables(&self.shared.options, self.address)
    }

    /// Sends an event: at once to a process that waits for one, else to the next that asks.
    pub fn invoke(&self, event: impl Into<Event>) -> Pending {
        let (sender, answer) = std::sync::mpsc::sync_channel(1);
        // Nobody waits any more: then nobody misses the answer.
        let request_id = self.shared.invoke(event.into(), None, Box::new(move |answer| drop(sender.try_send(answer))));
        Pending { request_id, answer }
    }

    /// Sends an event and has `done` called with the answer, on the server's thread: for callers that are asynchronous themselves.
    /// `done` must be quick; it is dropped uncalled when the server stops. Returns the request id.
    pub fn invoke_with(&self, event: impl Into<Event>, done: impl FnOnce(Answer) + Send + 'static) -> String {
        self.shared.invoke(event.into(), None, Box::new(done))
    }

    /// As [`invoke_with`](Self::invoke_with); a streamed reply also goes to `live`, piece by piece as it comes.
    pub fn invoke_live(
        &self,
        event: impl Into<Event>,
        live: mpsc::UnboundedSender<Piece>,
        done: impl FnOnce(Answer) + Send + 'static,
    ) -> String {
        self.shared.invoke(event.into(), Some(live), Box::new(done))
    }

    /// How many events no process has asked for yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Answers what the process has had for longer than its timeout with [`Kind::TimedOut`], and returns whether there was any: then
    /// the caller kills the process, as Lambda does. Nothing calls this by itself.
    #[must_use]
    pub fn expire(&self) -> bool {
        self.shared.expire()
    }

    /// Answers all events that no process has asked for.
    pub fn fail_waiting(&self, kind: &Kind) {
        self.shared.fail_waiting(kind);
    }

    /// Answers all events that no process has asked for, and from now on every further one.
    pub fn end(&self, kind: &Kind) {
        self.shared.end(kind);
    }

    /// For how long the process has neither had an event nor asked for one: as far as this was called, so call it often. A runtime
    /// asks for the next event as soon as it has answered one.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        self.shared.quiet()
    }

    /// The most memory that the process has had resident so far, in bytes; `None`: no process runs.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        memory::peak(self.shared.pid()?).ok()
    }

    /// The first start error that was reported, or `None` if there is none within `timeout`.
    #[must_use]
    pub fn init_error(&self, timeout: Duration) -> Option<InitError> {
        self.shared.init_error(timeout)
    }

    /// The calls of `next` so far.
    #[must_use]
    pub fn polled(&self) -> Polls {
        self.shared.polls()
    }

    /// Waits until `next` has been called `count` times since the server's start.
    #[must_use]
    pub fn wait_polled(&self, count: u64, timeout: Duration) -> Option<Polls> {
        self.shared.wait_polls(count, timeout)
    }

    /// Orders a misbehaviour.
    pub fn fault(&self, fault: Fault) {
        self.shared.add_fault(fault);
    }

    /// Whether every fault that was ordered has fired.
    #[must_use]
    pub fn faults_done(&self) -> bool {
        self.shared.faults_done()
    }

    /// What was asked of the Runtime API and answered, oldest first; the last 1,024 requests.
    #[must_use]
    pub fn accesses(&self) -> Vec<Access> {
        self.shared.accesses()
    }

    /// Waits for a request that `wanted` accepts, one of those already answered among them.
    #[must_use]
    pub fn wait_access(&self, wanted: impl Fn(&Access) -> bool, timeout: Duration) -> Option<Access> {
        self.shared.wait_access(wanted, timeout)
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        // Fails only if the thread has ended already.
        let _stopping = self.stop.take().map(|stop| stop.send(()));
        let _stopped = self.thread.take().map(JoinHandle::join);
        self.shared.close();
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lambda").field("address", &self.address).finish_non_exhaustive()
    }
}
