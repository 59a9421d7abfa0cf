//! What the process wrote of late, for the log tail of an invocation.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many lines are kept.
const KEPT: usize = 10_000;

/// The most bytes of a log tail, as the service has it.
pub(super) const TAIL: usize = 4096;

/// How long the log has to be silent before it counts as read: it comes through a pipe, and the answer past it.
const SILENT: Duration = Duration::from_millis(20);

/// How long that may take at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many invocations are remembered.
const KNOWN: usize = 64;

#[derive(Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: VecDeque<(Instant, String)>,
    /// Invocations that were answered of late.
    answered: VecDeque<String>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, line: &str) {
        let lines = &mut self.lock().lines;
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back((Instant::now(), line.to_owned()));
    }

    /// An invocation was answered: what names it belongs to no other.
    pub(super) fn answered(&self, request_id: &str) {
        let answered = &mut self.lock().answered;
        if answered.len() == KNOWN {
            answered.pop_front();
        }
        answered.push_back(request_id.to_owned());
    }

    /// When the last line came.
    fn last(&self) -> Option<Instant> {
        self.lock().lines.back().map(|(at, _)| *at)
    }

    /// Waits until the log is silent.
    pub(super) async fn settle(&self) {
        let begun = Instant::now();
        let mut silent_since = begun;
        let mut last = self.last();
        while silent_since.elapsed() < SILENT && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = self.last();
            if now != last {
                (last, silent_since) = (now, Instant::now());
            }
        }
    }

    /// The lines since `from` of the invocation `id`: those that name it, and where it has the process to itself (`alone`) those
    /// that name no other. The process still logs about an answer when the next event is on its way.
    pub(super) fn lines(&self, from: Instant, id: &str, alone: bool) -> String {
        let kept = self.lock();
        let foreign = |line: &str| kept.answered.iter().any(|other| other != id && line.contains(other.as_str()));
        let mine = |line: &str| line.contains(id) || (alone && !foreign(line));
        let lines = kept.lines.iter().filter(|(at, line)| *at >= from && mine(line));
        lines.fold(String::new(), |text, (_, line)| text + line + "\n")
    }
}

/// The last bytes of a text, from the beginning of a character on.
pub(super) fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_4_kb_at_most_and_begins_with_a_whole_character() {
        assert_eq!(tail("short"), "short");
        let text = format!("{}é{}", "a".repeat(5000), "b".repeat(TAIL - 1));
        assert_eq!(tail(&text), "b".repeat(TAIL - 1));
    }

    #[test]
    fn lines_are_those_of_the_invocation() {
        let recent = Recent::default();
        recent.add("before");
        std::thread::sleep(Duration::from_millis(2));
        let from = Instant::now();
        for line in ["one id-1", "two id-2", "of whom"] {
            recent.add(line);
        }
        recent.answered("id-1");
        recent.answered("id-2");
        assert_eq!(recent.lines(from, "id-2", true), "two id-2\nof whom\n");
        assert_eq!(recent.lines(from, "id-2", false), "two id-2\n");
    }
}
