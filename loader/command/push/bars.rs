//! How far uploads are, on standard error: on a terminal a bar for each that is under way and one for all, else plain lines.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use super::object::Object;
use crate::command::progress::{self, Progress};

/// How often bars are drawn anew.
const OFTEN: Duration = Duration::from_millis(100);

/// How wide a bar is; a line stays below 80 columns.
const WIDTH: u64 = 24;

/// The most characters of a name.
const NAME: usize = 28;

/// The progress of all uploads.
pub(super) struct Bars {
    objects: Vec<Bar>,
    /// Where no bars are drawn.
    lines: Option<Progress<Box<dyn Write + Send>>>,
    out: Box<dyn Write + Send>,
    /// How many lines stand on the terminal.
    drawn: usize,
    last: Option<Instant>,
}

/// One object.
struct Bar {
    name: String,
    sent: u64,
    size: u64,
    active: bool,
    done: bool,
}

impl Bars {
    /// Tells of `steps` on standard error; `quiet` where a program reads the output.
    pub(super) fn new(steps: &[Vec<&Object>], quiet: bool) -> Self {
        let objects = steps.iter().flatten().map(|object| (object.place.clone(), object.bytes.size()));
        let terminal = !quiet && io::stderr().is_terminal();
        let mut bars = Bars::of(objects, Box::new(io::stderr()));
        bars.lines = (!terminal).then(|| progress::of("uploading", bars.objects.len(), quiet));
        bars
    }

    fn of(objects: impl Iterator<Item = (String, u64)>, out: Box<dyn Write + Send>) -> Self {
        let bar = |(name, size)| Bar { name, sent: 0, size, active: false, done: false };
        Bars { objects: objects.map(bar).collect(), lines: None, out, drawn: 0, last: None }
    }

    /// An upload begins.
    pub(super) fn begin(&mut self, index: usize) {
        let Some(bar) = self.objects.get_mut(index) else { return };
        bar.active = true;
        match &mut self.lines {
            Some(lines) => lines.next(&bar.name),
            None => self.draw(Instant::now()),
        }
    }

    /// So many bytes of it are on their way; fewer than before where it is sent again.
    pub(super) fn sent(&mut self, index: usize, sent: u64) {
        let Some(bar) = self.objects.get_mut(index) else { return };
        bar.sent = sent;
        if self.lines.is_none() {
            self.draw(Instant::now());
        }
    }

    /// It is there.
    pub(super) fn end(&mut self, index: usize) {
        let Some(bar) = self.objects.get_mut(index) else { return };
        (bar.active, bar.done, bar.sent) = (false, true, bar.size);
        if self.lines.is_none() {
            self.draw(Instant::now());
        }
    }

    fn draw(&mut self, now: Instant) {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < OFTEN) {
            return;
        }
        self.last = Some(now);
        let mut text = self.erased();
        let active = self.objects.iter().filter(|bar| bar.active);
        let mut lines: Vec<String> = active.map(|bar| line(&bar.name, bar.sent, bar.size)).collect();
        let sum = |of: fn(&Bar) -> u64| self.objects.iter().map(of).sum();
        let name = format!("{} of {} uploads", self.objects.iter().filter(|bar| bar.done).count(), self.objects.len());
        lines.push(line(&name, sum(|bar| bar.sent), sum(|bar| bar.size)));
        self.drawn = lines.len();
        text.extend(lines.iter().flat_map(|line| [line, "\n"]));
        self.write(&text);
    }

    /// What takes the drawn lines away.
    fn erased(&self) -> String {
        match self.drawn {
            0 => String::new(),
            drawn => format!("\u{1b}[{drawn}A\r\u{1b}[J"),
        }
    }

    fn write(&mut self, text: &str) {
        // Nobody reads it: then nobody misses it.
        let _unread = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Bars {
    /// Leaves a clean screen to what comes next.
    fn drop(&mut self) {
        let text = self.erased();
        self.write(&text);
    }
}

/// `plugin "orders"   [############------------]  0.5 of 1.0 MB`
fn line(name: &str, sent: u64, size: u64) -> String {
    let name: String = name.chars().take(NAME).collect();
    let filled = sent.min(size).saturating_mul(WIDTH).checked_div(size).unwrap_or(WIDTH);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '-' }).collect();
    let tenths = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    format!("{name:<NAME$} [{bar}] {:>6} of {} MB", tenths(sent), tenths(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_upload_that_is_under_way_has_a_bar_and_all_have_one_and_they_are_gone_at_the_end() {
        let screen = Screen::default();
        let objects = [("plugin \"a\"".to_owned(), 2_000_000), ("plugin \"b\"".to_owned(), 4_000_000)];
        let mut bars = Bars::of(objects.into_iter(), Box::new(screen.clone()));
        for bar in &mut bars.objects {
            bar.active = true;
        }
        bars.objects[0].sent = 1_000_000;
        let now = Instant::now();
        bars.draw(now);
        // Not so soon again.
        bars.draw(now + OFTEN / 2);
        (bars.objects[0].active, bars.objects[0].done, bars.objects[0].sent) = (false, true, 2_000_000);
        bars.draw(now + OFTEN);
        drop(bars);
        let written = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        let expected = "\
plugin \"a\"                   [############------------]    1.0 of 2.0 MB\n\
plugin \"b\"                   [------------------------]    0.0 of 4.0 MB\n\
0 of 2 uploads               [####--------------------]    1.0 of 6.0 MB\n\
\u{1b}[3A\r\u{1b}[J\
plugin \"b\"                   [------------------------]    0.0 of 4.0 MB\n\
1 of 2 uploads               [########----------------]    2.0 of 6.0 MB\n\
\u{1b}[2A\r\u{1b}[J";
        assert_eq!(written, expected);
    }

    #[test]
    fn a_line_is_shorter_than_a_terminal_is_wide() {
        let longest = line(&"x".repeat(100), 256 << 20, 256 << 20);
        assert!(longest.len() < 80, "{longest}");
        assert!(line("empty", 0, 0).contains("[########################]"));
    }
}
