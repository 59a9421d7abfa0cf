//! The time that all downloads of one purpose have together.

use std::time::{Duration, Instant};

use crate::{Code, Refusal};

/// What the downloads of a start have, since the process began. Lambda gives a whole start 10 s
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>), and the plugins' own starts
/// come after.
pub const START: Duration = Duration::from_secs(8);

/// What the download of a plugin has that is loaded at first use, where its event's deadline does not end it sooner.
pub const FIRST_USE: Duration = Duration::from_secs(60);

/// What a command has: whoever waits can end it sooner.
pub const COMMAND: Duration = Duration::from_secs(600);

/// A time that is shared, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    whole: Duration,
    end: Instant,
    whose: &'static str,
}

impl Budget {
    /// `whole` from `since` on, for `whose`: `all downloads of a start`.
    #[must_use]
    pub fn new(whole: Duration, since: Instant, whose: &'static str) -> Self {
        Budget { whole, end: since + whole, whose }
    }

    /// [`START`] since the process began.
    #[must_use]
    pub fn start(since: Instant) -> Self {
        Self::new(START, since, "all downloads of a start")
    }

    /// [`FIRST_USE`] from now on.
    #[must_use]
    pub fn first_use() -> Self {
        Self::new(FIRST_USE, Instant::now(), "the download at first use")
    }

    /// [`COMMAND`] from now on.
    #[must_use]
    pub fn command() -> Self {
        Self::new(COMMAND, Instant::now(), "all downloads of a command")
    }

    /// The same, ending at `end` where that is sooner.
    #[must_use]
    pub fn until(self, end: Option<Instant>) -> Self {
        let end = end.map_or(self.end, |end| end.min(self.end));
        Budget { whole: self.whole.saturating_sub(self.end.saturating_duration_since(end)), end, ..self }
    }

    /// When it is over.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.end
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// The refusal of what did not come in time; `state` says how far it was.
    #[must_use]
    pub fn over(&self, state: &str) -> Refusal {
        let what = format!("{state} when the {:.1} s for {} were over", self.whole.as_secs_f64(), self.whose);
        Refusal::new(Code::RemoteTimeout, "", what)
            .hint("bring the bucket nearer (its region, a VPC endpoint), name fewer and smaller files, or ship them in a layer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_with_whatever_ends_first_and_says_how_much_it_was() {
        let now = Instant::now();
        let budget = Budget::start(now);
        assert_eq!(budget.end(), now + START);
        assert_eq!(budget.until(Some(now + Duration::from_secs(60))).end(), now + START);
        let sooner = budget.until(Some(now + Duration::from_millis(1500)));
        assert_eq!(sooner.end(), now + Duration::from_millis(1500));
        let refusal = sooner.over("half of it had come");
        assert_eq!(refusal.what, "half of it had come when the 1.5 s for all downloads of a start were over");
        assert_eq!(refusal.code, Code::RemoteTimeout);
    }
}
