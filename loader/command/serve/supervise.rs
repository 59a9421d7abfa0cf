//! The process under the local Lambda: started, killed when its time is up, started again.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::access::Printer;
use super::recent::Recent;
use super::signals::Order;
use super::stage::{Staged, Stager};
use super::watch::Watcher;
use crate::command::complain::visible;
use crate::local::{Bootstrap, Kind, Lambda, Tap};

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(10);

/// How long a start may take at least, as for Lambda
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>).
const INIT: Duration = Duration::from_secs(10);

/// How long a process may take at least to ask for its next event. Lambda counts this into the time of the event before; what waits
/// meanwhile goes to another process there, and here to the one that is started instead.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process that ended sooner is started again only when there is an event for it.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// What a process has beyond the function's timeout to end by itself.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Supervisor {
    pub(super) lambda: Arc<Lambda>,
    pub(super) program: PathBuf,
    /// The function's own variables.
    pub(super) variables: Vec<(String, String)>,
    pub(super) recent: Arc<Recent>,
    pub(super) printer: Printer,
    pub(super) timeout: Duration,
    pub(super) stager: Stager,
    pub(super) staged: Staged,
    pub(super) watcher: Option<Watcher>,
}

/// A process, and how often a poll had come before it.
struct Running {
    process: Bootstrap,
    polls_before: u64,
}

impl Supervisor {
    /// Keeps a process under the Lambda until it is told to stop.
    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        let mut running = self.start();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Order::Stop) => break,
                // Nobody is left who could say it.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            running = self.look_after(running);
            if self.watcher.as_mut().is_some_and(Watcher::changed)
                && let Some(old) = self.stage_again()
            {
                let stop = Cell::new(false);
                if let Some(running) = running {
                    self.end(running.process, || inbox.try_recv().is_ok() && stop.replace(true));
                }
                // Until now, a plugin of first use might have been loaded from it.
                old.remove();
                if stop.get() {
                    running = None;
                    break;
                }
                running = self.start();
            }
        }
        self.printer.note("ending: no further event is taken; once more to end at once");
        if let Some(running) = running {
            self.end(running.process, || inbox.try_recv().is_ok());
        }
        self.lambda.end(&Kind::ProcessDied { status: "the local Lambda ended".to_owned() });
        self.staged.remove();
    }

    /// Starts a process.
    fn start(&self) -> Option<Running> {
        let polls_before = self.lambda.polled().count;
        let mut variables = self.variables.clone();
        variables.push(("LOADER_MANIFEST".to_owned(), self.staged.manifest.display().to_string()));
        variables.push(("LOADER_MANIFEST_SHA256".to_owned(), self.staged.pin.to_string()));
        let recent = Arc::clone(&self.recent);
        let tap: Tap = Arc::new(move |line| {
            recent.add(&line.text);
            eprintln!("{}", visible(&line.text));
        });
        match Bootstrap::spawn_shown(&self.lambda, &self.program, &variables, tap) {
            Ok(process) => Some(Running { process, polls_before }),
            Err(error) => {
                let what = format!("{} cannot be started: {}", self.program.display(), error.to_string().to_lowercase());
                self.printer.note(&what);
                self.lambda.fail_waiting(&Kind::ProcessDied { status: what });
                None
            }
        }
    }

    /// Kills the process if its time is up, and starts another if it has ended and there is a reason to.
    fn look_after(&self, running: Option<Running>) -> Option<Running> {
        let Some(Running { process, polls_before }) = running else {
            return if self.lambda.waiting() > 0 { self.start() } else { None };
        };
        let asked = self.lambda.polled().count > polls_before;
        let most = INIT.max(self.timeout);
        if self.lambda.expire() {
            self.printer.note("an event's time is up: bootstrap is killed and started again");
            self.kill(process);
            return self.start();
        }
        if !asked && process.started().elapsed() > most {
            self.printer.note(&format!("bootstrap did not start within {} s: it is killed", most.as_secs()));
            self.lambda.fail_waiting(&Kind::TimedOut { after: most });
            self.kill(process);
            return None;
        }
        let patience = self.timeout.clamp(PATIENCE, INIT);
        if asked && self.lambda.quiet() > patience {
            let seconds = patience.as_secs_f64();
            self.printer
                .note(&format!("bootstrap did not ask for its next event within {seconds} s: it is killed and started again"));
            self.kill(process);
            return self.start();
        }
        let Some(status) = process.wait_exit(Duration::ZERO) else { return Some(Running { process, polls_before }) };
        let lived = process.started().elapsed();
        self.printer.note(&format!("bootstrap ended: {status}"));
        if self.lambda.waiting() > 0 || (asked && lived >= SHORT_LIFE) { self.start() } else { None }
    }

    fn kill(&self, process: Bootstrap) {
        process.kill();
        // Dropped, it is waited for: two processes must not be under one Lambda.
        drop(process);
    }

    /// Asks the process to end and waits until it has: what it has in hand is finished. `hurry`: no longer.
    fn end(&self, process: Bootstrap, hurry: impl Fn() -> bool) {
        process.terminate();
        let begun = Instant::now();
        while process.wait_exit(TICK).is_none() {
            if hurry() || self.lambda.expire() || begun.elapsed() > self.timeout + FAREWELL {
                process.kill();
            }
        }
    }

    /// Locks the files as they are now. Returns what ran before, where there is something new to run.
    fn stage_again(&mut self) -> Option<Staged> {
        match self.stager.again() {
            Ok(new) => {
                if let Some(watcher) = &mut self.watcher {
                    watcher.follow(&new.watched);
                }
                if new.pin == self.staged.pin {
                    new.remove();
                    return None;
                }
                let what = changed(&self.staged, &new);
                let old = std::mem::replace(&mut self.staged, new);
                self.printer.note(&format!("watch: {what}; starting again"));
                Some(old)
            }
            Err(refusal) => {
                self.printer.refused(&refusal);
                self.printer.note("watch: what ran before goes on");
                // What is missing may be a file that the manifest names only now.
                if let Some(watcher) = &mut self.watcher {
                    watcher.follow(&self.stager.sources());
                }
                None
            }
        }
    }
}

/// What is different, in words.
fn changed(old: &Staged, new: &Staged) -> String {
    let fresh = new.artifacts.iter().filter(|artifact| !old.artifacts.contains(artifact));
    let words: Vec<_> = fresh.map(|(name, digest)| format!("{name} is now {}", digest.prefix())).collect();
    if words.is_empty() { "the manifest changed".to_owned() } else { words.join(", ") }
}
