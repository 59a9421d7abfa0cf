//! Why an event goes where it goes: the rule that named its source, and what each route made of it.

use std::fmt::Write as _;

use super::classify::Reading;
use super::pick::{Looked, Table, Trial, differs};
use super::row::{Row, Test};
use super::source::Source;
use super::table::ROWS;
use crate::refusal::Refusal;

/// Why an event goes where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The source.
    pub source: Source,
    /// What made it this source.
    pub rule: Rule,
    /// The resource, where the source has one and the event gives it.
    pub resource: Option<String>,
    /// What the event gives for the further keys of its source's routes, by their names. Keys of which nothing was read are left out.
    pub keys: Vec<(&'static str, String)>,
    /// What each route made of it, in the order in which they are tried: as many as [`Table::build`] was given. For a Kafka event
    /// with several topics: all of them, once for each topic.
    pub considered: Vec<Considered>,
}

/// A row of the table of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number, from 1. The first row that fits wins.
    pub number: usize,
    /// How many rows there are.
    pub of: usize,
    /// What it wants, in words.
    pub when: String,
}

/// What one route made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// The route, as its number among those that [`Table::build`] was given.
    pub route: usize,
    /// The topic that this is about, where the event has several.
    pub topic: Option<String>,
    /// Whether it has the event.
    pub takes: bool,
    /// Why it has not: the key by which it lost, `source` among them; `None` where it has, or an earlier route has it.
    pub by: Option<&'static str>,
    /// The same in words.
    pub why: String,
}

impl Table {
    /// Why `event` goes where it goes.
    ///
    /// # Errors
    /// As [`Table::route`].
    pub fn explain(&self, event: &[u8]) -> Result<Explanation, Refusal> {
        let mut looked = self.look(event)?;
        let mut keys: Vec<_> = looked.readings.iter().filter_map(|(name, reading)| Some((*name, words(reading)?))).collect();
        keys.dedup();
        let mut considered = Vec::new();
        match looked.take_topics() {
            None => self.consider(&looked, None, &mut considered)?,
            Some(topics) => {
                let several = topics.len() > 1;
                for topic in topics {
                    looked.set("topic", Reading::Text(topic.clone().into()));
                    self.consider(&looked, several.then_some(topic.as_str()), &mut considered)?;
                }
            }
        }
        let row = self.row(looked.row);
        let rule = Rule { number: looked.row + 1, of: ROWS.len(), when: row.map(when).unwrap_or_default() };
        let resource = looked.resource.map(|resource| resource.into_owned());
        Ok(Explanation { source: looked.source, rule, resource, keys, considered })
    }

    fn consider(&self, looked: &Looked<'_>, topic: Option<&str>, all: &mut Vec<Considered>) -> Result<(), Refusal> {
        let mut taken = false;
        for (route, trial) in self.trials(looked).into_iter().enumerate() {
            let (takes, by, why) = match trial {
                None => (false, Some("source"), format!("it is not for events of source {}", looked.source)),
                Some(Trial::Takes) if taken => {
                    (false, None, "it would take the event, and a more specific route has it".to_owned())
                }
                Some(Trial::Takes) => (true, None, "it has the event".to_owned()),
                Some(Trial::Differs(key)) if !taken => return Err(differs(looked.source, key)),
                Some(Trial::Loses(key) | Trial::Differs(key)) => (false, Some(key), lost(looked, key)),
            };
            taken |= takes;
            all.push(Considered { route, topic: topic.map(str::to_owned), takes, by, why });
        }
        Ok(())
    }
}

fn words(reading: &Reading<'_>) -> Option<String> {
    match reading {
        Reading::Text(text) => Some(text.clone().into_owned()),
        Reading::Many(all) => Some(all.join(", ")),
        Reading::Nothing | Reading::Differs | Reading::Beyond(_) | Reading::Twice => None,
    }
}

