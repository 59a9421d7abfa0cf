//! The records of a batch: where each stands in the event, what identifies it, and which others it must not overtake.
//!
//! Read only where records are handed over one by one, or where a reply names some of them. The event was found to be JSON before.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::scan::{Scanner, Stop};
use super::source::Source;
use crate::refusal::{Code, Refusal};

/// A batch of SQS, Kinesis, DynamoDB or Kafka, as it stands in its event.
#[derive(Debug)]
pub struct Records<'e> {
    text: &'e str,
    /// The list of all records, with its brackets.
    list: Range<usize>,
    records: Vec<Record<'e>>,
    /// How many lanes there are.
    lanes: usize,
    by_identifier: HashMap<Identifier<'e>, usize>,
}

#[derive(Debug)]
struct Record<'e> {
    at: Range<usize>,
    /// Kafka: the key of its list, with its quotes.
    partition: Option<&'e str>,
    /// The identifier as it stands in the event.
    identifier: &'e str,
    /// Those of one lane are worked on in their order.
    lane: usize,
}

/// What a record is called in a reply: a message id or sequence number; Kafka's are a partition of a topic, and an offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identifier<'t> {
    partition: Option<Cow<'t, str>>,
    own: Cow<'t, str>,
}

/// What a reply reports of single records: the value of `batchItemFailures`.
#[derive(Debug)]
pub struct Reported<'r> {
    text: &'r str,
    /// Where each `{"itemIdentifier": …}` begins.
    items: Vec<usize>,
}

/// What is wrong with an event or a reply.
type Wrong = &'static str;

/// Where a member's key, with its quotes, and its value stand.
type Member = (Range<usize>, Range<usize>);

impl<'e> Records<'e> {
    /// Finds the records of an event of that source and resource.
    ///
    /// # Errors
    /// [`Code::BatchMalformed`]: there are none, or one has no identifier, or that of another one.
    pub fn read(event: &'e [u8], source: Source, resource: Option<&str>) -> Result<Self, Refusal> {
        let malformed = |what: String| {
            Refusal::new(Code::BatchMalformed, "event", format!("this `{source}` event {what}"))
                .hint("send it as the service does: every record with an identifier of its own")
        };
        let text = std::str::from_utf8(event).map_err(|_| malformed("is not UTF-8".into()))?;
        let name = if source == Source::Kafka { "records" } else { "Records" };
        let list = match member(text, 0, name) {
            Ok(Some(list)) => list,
            Ok(None) => return Err(malformed(format!("has no `{name}`"))),
            Err(what) => return Err(malformed(format!("has {what}"))),
        };
        let mut batch = Records { text, list: list.clone(), records: Vec::new(), lanes: 0, by_identifier: HashMap::new() };
        let mut lanes = HashMap::new();
        // A standard queue may give its messages groups as well (fair queues), and promises no order within them.
        let fifo = source == Source::Sqs && resource.is_some_and(|resource| resource.ends_with(".fifo"));
        let read = if source == Source::Kafka {
            members(text, list.start).and_then(|partitions| {
                partitions.into_iter().enumerate().try_for_each(|(lane, (key, list))| {
                    let partition = text.get(key).ok_or("a key that cannot be read")?;
                    elements(text, list.start)?.into_iter().try_for_each(|at| batch.add(source, at, Some(partition), lane))
                })
            })
        } else {
            elements(text, list.start).and_then(|all| {
                all.into_iter().enumerate().try_for_each(|(index, at)| {
                    let lane = match source {
                        // One event is of one shard, and what is reported of it one checkpoint.
                        Source::Kinesis | Source::Dynamodb => 0,
                        _ if fifo => {
                            let group = text_at(text, at.start, &["attributes", "MessageGroupId"])?;
                            let next = lanes.len();
                            *lanes.entry(group.map(|(group, _)| group)).or_insert(next)
                        }
                        _ => index,
                    };
                    batch.add(source, at, None, lane)
                })
            })
        };
        let count = batch.records.len();
        read.map_err(|what| malformed(format!("has {what}, after record {count}")))?;
        if count == 0 {
            return Err(malformed("has no records".into()));
        }
        batch.lanes = batch.records.iter().map(|record| record.lane + 1).max().unwrap_or_default();
        Ok(batch)
    }

