//! Event bytes to the route that takes them.

use std::borrow::Cow;

use super::classify::{Known, Reading, rows};
use super::extract::{Found, extract};
use super::matching::Match;
use super::row::Verdict;
use super::scan::Kind;
use super::source::Source;
use super::trie::{Place, Trie};
use crate::refusal::{Code, Refusal};

/// All routes, ready to be asked. Built once, at start-up.
#[derive(Debug)]
pub struct Table {
    trie: Trie,
    rows: Vec<Known>,
    routes: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    matching: Match,
    /// Where each `where` looks.
    wheres: Vec<Place>,
}

/// What an event is and which route takes it. Borrows from the event, but for strings with escapes.
#[derive(Clone, Debug)]
pub struct Routed<'e> {
    /// The source.
    pub source: Source,
    /// The resource, where the source has one and the event gives it.
    pub resource: Option<Cow<'e, str>>,
    /// The route, as its number among those that [`Table::build`] was given; `None`: no route takes the event.
    pub route: Option<usize>,
    /// What the reply needs to know, for the HTTP sources.
    pub http: Option<Http<'e>>,
}

/// An HTTP request, as far as routes and replies are concerned.
#[derive(Clone, Debug)]
pub struct Http<'e> {
    /// The method.
    pub method: Option<Cow<'e, str>>,
    /// The path that the client asked for: without stage and query, with its percent-encoding.
    pub path: Option<Cow<'e, str>>,
    /// The host, lower case, without port.
    pub host: Option<Cow<'e, str>>,
    /// The API's stage.
    pub stage: Option<Cow<'e, str>>,
    /// The version of the payload format, 1 or 2, and so of the reply.
    pub payload: u8,
    /// Whether the reply gives each header a list of values (an ALB target group with multi-value headers).
    pub multi_value_headers: bool,
}

/// What a route makes of an event of its source.
enum Trial {
    Takes,
    /// It does not, by this key.
    Loses(&'static str),
    /// The records differ in what this key reads.
    Differs(&'static str),
}

impl Table {
    /// A table of routes, given in the order in which they are to be tried (see [`order`](super::order())).
    pub fn build<'m>(routes: impl Iterator<Item = &'m Match>) -> Self {
        let mut trie = Trie::default();
        let rows = rows(&mut trie);
        let routes = routes
            .map(|matching| {
                let wheres = matching.wheres.iter().map(|condition| trie.place(&condition.steps)).collect();
                Candidate { matching: matching.clone(), wheres }
            })
            .collect();
        Table { trie, rows, routes }
    }

    /// What `event` is and which route takes it.
    ///
    /// Reads the event once. What it allocates depends on the routes, not on the event, but for strings with escapes that routing
    /// reads and one bit a level of nesting.
    ///
    /// # Errors
    /// - [`Code::EventNotJson`]: the event is not UTF-8 or not JSON, with the offset of the byte;
    /// - [`Code::EventAmbiguous`]: a key that routing reads is given twice in one object;
    /// - [`Code::EventMixed`]: its records are of several sources or resources;
    /// - [`Code::EventRefused`]: it is of a kind that is refused by name.
    pub fn route<'e>(&self, event: &'e [u8]) -> Result<Routed<'e>, Refusal> {
        let refuse = |code, what: String| Refusal::new(code, "event", what);
        let text = std::str::from_utf8(event)
            .map_err(|error| refuse(Code::EventNotJson, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
        let found = extract(&self.trie, text)
            .map_err(|fault| refuse(Code::EventNotJson, format!("not JSON at byte {}: {}", fault.at, fault.what)))?;
        if let Some((place, at)) = found.repeated {
            let pointer = &self.trie.node(place).pointer;
            let what = format!("the key `{pointer}` is given a second time at byte {at}");
            return Err(refuse(Code::EventAmbiguous, what).hint("send each key once: parsers disagree on which one counts"));
        }
        let Some(known) = self.rows.iter().find(|known| known.fits(&found)) else {
            return Err(refuse(Code::Internal, "no row of the table of sources fits".into()));
        };
        let source = match known.row.is {
            Verdict::From(source) => source,
            Verdict::Refused { what, hint } => return Err(refuse(Code::EventRefused, format!("this is {what}")).hint(hint)),
        };
        let mixed =
            |what: String| refuse(Code::EventMixed, what).hint("send the records of each resource as an event of their own");
        if known.is_mixed(&found) {
            return Err(mixed(format!("the records of this `{source}` event are of several sources or resources")));
        }
        let resource = known.resource(&found);
        let readings = known.readings(&found);
        let mut route = None;
        for (number, candidate) in self.routes.iter().enumerate() {
            if !candidate.matching.selector.takes(source) {
                continue;
            }
            match candidate.try_on(&found, resource.as_deref(), &readings) {
                Trial::Takes => {
                    route = Some(number);
                    break;
                }
                // Where `route --explain` will ask.
                Trial::Loses(_by) => {}
                Trial::Differs(key) => {
                    return Err(mixed(format!(
                        "the records of this `{source}` event differ in what the route key `{key}` reads"
                    )));
                }
            }
        }
        let http = known.row.payload.map(|payload| Http::of(payload, known.multi_value(&found), readings));
        Ok(Routed { source, resource, route, http })
    }
}

impl Candidate {
    fn try_on(&self, found: &Found<'_>, resource: Option<&str>, readings: &[(&'static str, Reading<'_>)]) -> Trial {
        if let Some(wanted) = &self.matching.resource
            && !resource.is_some_and(|resource| wanted.matches(resource))
        {
            return Trial::Loses("resource");
        }
        for (name, condition) in &self.matching.conditions {
            match readings.iter().find(|(key, _)| key == name) {
                Some((_, Reading::Text(text))) if condition.takes(text) => {}
                Some((_, Reading::Differs)) => return Trial::Differs(name),
                _ => return Trial::Loses(name),
            }
        }
        for (condition, place) in self.matching.wheres.iter().zip(&self.wheres) {
            let holds = match &condition.equals {
                Some(wanted) => found.is(*place, wanted),
                None => found.at(*place).kind != Kind::Absent,
            };
            if !holds {
                return Trial::Loses("where");
            }
        }
        Trial::Takes
    }
}

impl<'e> Http<'e> {
    fn of(payload: u8, multi_value_headers: bool, readings: Vec<(&'static str, Reading<'e>)>) -> Self {
        let mut http = Http { method: None, path: None, host: None, stage: None, payload, multi_value_headers };
        for (name, reading) in readings {
            let Reading::Text(text) = reading else { continue };
            match name {
                "method" => http.method = Some(text),
                "path" => http.path = Some(text),
                "host" => http.host = Some(text),
                "stage" => http.stage = Some(text),
                _ => {}
            }
        }
        http
    }
}

#[cfg(test)]
mod tests;