fn lost(looked: &Looked<'_>, key: &str) -> String {
    let given = match key {
        "where" => return "what it wants by `where` does not stand in the event".to_owned(),
        "resource" => looked.resource.as_deref().map(str::to_owned),
        key => looked.readings.iter().find(|(name, _)| *name == key).and_then(|(_, reading)| words(reading)),
    };
    match given {
        Some(given) => format!("it wants another `{key}` than {given:?}"),
        None => format!("it wants a `{key}`, and the event gives none"),
    }
}

/// What a row wants, in words.
fn when(row: &Row) -> String {
    if row.when.is_empty() {
        return "no other rule fits".to_owned();
    }
    let mut text = String::new();
    for (at, test) in row.when {
        let at = if at.is_empty() { "the event" } else { at };
        let between = if text.is_empty() { "" } else { ", and " };
        let list = |names: &[&str]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
        let _ = match test {
            Test::Present => write!(text, "{between}{at} is there"),
            Test::Text => write!(text, "{between}{at} is a string"),
            Test::Array => write!(text, "{between}{at} is an array"),
            Test::Object => write!(text, "{between}{at} is an object"),
            Test::Is(wanted) => write!(text, "{between}{at} is {wanted:?}"),
            Test::OneOf(wanted) => write!(text, "{between}{at} is {}", list(wanted)),
            Test::Contains(part) => write!(text, "{between}{at} contains {part:?}"),
            Test::Only(members) => write!(text, "{between}{at} has no other keys than {}", members.join(" and ")),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::matching::Match;
    use super::*;

    fn explain(routes: &[&str], event: &str) -> Explanation {
        let routes: Vec<Match> = routes.iter().map(|json| Match::parse(&serde_json::from_str(json).unwrap()).unwrap()).collect();
        Table::build(routes.iter()).explain(event.as_bytes()).unwrap()
    }

    #[test]
    fn each_route_says_why_it_has_the_event_or_not() {
        let queue = r#"{"source":"sqs","to":"p","resource":"orders"}"#;
        let routes = [
            r#"{"source":"sqs","to":"p","resource":"bills"}"#,
            queue,
            r#"{"source":"sqs","to":"p"}"#,
            r#"{"source":"sns","to":"p"}"#,
        ];
        let event = r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:orders"}]}"#;
        let explained = explain(&routes, event);
        assert_eq!((explained.source, explained.rule.number), (Source::Sqs, 1));
        assert_eq!(explained.rule.when, "/Records/*/eventSource is \"aws:sqs\"");
        let said: Vec<_> = explained.considered.iter().map(|one| (one.takes, one.by, one.why.as_str())).collect();
        assert_eq!(
            said,
            [
                (false, Some("resource"), "it wants another `resource` than \"arn:aws:sqs:us-east-1:123456789012:orders\""),
                (true, None, "it has the event"),
                (false, None, "it would take the event, and a more specific route has it"),
                (false, Some("source"), "it is not for events of source sqs"),
            ]
        );
    }

    #[test]
    fn an_event_that_no_rule_but_the_last_fits_is_direct() {
        let explained = explain(&[r#"{"source":"direct","to":"p","where":{"/a":true}}"#], "{}");
        assert_eq!((explained.rule.number, explained.rule.when.as_str()), (explained.rule.of, "no other rule fits"));
        assert_eq!(explained.considered[0].by, Some("where"));
    }

    #[test]
    fn topics_are_explained_one_by_one() {
        let routes = [r#"{"source":"kafka","to":"p","topic":"a"}"#, r#"{"source":"kafka","to":"p"}"#];
        let explained = explain(&routes, r#"{"eventSource":"aws:kafka","records":{"a-0":[],"b-0":[]}}"#);
        assert_eq!(explained.keys, [("topic", "a, b".to_owned())]);
        let taken: Vec<_> =
            explained.considered.iter().filter(|one| one.takes).map(|one| (one.topic.as_deref(), one.route)).collect();
        assert_eq!(taken, [(Some("a"), 0), (Some("b"), 1)]);
    }
}