    fn add(&mut self, source: Source, at: Range<usize>, partition: Option<&'e str>, lane: usize) -> Result<(), Wrong> {
        let path: &[&str] = match source {
            Source::Kinesis => &["kinesis", "sequenceNumber"],
            Source::Dynamodb => &["dynamodb", "SequenceNumber"],
            _ => &["messageId"],
        };
        let (own, raw) = match partition {
            Some(_) => offset(self.text, at.start)?.map(|raw| (Cow::Borrowed(raw), raw)),
            None => text_at(self.text, at.start, path)?.filter(|(own, _)| !own.is_empty()),
        }
        .ok_or("a record without an identifier")?;
        let partition_name = partition.map(|key| unquoted(key).ok_or("a key that cannot be read")).transpose()?;
        let identifier = Identifier { partition: partition_name, own };
        if self.by_identifier.insert(identifier, self.records.len()).is_some() {
            return Err("two records of one identifier");
        }
        self.records.push(Record { at, partition, identifier: raw, lane });
        Ok(())
    }

    /// How many there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch without records is refused")]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The records of each lane, in their order: those of one lane must not overtake each other.
    #[must_use]
    pub fn lanes(&self) -> Vec<std::collections::VecDeque<usize>> {
        let mut lanes = vec![std::collections::VecDeque::new(); self.lanes];
        for (index, record) in self.records.iter().enumerate() {
            if let Some(lane) = lanes.get_mut(record.lane) {
                lane.push_back(index);
            }
        }
        lanes.retain(|lane| !lane.is_empty());
        lanes
    }

    /// The event with that record alone; all other bytes are those of the event.
    #[must_use]
    pub fn alone(&self, index: usize) -> Option<Bytes> {
        let record = self.records.get(index)?;
        let (open, close) = (self.list.start + 1, self.list.end.checked_sub(1)?);
        let pieces = match record.partition {
            None => ["", "", self.text.get(record.at.clone())?, ""],
            Some(key) => [key, ":[", self.text.get(record.at.clone())?, "]"],
        };
        let (before, after) = (self.text.get(..open)?, self.text.get(close..)?);
        let mut event = String::with_capacity(before.len() + pieces.iter().map(|p| p.len()).sum::<usize>() + after.len());
        event.push_str(before);
        pieces.iter().for_each(|piece| event.push_str(piece));
        event.push_str(after);
        Some(Bytes::from(event))
    }

