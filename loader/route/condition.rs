//! One key of a route: what it takes, and how it compares with the same key of another route.

use std::borrow::Cow;
use std::cmp::Ordering;

use percent_encoding::percent_decode;

use super::host::HostPattern;
use super::path::PathPattern;
use super::pattern::Pattern;
use super::row::{How, Inside};

/// No path, host, key or name that AWS passes on is longer. Whoever forges a longer one is taken by no condition, so that a thousand
/// routes do not each read six megabytes.
const LONGEST: usize = 64 * 1024;

/// What a further key of a route says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Exact(String),
    Pattern(Pattern),
    Prefix(String),
    Suffix(String),
    Path(PathPattern),
    Host(HostPattern),
}

/// How what one route takes by a key lies to what another takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same.
    Same,
    /// The first lies within the second, or comes before it by the rule of the key.
    Within,
    /// The other way round.
    Around,
    /// They overlap, and neither lies within the other.
    Across,
    /// Nothing is taken by both.
    Apart,
}

impl Relation {
    /// From which contains which; `overlap` is asked only where neither does.
    pub(super) fn of(first_holds: bool, second_holds: bool, overlap: impl FnOnce() -> bool) -> Self {
        match (first_holds, second_holds) {
            (true, true) => Relation::Same,
            (true, false) => Relation::Around,
            (false, true) => Relation::Within,
            (false, false) if overlap() => Relation::Across,
            (false, false) => Relation::Apart,
        }
    }

    /// The relation of what is taken by this key and by another one as well.
    pub(super) fn and(self, other: Relation) -> Self {
        use Relation::{Across, Apart, Around, Same, Within};
        match (self, other) {
            (Apart, _) | (_, Apart) => Apart,
            (Same, relation) | (relation, Same) => relation,
            (Within, Within) => Within,
            (Around, Around) => Around,
            _ => Across,
        }
    }
}

impl Condition {
    /// Reads what the manifest says. `None`: it takes all.
    ///
    /// # Errors
    /// Why it cannot be, and the mend.
    pub(super) fn new(text: &str, how: How) -> Result<Option<Self>, (String, String)> {
        if text.is_empty() {
            return Err(("it is empty".into(), "leave it out to take any".into()));
        }
        Ok(Some(match how {
            How::Exact => Condition::Exact(text.to_owned()),
            How::Pattern => Condition::Pattern(Pattern::new(text)),
            How::EventName => Condition::Pattern(Pattern::new(text.strip_prefix("s3:").unwrap_or(text))),
            How::Prefix => Condition::Prefix(text.to_owned()),
            How::Suffix => Condition::Suffix(text.to_owned()),
            How::Host => Condition::Host(HostPattern::new(text)?),
            How::Path(_) => Condition::Path(PathPattern::new(text)?),
            How::Method if text == "ANY" => return Ok(None),
            How::Method if text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') => {
                Condition::Exact(text.to_owned())
            }
            How::Method => return Err(("a method is written in capitals".into(), "write `GET`, `POST`, …, or `ANY`".into())),
            How::Inside(Inside::Recipients) => Condition::Pattern(Pattern::new(&text.to_lowercase())),
            How::Inside(Inside::Topics | Inside::LogGroup) => Condition::Pattern(Pattern::new(text)),
        }))
    }

    /// Whether the event's value, as [`prepare`] gives it, is taken.
    pub(super) fn takes(&self, value: &str) -> bool {
        if value.len() > LONGEST {
            return false;
        }
        match self {
            Condition::Exact(text) => text == value,
            Condition::Pattern(pattern) => pattern.matches(value),
            Condition::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Condition::Suffix(suffix) => value.ends_with(suffix.as_str()),
            Condition::Path(path) => path.matches(value),
            Condition::Host(host) => host.matches(value),
        }
    }

    /// How it lies to the same key of another route.
    pub(super) fn relation(&self, other: &Condition) -> Relation {
        let (first_holds, second_holds, overlap) = match (self, other) {
            (Condition::Exact(one), Condition::Exact(two)) => (one == two, one == two, false),
            (Condition::Pattern(one), Condition::Pattern(two)) => (one.contains(two), two.contains(one), one.intersects(two)),
            (Condition::Prefix(one), Condition::Prefix(two)) => {
                (two.starts_with(one.as_str()), one.starts_with(two.as_str()), false)
            }
            (Condition::Suffix(one), Condition::Suffix(two)) => (two.ends_with(one.as_str()), one.ends_with(two.as_str()), false),
            (Condition::Host(one), Condition::Host(two)) => (one.contains(two), two.contains(one), false),
            (Condition::Path(one), Condition::Path(two)) if one.intersects(two) => {
                let order = one.precedence(two);
                (order != Ordering::Less, order != Ordering::Greater, true)
            }
            // Of two routes that can both take an event, one key has one kind of condition.
            _ => (false, false, false),
        };
        Relation::of(first_holds, second_holds, || overlap)
    }
}

