//! Paths of HTTP requests: patterns such as `/users/{id}` and `/{*rest}`, and what they take.
//!
//! A path is split at `/` first; then each segment is percent-decoded for comparison. So `%2F` never makes a segment, and
//! `/%61dmin` is `/admin`. A trailing slash makes one more, empty, segment: `/a/` is not `/a`. `{name}` takes one segment that is
//! not empty, `{*name}` one or more of any. A path with a segment `.` or `..`, however encoded, is taken by no pattern: two programs
//! rarely agree on what it means, and no client that means well sends it. A path that does not begin with `/` is taken by none.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use percent_encoding::percent_decode_str;

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    segments: Vec<Segment>,
}

/// In the order in which patterns are tried: the more specific first. Names of parameters make no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(Vec<u8>),
    One,
    Rest,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none, and the mend.
    pub(super) fn new(text: &str) -> Result<Self, (String, String)> {
        let wrong = |what: &str, mend: &str| Err((what.to_owned(), mend.to_owned()));
        let Some(rest) = text.strip_prefix('/') else {
            return wrong("a path begins with `/`", "write `/users/{id}`, or `/{*rest}` for all");
        };
        if text.contains(['?', '#']) {
            return wrong("a path holds no query and no fragment", "leave out what follows `?` or `#`");
        }
        let mut names = HashSet::new();
        let mut segments = Vec::new();
        for (number, segment) in rest.split('/').enumerate() {
            let last = number == rest.split('/').count() - 1;
            let parsed = match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(inner) => {
                    let (kind, name) = inner.strip_prefix('*').map_or((Segment::One, inner), |name| (Segment::Rest, name));
                    let proper = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
                    if !proper {
                        return wrong(
                            "the name of a path parameter has letters, digits and `_`",
                            "write `{id}`, or `{*rest}` for all that follows",
                        );
                    }
                    if !names.insert(name) {
                        return wrong("a path parameter is named twice", "give each its own name");
                    }
                    if kind == Segment::Rest && !last {
                        return wrong("`{*rest}` stands only at the end of a path", "write `{name}` for a single segment");
                    }
                    kind
                }
                None if segment.contains(['{', '}', '*']) => {
                    return wrong("a path parameter is a whole segment", "write `/users/{id}`, or `/files/{*rest}`");
                }
                None => Segment::Literal(decode(segment).into_owned()),
            };
            if let Segment::Literal(literal) = &parsed
                && (is_dot(literal) || (literal.is_empty() && !last))
            {
                return wrong("a path has no empty segment and neither `.` nor `..`", "write the path as clients ask for it");
            }
            segments.push(parsed);
        }
        Ok(PathPattern { segments })
    }

    /// Whether a request for `path` is taken.
    pub(super) fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        if rest.split('/').any(|segment| is_dot(&decode(segment))) {
            return false;
        }
        let mut found = rest.split('/');
        for segment in &self.segments {
            let Some(text) = found.next() else { return false };
            let taken = match segment {
                Segment::Literal(literal) => *decode(text) == **literal,
                Segment::One => !text.is_empty(),
                Segment::Rest => return true,
            };
            if !taken {
                return false;
            }
        }
        found.next().is_none()
    }

    /// Whether some path is taken by both.
    pub(super) fn intersects(&self, other: &PathPattern) -> bool {
        let (mut one, mut two) = (self.segments.iter(), other.segments.iter());
        loop {
            match (one.next(), two.next()) {
                (None, None) | (Some(Segment::Rest), Some(_)) | (Some(_), Some(Segment::Rest)) => return true,
                (None, Some(_)) | (Some(_), None) => return false,
                (Some(Segment::Literal(one)), Some(Segment::Literal(two))) if one != two => return false,
                // Only the last segment may be empty, and `{name}` is none such.
                (Some(Segment::Literal(literal)), Some(Segment::One)) | (Some(Segment::One), Some(Segment::Literal(literal)))
                    if literal.is_empty() =>
                {
                    return false;
                }
                _ => {}
            }
        }
    }

    /// Of two that overlap: `Less` where this one is tried first. Segment by segment a literal comes before `{name}` before
    /// `{*name}`. `Equal` only where both take the same.
    pub(super) fn precedence(&self, other: &PathPattern) -> Ordering {
        self.segments.cmp(&other.segments)
    }
}

