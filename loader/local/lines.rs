//! What a process writes, line by line, while it runs.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::until;

/// How many lines are kept.
const KEPT: usize = 10_000;

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line that a process wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub stream: Stream,
    /// When, since the process was started.
    pub at: Duration,
    /// The line, without its end; what is not UTF-8 in it is replaced.
    pub text: String,
}

/// Is shown every line as it comes. Runs on the thread that reads: it must be quick.
pub type Tap = Arc<dyn Fn(&Line) + Send + Sync>;

#[derive(Default)]
struct Collected {
    lines: VecDeque<Line>,
    /// Lines that were dropped because there were too many.
    dropped: usize,
    open: usize,
}

/// Lines that are being collected.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<(Mutex<Collected>, Condvar)>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects what `from` gives, on a thread of its own, until it ends.
    pub(super) fn collect(
        &self,
        stream: Stream,
        from: impl Read + Send + 'static,
        started: Instant,
        tap: Option<Tap>,
    ) -> std::io::Result<()> {
        let lines = self.clone();
        self.lock().open += 1;
        let spawned = thread::Builder::new().name("local-lambda-log".to_owned()).spawn(move || {
            let mut from = BufReader::new(from);
            let mut bytes = Vec::new();
            while matches!(from.read_until(b'\n', &mut bytes), Ok(1..)) {
                let text = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
                let line = Line { stream, at: started.elapsed(), text };
                if let Some(tap) = &tap {
                    tap(&line);
                }
                lines.add(line);
                bytes.clear();
            }
            lines.end();
        });
        if spawned.is_err() {
            self.end();
        }
        spawned.map(drop)
    }

    fn add(&self, line: Line) {
        let mut collected = self.lock();
        if collected.lines.len() == KEPT {
            collected.lines.pop_front();
            collected.dropped += 1;
        }
        collected.lines.push_back(line);
        self.0.1.notify_all();
    }

    fn end(&self) {
        self.lock().open -= 1;
        self.0.1.notify_all();
    }

    pub(super) fn all(&self) -> Vec<Line> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Waits for a line, one of those already there among them.
    pub(super) fn wait_for(&self, wanted: impl Fn(&str) -> bool, timeout: Duration) -> Option<Line> {
        let end = until(timeout);
        let mut seen = 0;
        let mut collected = self.lock();
        loop {
            let skip = usize::saturating_sub(seen, collected.dropped);
            if let Some(line) = collected.lines.iter().skip(skip).find(|line| wanted(&line.text)) {
                return Some(line.clone());
            }
            seen = collected.dropped + collected.lines.len();
            if collected.open == 0 {
                return None;
            }
            let left = end.checked_duration_since(Instant::now())?;
            collected = self.0.1.wait_timeout(collected, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until everything has been read. `false`: something is still open, a process of the process for one.
    pub(super) fn wait_end(&self, timeout: Duration) -> bool {
        let end = until(timeout);
        let mut collected = self.lock();
        while collected.open > 0 {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            collected = self.0.1.wait_timeout(collected, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn read(text: &'static [u8]) -> Lines {
        let lines = Lines::default();
        lines.collect(Stream::Out, text, Instant::now(), None).unwrap();
        assert!(lines.wait_end(SOON));
        lines
    }

    #[test]
    fn lines_are_kept_without_their_ends_and_survive_what_is_not_text() {
        let check = |text, expected: &[&str]| {
            assert_eq!(read(text).all().into_iter().map(|line| line.text).collect::<Vec<_>>(), expected);
        };
        check(b"", &[]);
        check(b"one\ntwo\r\n", &["one", "two"]);
        check(b"\nno end", &["", "no end"]);
        check(b"a\xffb\n", &["a\u{fffd}b"]);
    }

    #[test]
    fn waiting_for_a_line_ends_when_the_output_does() {
        let lines = read(b"one\ntwo\n");
        assert_eq!(lines.wait_for(|line| line == "two", SOON).map(|line| line.text).as_deref(), Some("two"));
        assert_eq!(lines.wait_for(|line| line == "three", SOON), None);
    }

    #[test]
    fn a_flood_of_lines_drops_the_oldest() {
        let lines = Lines::default();
        let flood: String = (0..KEPT + 5).map(|number| format!("{number}\n")).collect();
        lines.collect(Stream::Err, std::io::Cursor::new(flood), Instant::now(), None).unwrap();
        assert!(lines.wait_end(SOON));
        let all = lines.all();
        assert_eq!((all.len(), all[0].text.as_str()), (KEPT, "5"));
    }
}
