//! Event bytes to a route: classify, pick. Pure: nothing here touches a file or a plugin.

use std::borrow::Cow;

use crate::manifest::wire;
use crate::refusal::Code;

/// Which events a route takes: its source and the conditions on it.
#[derive(Clone, Debug)]
pub struct Match {}

/// Why an entry of `routes` cannot be matched.
#[derive(Debug)]
pub struct MatchError {
    /// The key at fault.
    pub key: Option<&'static str>,
    /// The code.
    pub code: Code,
    /// The fact.
    pub what: String,
    /// The mend.
    pub hint: Option<Cow<'static, str>>,
}

/// Two routes of which neither is the more specific one.
#[derive(Debug)]
pub struct Conflict {
    /// The one index.
    pub first: usize,
    /// The other index.
    pub second: usize,
    /// In what they overlap.
    pub why: String,
}

impl Match {
    /// Reads the conditions of one route.
    #[expect(clippy::missing_errors_doc, reason = "replaced at merge")]
    pub fn parse(_route: &wire::Route) -> Result<Match, MatchError> {
        Ok(Match {})
    }
}

/// The order in which routes are tried.
#[expect(clippy::missing_errors_doc, reason = "replaced at merge")]
pub fn order(matches: &[Match]) -> Result<Vec<usize>, Conflict> {
    Ok((0..matches.len()).collect())
}