    /// The reply that reports these records as failed
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html>).
    #[must_use]
    pub fn report(&self, failed: impl Iterator<Item = usize>) -> Bytes {
        let mut reply = String::from(r#"{"batchItemFailures":["#);
        for (count, record) in failed.filter_map(|index| self.records.get(index)).enumerate() {
            reply.push_str(if count == 0 { r#"{"itemIdentifier":"# } else { r#",{"itemIdentifier":"# });
            match record.partition {
                None => reply.push_str(record.identifier),
                Some(partition) => {
                    reply.extend([r#"{"partition":"#, partition, r#","offset":"#, record.identifier, "}"]);
                }
            }
            reply.push('}');
        }
        reply.push_str("]}");
        Bytes::from(reply)
    }

    /// Which records a reply names, each as often as it is named.
    ///
    /// # Errors
    /// [`Code::RecordUnknown`]: one is not of this batch. AWS takes such a reply for the failure of all, as it does an empty or missing
    /// identifier, where it notices.
    pub fn named(&self, reported: &Reported<'_>) -> Result<Vec<usize>, Refusal> {
        let find = |(count, at): (usize, &usize)| {
            let identifier = match member(reported.text, *at, "itemIdentifier") {
                Ok(Some(at)) => identifier(reported.text, at),
                Ok(None) | Err(_) => None,
            };
            identifier.and_then(|identifier| self.by_identifier.get(&identifier).copied()).ok_or_else(|| {
                let what =
                    format!("`batchItemFailures[{count}].itemIdentifier` in the handler's reply is of no record of the batch");
                Refusal::new(Code::RecordUnknown, "", what).hint("report the record's own identifier, as the event has it")
            })
        };
        reported.items.iter().enumerate().map(find).collect()
    }
}

impl<'r> Reported<'r> {
    /// What a reply reports; `None`: nothing.
    ///
    /// # Errors
    /// [`Code::ReplyMalformed`]: `batchItemFailures` is no list.
    pub fn of(reply: &'r [u8]) -> Result<Option<Self>, Refusal> {
        let malformed = || {
            Refusal::new(Code::ReplyMalformed, "", "`batchItemFailures` in the handler's reply is no list")
                .hint("reply with a list")
        };
        let Ok(text) = std::str::from_utf8(reply) else { return Ok(None) };
        if !matches!(Scanner::new(text.as_bytes()).peek(), Ok(b'{')) {
            return Ok(None);
        }
        let Some(list) = member(text, 0, "batchItemFailures").map_err(|_| malformed())? else { return Ok(None) };
        let items = elements(text, list.start).map_err(|_| malformed())?;
        if items.is_empty() {
            return Ok(None);
        }
        Ok(Some(Reported { text, items: items.into_iter().map(|item| item.start).collect() }))
    }
}

/// The value of an `itemIdentifier`.
fn identifier(text: &str, at: Range<usize>) -> Option<Identifier<'_>> {
    if let Some(own) = text.get(at.clone()).and_then(unquoted) {
        return Some(Identifier { partition: None, own });
    }
    let (partition, _) = text_at(text, at.start, &["partition"]).ok()??;
    let own = offset(text, at.start).ok()??;
    Some(Identifier { partition: Some(partition), own: own.into() })
}

/// The digits of the member `offset`.
fn offset(text: &str, object: usize) -> Result<Option<&str>, Wrong> {
    let digits = member(text, object, "offset")?.and_then(|at| text.get(at));
    Ok(digits.filter(|digits| digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit())))
}

/// The string at the end of a path of members, without and with its quotes.
fn text_at<'t>(text: &'t str, object: usize, path: &[&str]) -> Result<Option<(Cow<'t, str>, &'t str)>, Wrong> {
    let mut at = object..object;
    for name in path {
        match member(text, at.start, name)? {
            Some(found) => at = found,
            None => return Ok(None),
        }
    }
    Ok(text.get(at).and_then(|raw| Some((unquoted(raw)?, raw))))
}

/// The characters of a string; `None`: it is none.
fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    Scanner::new(raw.as_bytes()).string("").ok().map(super::scan::Text::decode)
}

/// Where the value of a member stands; `null` is as if it was not there.
fn member(text: &str, object: usize, name: &str) -> Result<Option<Range<usize>>, Wrong> {
    let mut found = None;
    for (key, value) in members(text, object)? {
        let is = text.get(key).and_then(unquoted).is_some_and(|key| key == name);
        if is && found.replace(value).is_some() {
            return Err("a key twice that identifies records");
        }
    }
    Ok(found.filter(|at| text.get(at.clone()) != Some("null")))
}

/// Where the keys, with their quotes, and values of the object stand that begins at `start`.
fn members(text: &str, start: usize) -> Result<Vec<Member>, Wrong> {
    let mut members = Vec::new();
    list(text, start, (b'{', b'}'), |scanner| {
        scanner.peek()?;
        let key = scanner.at();
        scanner.string("")?;
        let key = key..scanner.at();
        scanner.expect(b':', "")?;
        members.push((key, value(scanner)?));
        Ok(())
    })
    .map_err(|Stop| "something else where an object should be")?;
    Ok(members)
}

/// Where the elements of the array stand that begins at `start`.
fn elements(text: &str, start: usize) -> Result<Vec<Range<usize>>, Wrong> {
    let mut elements = Vec::new();
    list(text, start, (b'[', b']'), |scanner| {
        elements.push(value(scanner)?);
        Ok(())
    })
    .map_err(|Stop| "something else where a list should be")?;
    Ok(elements)
}

fn list<'t>(
    text: &'t str,
    start: usize,
    (open, close): (u8, u8),
    mut item: impl FnMut(&mut Scanner<'t>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.rewind(start);
    scanner.expect(open, "")?;
    if scanner.peek()? == close {
        return Ok(());
    }
    loop {
        item(&mut scanner)?;
        if scanner.peek()? == close {
            return Ok(());
        }
        scanner.expect(b',', "")?;
    }
}

fn value(scanner: &mut Scanner<'_>) -> Result<Range<usize>, Stop> {
    scanner.peek()?;
    let start = scanner.at();
    scanner.skip()?;
    Ok(start..scanner.at())
}

#[cfg(test)]
mod tests;
