//! Hosts of HTTP requests: `api.example.com`, or `*.example.com` for all names below it.

use std::borrow::Cow;

/// Which hosts a route takes; lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// This one.
    Exactly(String),
    /// All names that end in this, which begins with a dot. The bare domain is not among them.
    Below(String),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none, and the mend.
    pub(super) fn new(text: &str) -> Result<Self, (String, String)> {
        let host = text.to_ascii_lowercase();
        let (below, name) = host.strip_prefix("*.").map_or((false, host.as_str()), |name| (true, name));
        let proper = !name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            });
        if !proper {
            let mend = "write `api.example.com` or `*.example.com`; leave `host` out to take any";
            return Err(("a host is a name, without scheme, port or path".into(), mend.into()));
        }
        Ok(if below { HostPattern::Below(format!(".{name}")) } else { HostPattern::Exactly(host) })
    }

    /// Whether a request to `host`, as [`normal`] gives it, is taken.
    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exactly(name) => name == host,
            HostPattern::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        }
    }

    /// Whether all that `other` takes is taken. Hosts nest or are apart: they never overlap otherwise.
    pub(super) fn contains(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (one, HostPattern::Exactly(name)) => one.matches(name),
            (HostPattern::Exactly(_), HostPattern::Below(_)) => false,
            (HostPattern::Below(wide), HostPattern::Below(narrow)) => narrow.ends_with(wide.as_str()),
        }
    }
}

/// A host as a request gives it, for comparison: lower case, without port and final dot.
pub(super) fn normal(host: Cow<'_, str>) -> Cow<'_, str> {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => &host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() == host.len() && !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return host;
    }
    Cow::Owned(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_takes() {
        #[track_caller]
        fn check(pattern: &str, yes: &[&str], no: &[&str]) {
            let host = HostPattern::new(pattern).unwrap();
            yes.iter().for_each(|found| assert!(host.matches(&normal(Cow::Borrowed(found))), "{pattern} {found}"));
            no.iter().for_each(|found| assert!(!host.matches(&normal(Cow::Borrowed(found))), "{pattern} {found}"));
        }
        check(
            "API.example.com",
            &["api.example.com", "Api.Example.Com:8443", "api.example.com."],
            &["example.com", "xapi.example.com", "api.example.com:x", ""],
        );
        check(
            "*.example.com",
            &["a.example.com", "a.b.example.com:80"],
            &["example.com", ".example.com", "aexample.com", "a.example.com.evil.net"],
        );
        check("localhost", &["localhost:3000"], &[]);
    }

    #[test]
    fn what_is_no_pattern() {
        for pattern in
            ["", "*", "*.", "*a.com", "a.*.com", "https://a.com", "a.com:80", "a.com/x", "a..com", ".a.com", "*..com", "[::1]"]
        {
            match HostPattern::new(pattern) {
                Err((what, _)) => assert_eq!(what, "a host is a name, without scheme, port or path", "{pattern}"),
                Ok(host) => panic!("{pattern}: {host:?}"),
            }
        }
    }

    #[test]
    fn an_address_keeps_its_colons() {
        for (host, expected) in [("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("::1", "::1")] {
            assert_eq!(normal(Cow::Borrowed(host)), expected);
        }
    }

    #[test]
    fn hosts_nest_or_are_apart() {
        #[track_caller]
        fn check(one: &str, other: &str, one_holds: bool, other_holds: bool) {
            let (a, b) = (HostPattern::new(one).unwrap(), HostPattern::new(other).unwrap());
            assert_eq!((a.contains(&b), b.contains(&a)), (one_holds, other_holds), "{one} {other}");
        }
        check("a.com", "A.com", true, true);
        check("*.a.com", "x.a.com", true, false);
        check("*.a.com", "*.b.a.com", true, false);
        check("*.a.com", "a.com", false, false);
        check("*.a.com", "*.ba.com", false, false);
    }
}
