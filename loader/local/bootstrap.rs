//! The process under a local Lambda.

use std::fmt;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::lines::Lines;
use super::state::Shared;
use super::{Lambda, Line, Memory, Stream, Tap, until};

/// A process that runs under a local Lambda, with Lambda's environment and no other. Dropping it kills the process.
///
/// One at a time for one [`Lambda`]: what the process leaves open when it ends is answered with
/// [`Kind::ProcessDied`](super::Kind::ProcessDied).
pub struct Bootstrap {
    pid: u32,
    started: Instant,
    lines: Lines,
    process: Arc<Process>,
}

struct Process {
    state: Mutex<(Child, Option<ExitStatus>)>,
    ended: Condvar,
}

impl Process {
    fn lock(&self) -> MutexGuard<'_, (Child, Option<ExitStatus>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bootstrap {
    /// Starts `program` with the variables of [`Lambda::environment`] and `extras`, which win.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(lambda: &Lambda, program: &Path, extras: &[(&str, &str)]) -> io::Result<Self> {
        Self::run(lambda, Command::new(program), extras.iter().copied(), None)
    }

    /// The same, with each line that it writes shown to `tap`, and in a process group of its own: a Ctrl-C in the terminal is the
    /// caller's to pass on.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn_shown(lambda: &Lambda, program: &Path, extras: &[(String, String)], tap: Tap) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.process_group(0);
        Self::run(lambda, command, extras.iter().map(|(name, value)| (name.as_str(), value.as_str())), Some(tap))
    }

    fn run<'e>(
        lambda: &Lambda,
        mut command: Command,
        extras: impl Iterator<Item = (&'e str, &'e str)>,
        tap: Option<Tap>,
    ) -> io::Result<Self> {
        command.env_clear().envs(lambda.environment()).envs(extras);
        let task_root = &lambda.options().task_root;
        if task_root.is_dir() {
            command.current_dir(task_root);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let polls_before = lambda.polled().count;
        let started = Instant::now();
        let mut child = command.spawn()?;
        let (pid, out, err) = (child.id(), child.stdout.take(), child.stderr.take());
        lambda.shared.process_started(pid, started);
        let process = Arc::new(Process { state: Mutex::new((child, None)), ended: Condvar::new() });
        let bootstrap = Bootstrap { pid, started, lines: Lines::default(), process };
        if let Some(out) = out {
            bootstrap.lines.collect(Stream::Out, out, started, tap.clone())?;
        }
        if let Some(err) = err {
            bootstrap.lines.collect(Stream::Err, err, started, tap)?;
        }
        let (process, shared) = (Arc::clone(&bootstrap.process), Arc::clone(&lambda.shared));
        thread::Builder::new()
            .name("local-lambda-process".to_owned())
            .spawn(move || watch(pid, &process, &shared, polls_before))?;
        Ok(bootstrap)
    }

    /// When it was started: just before the process was made.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written so far, oldest first; the last 10,000 lines.
    #[must_use]
    pub fn logs(&self) -> Vec<Line> {
        self.lines.all()
    }

    /// The first line that `wanted` accepts, whether it is there already or still to come; `None` if none comes within `timeout`, or
    /// before the process closes its output.
    #[must_use]
    pub fn wait_for_line(&self, wanted: impl Fn(&str) -> bool, timeout: Duration) -> Option<Line> {
        self.lines.wait_for(wanted, timeout)
    }

    /// How it ended; `None` if it still runs after `timeout`. All that it wrote is in [`logs`](Self::logs) then.
    #[must_use]
    pub fn wait_exit(&self, timeout: Duration) -> Option<ExitStatus> {
        let end = until(timeout);
        let mut state = self.process.lock();
        let status = loop {
            if let Some(status) = state.1 {
                break status;
            }
            let left = end.checked_duration_since(Instant::now())?;
            state = self.process.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(state);
        // A process that it has started itself may hold the output open for ever.
        let _all = self.lines.wait_end(Duration::from_secs(1));
        Some(status)
    }

    /// Ends it by SIGKILL, as Lambda does when the time is up. Does nothing if it has ended.
    pub fn kill(&self) {
        // Fails only if it has ended.
        drop(self.process.lock().0.kill());
    }

    /// Asks it to end by SIGTERM, as Lambda does at shutdown when an extension is registered. Does nothing if it has ended.
    pub fn terminate(&self) {
        let state = self.process.lock();
        // Not reaped yet: the number is still that of this process.
        if state.1.is_none()
            && let Some(pid) = pid(self.pid)
        {
            let _unneeded = kill_process(pid, Signal::TERM);
        }
    }

    /// Its resident memory.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> io::Result<Memory> {
        Memory::of(self.pid)
    }
}

impl Drop for Bootstrap {
    fn drop(&mut self) {
        self.kill();
        // The watcher must have told the Lambda before another process starts under it.
        let _status = self.wait_exit(Duration::from_secs(10));
    }
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bootstrap").field("pid", &self.pid).finish_non_exhaustive()
    }
}

fn pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Waits for the end without holding the lock, so that the process can be killed meanwhile; reaps it under the lock, so that no
/// signal ever goes to a number that has been given away.
fn watch(id: u32, process: &Process, shared: &Shared, polls_before: u64) {
    if let Some(pid) = pid(id) {
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
    }
    let mut state = process.lock();
    let status = state.0.wait();
    let text = status.as_ref().map_or_else(|error| format!("unknown: {}", error.kind()), ExitStatus::to_string);
    shared.process_died(&text, polls_before);
    // Where even the kernel cannot say, it was no success.
    state.1 = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(1 << 8)));
    process.ended.notify_all();
}