/// An event's value made ready for comparison.
pub(super) fn prepare(value: Cow<'_, str>, how: How) -> Cow<'_, str> {
    match how {
        How::EventName => match value.strip_prefix("s3:") {
            Some(rest) => Cow::Owned(rest.to_owned()),
            None => value,
        },
        How::Prefix | How::Suffix => form_decode(value),
        How::Host => super::host::normal(value),
        How::Exact | How::Pattern | How::Method | How::Path(_) | How::Inside(_) => value,
    }
}

/// S3 encodes keys as forms do: `+` is a space
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).
fn form_decode(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains(['+', '%']) {
        return value;
    }
    let spaced = value.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn condition(text: &str, how: How) -> Condition {
        Condition::new(text, how).unwrap().unwrap()
    }

    #[test]
    fn what_a_key_takes() {
        #[track_caller]
        fn check(how: How, text: &str, yes: &[&str], no: &[&str]) {
            let takes = |found: &str| condition(text, how).takes(&prepare(Cow::Borrowed(found), how));
            yes.iter().for_each(|found| assert!(takes(found), "{text} {found}"));
            no.iter().for_each(|found| assert!(!takes(found), "{text} {found}"));
        }
        check(How::EventName, "ObjectCreated:*", &["ObjectCreated:Put", "s3:ObjectCreated:Copy"], &["ObjectRemoved:Delete"]);
        check(How::EventName, "s3:ObjectCreated:Put", &["ObjectCreated:Put"], &["ObjectCreated:PutX"]);
        check(How::Prefix, "in box/", &["in+box/a", "in%20box%2Fa"], &["in%2Bbox/a", "inbox/", ""]);
        check(How::Suffix, ".jpg", &["a.jpg", "a%2Ejpg"], &[".jpg2", "jpg"]);
        check(How::Prefix, "é", &["%C3%A9a"], &["%E9"]);
        check(How::Method, "GET", &["GET"], &["get", "POST"]);
        check(How::Host, "a.com", &["A.com:80"], &["b.com"]);
        check(How::Exact, "*", &["*"], &["a"]);
        assert_eq!(Condition::new("ANY", How::Method), Ok(None));
        check(How::Prefix, "a", &[&"a".repeat(LONGEST)], &[&"a".repeat(LONGEST + 1)]);
    }

    #[test]
    fn what_a_key_cannot_be() {
        #[track_caller]
        fn check(how: How, text: &str, what: &str) {
            assert_eq!(Condition::new(text, how).unwrap_err().0, what, "{text}");
        }
        check(How::Exact, "", "it is empty");
        check(How::Method, "get", "a method is written in capitals");
        check(How::Method, "GET POST", "a method is written in capitals");
    }

    #[test]
    fn relations() {
        use Relation::{Across, Apart, Around, Same, Within};
        #[track_caller]
        fn check(how: How, one: &str, two: &str, expected: Relation) {
            assert_eq!(condition(one, how).relation(&condition(two, how)), expected, "{one} {two}");
        }
        check(How::Exact, "a", "a", Same);
        check(How::Exact, "a", "b", Apart);
        check(How::Pattern, "a*", "*", Within);
        check(How::Pattern, "*", "a", Around);
        check(How::Pattern, "a*", "*a", Across);
        check(How::Prefix, "a/b", "a/", Within);
        check(How::Prefix, "a", "b", Apart);
        check(How::Suffix, ".jpg", ".tar.jpg", Around);
        check(How::Host, "a.com", "*.com", Within);
        check(How::Path(super::super::row::Around::Nothing), "/a", "/{x}", Within);
        check(How::Path(super::super::row::Around::Nothing), "/a", "/b", Apart);
        for (one, two, expected) in [
            (Same, Within, Within),
            (Within, Around, Across),
            (Across, Apart, Apart),
            (Around, Around, Around),
            (Across, Within, Across),
        ] {
            assert_eq!((one.and(two), two.and(one)), (expected, expected));
        }
    }
}
