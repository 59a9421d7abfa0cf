//! How far long work is, on standard error: a line that is overwritten on a terminal, else plain lines, a few seconds apart.
//!
//! Short work says nothing, and results never stand among it: they go to standard output.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// Work that takes less needs no word on a terminal.
const PATIENCE: Duration = Duration::from_millis(300);
/// And this much less in a log, where each line stays; also the least time between two of them.
const LOG_PATIENCE: Duration = Duration::from_secs(3);

/// The progress of one piece of work.
pub(super) struct Progress<W: Write> {
    out: W,
    terminal: bool,
    doing: &'static str,
    total: usize,
    done: usize,
    started: Duration,
    said: Option<Duration>,
}

/// Work on `total` things, told of on standard error; `quiet` where a program reads the output.
pub(super) fn of(doing: &'static str, total: usize, quiet: bool) -> Progress<Box<dyn Write + Send>> {
    let out: Box<dyn Write + Send> = if quiet { Box::new(io::sink()) } else { Box::new(io::stderr()) };
    Progress::new(out, io::stderr().is_terminal(), doing, total, now())
}

/// Since some moment of this process.
fn now() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

impl<W: Write> Progress<W> {
    fn new(out: W, terminal: bool, doing: &'static str, total: usize, now: Duration) -> Self {
        Progress { out, terminal, doing, total, done: 0, started: now, said: None }
    }

    /// The next thing begins.
    pub(super) fn next(&mut self, name: &str) {
        self.next_at(name, now());
    }

    fn next_at(&mut self, name: &str, now: Duration) {
        self.done += 1;
        let patience = if self.terminal { PATIENCE } else { LOG_PATIENCE };
        let since = self.said.filter(|_| !self.terminal).unwrap_or(self.started);
        if now.saturating_sub(since) < patience {
            return;
        }
        self.said = Some(now);
        // Nobody reads it: then nobody misses it.
        let _unread = if self.terminal {
            write!(self.out, "\r\u{1b}[K{} {} of {}: {name}", self.doing, self.done, self.total).and_then(|()| self.out.flush())
        } else {
            writeln!(self.out, "{} {} of {}: {name}", self.doing, self.done, self.total)
        };
    }
}

impl<W: Write> Drop for Progress<W> {
    /// Leaves a clean line to what comes next.
    fn drop(&mut self) {
        if self.terminal && self.said.is_some() {
            let _unread = write!(self.out, "\r\u{1b}[K").and_then(|()| self.out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written when each thing begins at its time, in milliseconds.
    fn written(terminal: bool, times: &[u64]) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, terminal, "checking", times.len(), Duration::from_millis(1000));
        for (index, time) in times.iter().enumerate() {
            progress.next_at(&format!("p{}", index + 1), Duration::from_millis(1000 + time));
        }
        drop(progress);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn short_work_says_nothing() {
        assert_eq!(written(true, &[0, 100, 299]), "");
        assert_eq!(written(false, &[0, 100, 2999]), "");
    }

    #[test]
    fn on_a_terminal_one_line_is_overwritten_and_gone_at_the_end() {
        let expected = "\r\u{1b}[Kchecking 2 of 3: p2\r\u{1b}[Kchecking 3 of 3: p3\r\u{1b}[K";
        assert_eq!(written(true, &[0, 300, 301]), expected);
    }

    #[test]
    fn in_a_log_lines_are_seconds_apart() {
        assert_eq!(written(false, &[0, 3000, 3001, 5999, 6000]), "checking 2 of 5: p2\nchecking 5 of 5: p5\n");
    }
}