fn decode(segment: &str) -> Cow<'_, [u8]> {
    percent_decode_str(segment).into()
}

fn is_dot(segment: &[u8]) -> bool {
    segment == b"." || segment == b".."
}

/// The path without the stage that an HTTP API puts before it, whatever the domain the client asked
/// (<https://github.com/aws-powertools/powertools-lambda-python/issues/621>); only at the border of a segment.
pub(super) fn without_stage<'p>(path: Cow<'p, str>, stage: Option<&str>) -> Cow<'p, str> {
    let Some(stage) = stage.filter(|stage| !stage.is_empty() && *stage != "$default") else { return path };
    let cut =
        path.strip_prefix('/').and_then(|rest| rest.strip_prefix(stage)).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match cut.map(str::len) {
        None => path,
        Some(0) => Cow::Borrowed("/"),
        Some(length) => after(path, length),
    }
}

/// The path without the query that VPC Lattice leaves on it.
pub(super) fn without_query(path: Cow<'_, str>) -> Cow<'_, str> {
    let Some(end) = path.find('?') else { return path };
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.get(..end).unwrap_or(path)),
        Cow::Owned(mut path) => {
            path.truncate(end);
            Cow::Owned(path)
        }
    }
}

/// The last `length` bytes, which begin at the border of a character.
fn after(path: Cow<'_, str>, length: usize) -> Cow<'_, str> {
    let start = path.len().saturating_sub(length);
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.get(start..).unwrap_or(path)),
        Cow::Owned(path) => Cow::Owned(path.get(start..).map(str::to_owned).unwrap_or(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_takes() {
        #[track_caller]
        fn check(pattern: &str, yes: &[&str], no: &[&str]) {
            let path = PathPattern::new(pattern).unwrap();
            yes.iter().for_each(|found| assert!(path.matches(found), "{pattern} {found}"));
            no.iter().for_each(|found| assert!(!path.matches(found), "{pattern} {found}"));
        }
        check("/", &["/"], &["", "//", "/a"]);
        check(
            "/admin",
            &["/admin", "/%61dmin", "/%61%64min"],
            &["/Admin", "/admin/", "//admin", "/admin%2F", "admin", "/admin/.", "/x/../admin", "/x/%2e%2E/admin"],
        );
        check("/a/", &["/a/"], &["/a", "/a//"]);
        check(
            "/users/{id}",
            &["/users/7", "/users/a%2Fb", "/users/%20"],
            &["/users", "/users/", "/users/7/", "/users/7/x", "/users/..", "/users/%2e"],
        );
        check("/{*rest}", &["/", "/a", "/a/b/", "//", "/..."], &["", "*", "/a/../b", "/.", "/%2e%2e", "/a/.%2E/b"]);
        check("/files/{*rest}", &["/files/", "/files/a/b"], &["/files", "/filesa"]);
        check("/{a}/x/{*b}", &["/1/x/", "/1/x/2/3"], &["//x/1", "/1/y/2"]);
        check("/caf%C3%A9", &["/café", "/caf%c3%a9"], &["/cafe"]);
        check("/a%2Fb", &["/a%2fb"], &["/a/b"]);
        check("/100%", &["/100%", "/100%25"], &[]);
    }

    #[test]
    fn what_is_no_pattern() {
        #[track_caller]
        fn check(pattern: &str, what: &str) {
            assert_eq!(PathPattern::new(pattern).unwrap_err().0, what, "{pattern}");
        }
        check("", "a path begins with `/`");
        check("users", "a path begins with `/`");
        check("/a?b=c", "a path holds no query and no fragment");
        check("/a//b", "a path has no empty segment and neither `.` nor `..`");
        check("/a/%2e%2e/b", "a path has no empty segment and neither `.` nor `..`");
        check("/users/{id", "a path parameter is a whole segment");
        check("/users/x{id}", "a path parameter is a whole segment");
        check("/users/*", "a path parameter is a whole segment");
        check("/{proxy+}", "the name of a path parameter has letters, digits and `_`");
        check("/{}", "the name of a path parameter has letters, digits and `_`");
        check("/{a}/{a}", "a path parameter is named twice");
        check("/{*a}/b", "`{*rest}` stands only at the end of a path");
    }

    #[test]
    fn which_is_tried_first() {
        #[track_caller]
        fn check(one: &str, other: &str, expected: Option<Ordering>) {
            let (a, b) = (PathPattern::new(one).unwrap(), PathPattern::new(other).unwrap());
            assert_eq!(a.intersects(&b).then(|| a.precedence(&b)), expected, "{one} {other}");
            assert_eq!(b.intersects(&a).then(|| b.precedence(&a)), expected.map(Ordering::reverse), "{other} {one}");
        }
        check("/a", "/a", Some(Ordering::Equal));
        check("/a", "/%61", Some(Ordering::Equal));
        check("/{a}", "/{b}", Some(Ordering::Equal));
        check("/a", "/b", None);
        check("/a", "/{x}", Some(Ordering::Less));
        check("/{x}", "/{*x}", Some(Ordering::Less));
        check("/a/{x}", "/{y}/b", Some(Ordering::Less));
        check("/a/{*x}", "/{y}/b", Some(Ordering::Less));
        check("/a/b", "/a/{*x}", Some(Ordering::Less));
        check("/a", "/a/{*x}", None);
        check("/", "/{x}", None);
        check("/a/", "/a/{x}", None);
        check("/", "/{*x}", Some(Ordering::Less));
    }

    #[test]
    fn overlap_agrees_with_enumeration() {
        let pieces = ["a", "{x}", "{*y}"];
        let mut patterns = vec!["/".to_owned(), "/a/".to_owned()];
        for one in pieces {
            patterns.push(format!("/{one}"));
            for two in pieces.into_iter().filter(|_| !one.contains('*')) {
                patterns.push(format!("/{one}/{}", two.replace('x', "z")));
            }
        }
        let patterns: Vec<_> = patterns.iter().map(|text| PathPattern::new(text).unwrap()).collect();
        let mut paths = vec![String::new()];
        for _ in 0..4 {
            let more: Vec<_> = paths.iter().flat_map(|path| ["/", "/a", "/b"].map(|next| format!("{path}{next}"))).collect();
            paths.extend(more);
        }
        for one in &patterns {
            for two in &patterns {
                assert_eq!(
                    one.intersects(two),
                    paths.iter().any(|path| one.matches(path) && two.matches(path)),
                    "{one:?} {two:?}"
                );
            }
        }
    }

    #[test]
    fn the_stage_is_cut_off_at_the_border_of_a_segment() {
        #[track_caller]
        fn check(path: &str, stage: Option<&str>, expected: &str) {
            assert_eq!(without_stage(Cow::Borrowed(path), stage), expected);
            assert_eq!(without_stage(Cow::Owned(path.to_owned()), stage), expected);
        }
        check("/prod/a", Some("prod"), "/a");
        check("/prod", Some("prod"), "/");
        check("/prod/", Some("prod"), "/");
        check("/production/a", Some("prod"), "/production/a");
        check("/a", Some("prod"), "/a");
        check("/$default/a", Some("$default"), "/$default/a");
        check("/prod/prod", Some("prod"), "/prod");
        check("/prod", None, "/prod");
        check("//a", Some(""), "//a");
        assert_eq!(without_query(Cow::Borrowed("/a?b=c?d")), "/a");
        assert_eq!(without_query(Cow::Owned("/a?b".into())), "/a");
        assert_eq!(without_query(Cow::Borrowed("/a")), "/a");
    }
}
