//! Event bytes to the route that takes them.

use std::borrow::Cow;

use super::classify::{Known, Reading, rows};
use super::extract::{Found, extract};
use super::matching::Match;
use super::row::{Row, Verdict};
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
    /// Of a Kafka event whose topics have different routes: each route with its topics. Empty for all other events.
    pub parts: Vec<Part>,
    /// What the reply needs to know, for the HTTP sources.
    pub http: Option<Http<'e>>,
    /// Of a WebSocket event: which of the three it is.
    pub phase: Option<Phase>,
}

/// A part of a Kafka event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The route, as in [`Routed`]; `None`: no route takes these topics.
    pub route: Option<usize>,
    /// Its topics, in the order of the event.
    pub topics: Vec<String>,
}

/// What a WebSocket event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A client wants to connect; the answer decides.
    Connect,
    /// A client sent something.
    Message,
    /// A client has gone; nobody reads the answer.
    Disconnect,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Takes,
    /// It does not, by this key.
    Loses(&'static str),
    /// The records differ in what this key reads.
    Differs(&'static str),
}

/// What is known of an event before any route is asked.
pub(super) struct Looked<'e> {
    pub(super) source: Source,
    /// The number of the row of the table that fits.
    pub(super) row: usize,
    pub(super) resource: Option<Cow<'e, str>>,
    pub(super) readings: Vec<(&'static str, Reading<'e>)>,
    pub(super) found: Found<'e>,
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
    /// reads and one bit a level of nesting; and but for `recipient`, `topic` and `log_group`, where a route has one.
    ///
    /// # Errors
    /// - [`Code::EventNotJson`]: the event is not JSON, or not UTF-8, with the offset of the byte;
    /// - [`Code::EventAmbiguous`]: a key that routing reads is given twice in one object;
    /// - [`Code::EventMixed`]: its records are of several sources or resources, or of more topics or recipients than there can be;
    /// - [`Code::EventRefused`]: it is of a kind that is refused by name.
    pub fn route<'e>(&self, event: &'e [u8]) -> Result<Routed<'e>, Refusal> {
        let mut looked = self.look(event)?;
        let (mut route, mut parts) = (None, Vec::new());
        match looked.take_topics() {
            None => route = self.first(&looked)?,
            Some(topics) => {
                parts = self.parts(&mut looked, topics)?;
                if let [only] = parts.as_slice() {
                    route = only.route;
                    parts.clear();
                }
            }
        }
        let known = self.rows.get(looked.row);
        let phase = known.and_then(|known| known.phase(&looked.found));
        let Looked { source, resource, readings, found, .. } = looked;
        let payload = known.and_then(|known| Some((known.row.payload?, known.multi_value(&found))));
        let http = payload.map(|(payload, multi_value)| Http::of(payload, multi_value, readings));
        Ok(Routed { source, resource, route, parts, http, phase })
    }

    /// What the event is, and all that routes are compared with.
    pub(super) fn look<'e>(&self, event: &'e [u8]) -> Result<Looked<'e>, Refusal> {
        let refuse = |code, what: String| Refusal::new(code, "event", what);
        let found = extract(&self.trie, event)
            .map_err(|fault| refuse(Code::EventNotJson, format!("not JSON at byte {}: {}", fault.at, fault.what)))?;
        if let Some((place, at)) = found.repeated {
            let pointer = &self.trie.node(place).pointer;
            let what = format!("the key `{pointer}` is given a second time at byte {at}");
            return Err(refuse(Code::EventAmbiguous, what).hint(ONCE));
        }
        let Some((row, known)) = self.rows.iter().enumerate().find(|(_, known)| known.fits(&found)) else {
            return Err(refuse(Code::Internal, "no row of the table of sources fits".into()));
        };
        let source = match known.row.is {
            Verdict::From(source) => source,
            Verdict::Refused { what, hint } => return Err(refuse(Code::EventRefused, format!("this is {what}")).hint(hint)),
        };
        if known.is_mixed(&found) {
            return Err(mixed(format!("the records of this `{source}` event are of several sources or resources")));
        }
        let asked = |key: &str| {
            self.routes.iter().any(|route| route.matching.selector.takes(source) && route.matching.condition(key).is_some())
        };
        let readings = known.readings(event, &found, asked);
        if let Some((key, _)) = readings.iter().find(|(_, reading)| matches!(reading, Reading::Twice)) {
            let what = format!("what the route key `{key}` reads is given twice in one object of this `{source}` event");
            return Err(refuse(Code::EventAmbiguous, what).hint(ONCE));
        }
        let beyond =
            |(name, reading): &(_, Reading<'_>)| if let Reading::Beyond(limit) = reading { Some((*name, *limit)) } else { None };
        if let Some((key, limit)) = readings.iter().find_map(beyond) {
            return Err(mixed(format!("this `{source}` event has more in what the route key `{key}` reads than {limit}")));
        }
        Ok(Looked { source, row, resource: known.resource(&found), readings, found })
    }

    /// The first route that takes it.
    fn first(&self, looked: &Looked<'_>) -> Result<Option<usize>, Refusal> {
        for (number, candidate) in self.routes.iter().enumerate() {
            if !candidate.matching.selector.takes(looked.source) {
                continue;
            }
            match candidate.try_on(looked) {
                Trial::Takes => return Ok(Some(number)),
                Trial::Loses(_) => {}
                Trial::Differs(key) => return Err(differs(looked.source, key)),
            }
        }
        Ok(None)
    }

    /// Each route with those of the topics that it takes, in the order in which the event has them first.
    pub(super) fn parts(&self, looked: &mut Looked<'_>, topics: Vec<String>) -> Result<Vec<Part>, Refusal> {
        let mut parts: Vec<Part> = Vec::new();
        for topic in topics {
            looked.set(TOPIC, Reading::Text(topic.clone().into()));
            let route = self.first(looked)?;
            match parts.iter_mut().find(|part| part.route == route) {
                Some(part) => part.topics.push(topic),
                None => parts.push(Part { route, topics: vec![topic] }),
            }
        }
        Ok(parts)
    }

    /// What each route makes of the event, in the order in which they are tried; `None`: it is of another source.
    pub(super) fn trials(&self, looked: &Looked<'_>) -> Vec<Option<Trial>> {
        let trial = |candidate: &Candidate| candidate.matching.selector.takes(looked.source).then(|| candidate.try_on(looked));
        self.routes.iter().map(trial).collect()
    }

    /// The row of that number.
    pub(super) fn row(&self, number: usize) -> Option<&'static Row> {
        self.rows.get(number).map(|known| known.row)
    }
}

