//! What stands in an event to what the event is: the first row of the table that fits.

use std::borrow::Cow;

use super::condition::prepare;
use super::extract::{Found, Value};
use super::inside::{self, Listed};
use super::path::{without_query, without_stage};
use super::pick::Phase;
use super::pointer::of_table;
use super::row::{Around, How, Inside, Row, Test};
use super::scan::Kind;
use super::table::ROWS;
use super::trie::{Place, Trie, WHOLE};

/// A row with its pointers looked up.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) row: &'static Row,
    when: Vec<(Place, Test)>,
    /// Of each [`Test::Only`] in `when`, in order: the places.
    only: Vec<Place>,
    resource: Vec<Place>,
    keys: Vec<(&'static str, How, Vec<Place>)>,
    phase: Option<Place>,
    multi_value: Option<Place>,
}

/// What an event says where a key of routes looks.
#[derive(Clone, Debug)]
pub(super) enum Reading<'e> {
    /// No string.
    Nothing,
    /// This, made ready for comparison.
    Text(Cow<'e, str>),
    /// All of these.
    Many(Vec<String>),
    /// Not the same in all records.
    Differs,
    /// More than this; no route is asked.
    Beyond(&'static str),
    /// A key on the way to it is given twice; no route is asked.
    Twice,
}

/// All rows, their pointers entered into `trie`.
pub(super) fn rows(trie: &mut Trie) -> Vec<Known> {
    let mut known = Vec::with_capacity(ROWS.len());
    for row in ROWS {
        let mut only = Vec::new();
        for (_, test) in row.when {
            if let Test::Only(members) = test {
                only.extend(members.iter().map(|pointer| trie.place(&of_table(pointer))));
            }
        }
        known.push(Known {
            row,
            when: row.when.iter().map(|(pointer, test)| (trie.place(&of_table(pointer)), *test)).collect(),
            only,
            resource: row.resource.iter().map(|pointer| trie.place(&of_table(pointer))).collect(),
            keys: row
                .keys
                .iter()
                .map(|key| (key.name, key.how, key.at.iter().map(|pointer| trie.place(&of_table(pointer))).collect()))
                .collect(),
            phase: row.phase.map(|pointer| trie.place(&of_table(pointer))),
            multi_value: row.multi_value.map(|pointer| trie.place(&of_table(pointer))),
        });
    }
    known
}

impl Known {
    /// Whether the row is the event's.
    pub(super) fn fits(&self, found: &Found<'_>) -> bool {
        self.when.iter().all(|(place, test)| {
            let value = found.at(*place);
            match test {
                Test::Present => value.kind != Kind::Absent,
                Test::Text => value.kind == Kind::Text,
                Test::Array => value.kind == Kind::Array,
                Test::Object => value.kind == Kind::Object,
                Test::Is(wanted) => found.is(*place, wanted),
                Test::OneOf(wanted) => wanted.iter().any(|wanted| found.is(*place, wanted)),
                Test::Contains(part) => found.text(*place).is_some_and(|text| text.contains(part)),
                Test::Only(_) => {
                    let given = self.only.iter().filter(|place| found.given(**place)).count();
                    found.at(WHOLE).kind == Kind::Object && found.at(WHOLE).members == given
                }
            }
        })
    }

    /// Whether the records of the event differ in what makes them this row's, or in their resource.
    pub(super) fn is_mixed(&self, found: &Found<'_>) -> bool {
        self.when.iter().map(|(place, _)| place).chain(&self.resource).any(|place| found.at(*place).differs)
    }

    /// The resource.
    pub(super) fn resource<'e>(&self, found: &Found<'e>) -> Option<Cow<'e, str>> {
        self.resource.iter().find_map(|place| found.text(*place))
    }

    /// What all further keys of the row read, by name. `asked` says of a key whether any route has it.
    pub(super) fn readings<'e>(
        &self,
        event: &[u8],
        found: &Found<'e>,
        asked: impl Fn(&str) -> bool,
    ) -> Vec<(&'static str, Reading<'e>)> {
        // Every string of it is, and beyond strings JSON is ASCII.
        let text = || std::str::from_utf8(event).unwrap_or_default();
        let read = |(name, how, places): &(&'static str, How, Vec<Place>)| {
            let reading = match how {
                How::Inside(_) if !asked(name) => Reading::Nothing,
                How::Inside(Inside::Recipients) => listed(inside::recipients(text()), Reading::Nothing),
                How::Inside(Inside::Topics) => listed(inside::topics(text()), Reading::Differs),
                How::Inside(Inside::LogGroup) => {
                    let packed = places.iter().find_map(|place| found.text(*place));
                    match packed.map_or(Listed::Nothing, |packed| inside::log_group(&packed)) {
                        Listed::All(group) => Reading::Text(group.concat().into()),
                        other => listed(other, Reading::Nothing),
                    }
                }
                _ => self.reading(found, *how, places),
            };
            (*name, reading)
        };
        self.keys.iter().map(read).collect()
    }

    /// Which of the three a WebSocket event is.
    pub(super) fn phase(&self, found: &Found<'_>) -> Option<Phase> {
        let place = self.phase?;
        [("CONNECT", Phase::Connect), ("MESSAGE", Phase::Message), ("DISCONNECT", Phase::Disconnect)]
            .into_iter()
            .find_map(|(name, phase)| found.is(place, name).then_some(phase))
    }

    fn reading<'e>(&self, found: &Found<'e>, how: How, places: &[Place]) -> Reading<'e> {
        if places.iter().any(|place| found.at(*place).differs) {
            return Reading::Differs;
        }
        let Some(text) = places.iter().find_map(|place| found.text(*place)) else { return Reading::Nothing };
        Reading::Text(match how {
            How::Path(Around::Stage) => {
                let stage = self.keys.iter().find(|(name, ..)| *name == "stage");
                let stage = stage.and_then(|(_, _, places)| places.iter().find_map(|place| found.text(*place)));
                without_stage(text, stage.as_deref())
            }
            How::Path(Around::Query) => without_query(text),
            other => prepare(text, other),
        })
    }

    /// Whether the reply is to have multi-value headers.
    pub(super) fn multi_value(&self, found: &Found<'_>) -> bool {
        self.multi_value.map(|place| found.at(place)).is_some_and(|value: Value<'_>| value.kind == Kind::Object)
    }
}

fn listed(listed: Listed, nothing: Reading<'_>) -> Reading<'_> {
    match listed {
        Listed::Nothing => nothing,
        Listed::All(all) => Reading::Many(all),
        Listed::Beyond(limit) => Reading::Beyond(limit),
        Listed::Twice => Reading::Twice,
    }
}