const TOPIC: &str = "topic";

const ONCE: &str = "send each key once: parsers disagree on which one counts";

fn mixed(what: String) -> Refusal {
    Refusal::new(Code::EventMixed, "event", what).hint("send the records of each resource as an event of their own")
}

pub(super) fn differs(source: Source, key: &str) -> Refusal {
    mixed(format!("the records of this `{source}` event differ in what the route key `{key}` reads"))
}

impl Looked<'_> {
    /// The topics of a Kafka event, where a route asks for them. No route is asked about several at once.
    pub(super) fn take_topics(&mut self) -> Option<Vec<String>> {
        match self.readings.iter_mut().find(|(name, _)| *name == TOPIC)? {
            (_, reading @ Reading::Many(_)) => match std::mem::replace(reading, Reading::Nothing) {
                Reading::Many(topics) => Some(topics),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn set(&mut self, key: &str, value: Reading<'static>) {
        if let Some((_, reading)) = self.readings.iter_mut().find(|(name, _)| *name == key) {
            *reading = value;
        }
    }
}

impl Candidate {
    fn try_on(&self, looked: &Looked<'_>) -> Trial {
        if let Some(wanted) = &self.matching.resource
            && !looked.resource.as_deref().is_some_and(|resource| wanted.matches(resource))
        {
            return Trial::Loses("resource");
        }
        for (name, condition) in &self.matching.conditions {
            match looked.readings.iter().find(|(key, _)| key == name) {
                Some((_, Reading::Text(text))) if condition.takes(text) => {}
                Some((_, Reading::Many(all))) => match all.iter().filter(|one| condition.takes(one)).count() {
                    0 => return Trial::Loses(name),
                    some if some == all.len() => {}
                    // What another handler is meant to see would reach this one, or the other way round.
                    _ => return Trial::Differs(name),
                },
                Some((_, Reading::Differs)) => return Trial::Differs(name),
                _ => return Trial::Loses(name),
            }
        }
        for (condition, place) in self.matching.wheres.iter().zip(&self.wheres) {
            let holds = match &condition.equals {
                Some(wanted) => looked.found.is(*place, wanted),
                None => looked.found.at(*place).kind != Kind::Absent,
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
