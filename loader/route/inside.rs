//! What stands in an event where the one pass over it does not look: in lists, in keys, packed. Read only where a route asks for it.
//!
//! The event was found to be JSON before; what cannot be read here is as if it was not there, and no route takes it by that.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io::Read as _;
use std::marker::PhantomData;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// The most bytes that packed logs may unpack to. CloudWatch Logs packs at most 1 MB of records; whoever forges an event could make
/// six megabytes unpack to six gigabytes.
const UNPACKED: u64 = 16 << 20;

/// What of one event is compared with every route is limited, so that nobody who forges one can make thousands of names meet a
/// thousand routes. An event source mapping reads one topic (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>).
const TOPICS: usize = 100;

/// No name of a topic is longer
/// (<https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/internals/Topic.java>).
const TOPIC: usize = 249;

/// SES takes no incoming mail for more (<https://docs.aws.amazon.com/ses/latest/dg/quotas.html>).
const RECIPIENTS: usize = 500;

/// No address is longer: 64 bytes, `@`, 255 bytes (<https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1>).
const RECIPIENT: usize = 320;

/// What stands in a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// Nothing, or nothing that can be told.
    Nothing,
    /// These.
    All(Vec<String>),
    /// More of them than there can be, or a longer one. The limit, in words.
    Beyond(&'static str),
    /// One thing or another: a key on the way is given twice.
    Twice,
}

/// A key that decides is given twice in one object: parsers disagree on which one counts.
#[derive(Debug)]
struct Twice;

/// The recipients that the receipt rule of an SES event matched, in lower case.
pub(super) fn recipients(event: &str) -> Listed {
    let all = match addressed(event) {
        Ok(all) => all.unwrap_or_default(),
        Err(Twice) => return Listed::Twice,
    };
    if all.len() > RECIPIENTS || all.iter().any(|recipient| recipient.len() > RECIPIENT) {
        return Listed::Beyond("500 recipients, of 320 bytes each");
    }
    if all.is_empty() { Listed::Nothing } else { Listed::All(all.iter().map(|recipient| recipient.to_lowercase()).collect()) }
}

/// Whom the mails of an SES event are for; `None` where that cannot be told of one.
fn addressed(event: &str) -> Result<Option<Vec<String>>, Twice> {
    let records = member(event, "Records")?.and_then(|records| serde_json::from_str::<Vec<&RawValue>>(records.get()).ok());
    let mut all = Vec::new();
    for record in records.unwrap_or_default() {
        let mut found = Some(record);
        for key in ["ses", "receipt", "recipients"] {
            found = found.map_or(Ok(None), |object| member(object.get(), key))?;
        }
        match found.and_then(|recipients| serde_json::from_str::<Vec<String>>(recipients.get()).ok()) {
            Some(recipients) => all.extend(recipients),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// A member of an object; `None` where it has none, or where it is no object.
fn member<'e>(object: &'e str, key: &str) -> Result<Option<&'e RawValue>, Twice> {
    let Ok(Members(members)) = serde_json::from_str(object) else { return Ok(None) };
    let mut found = members.into_iter().filter(|(name, _)| name == key).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { Err(Twice) } else { Ok(first) }
}

/// The log group of the packed `awslogs.data`: base64 around gzip around JSON, unpacked piece by piece and never kept
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>).
pub(super) fn log_group(data: &str) -> Listed {
    let Ok(packed) = base64::prelude::BASE64_STANDARD.decode(data) else { return Listed::Nothing };
    let unpacked = flate2::read::GzDecoder::new(packed.as_slice()).take(UNPACKED);
    match serde_json::from_reader(std::io::BufReader::new(unpacked)) {
        Ok(LogGroups(groups)) if groups.len() > 1 => Listed::Twice,
        Ok(LogGroups(groups)) if !groups.is_empty() => Listed::All(groups),
        _ => Listed::Nothing,
    }
}

/// The topics of a Kafka event, each once, in its order. Nothing where they cannot be told, as where a record belies its key.
pub(super) fn topics(event: &str) -> Listed {
    let partitions = match partitions(event) {
        Ok(Some(Members(partitions))) => partitions,
        Ok(None) => return Listed::Nothing,
        Err(Twice) => return Listed::Twice,
    };
    let mut known = HashSet::new();
    let mut topics = Vec::new();
    // All keys before any record, so that it does not matter in which order they stand.
    for (key, _) in &partitions {
        let topic = topic(key);
        if known.insert(topic) {
            topics.push(topic.to_owned());
        }
        if topics.len() > TOPICS || topic.len() > TOPIC {
            return Listed::Beyond("100 topics, with names of 249 bytes each");
        }
    }
    for (key, records) in &partitions {
        #[derive(Deserialize)]
        struct Record<'r> {
            #[serde(borrow)]
            topic: Option<Cow<'r, str>>,
        }
        let topic = topic(key);
        let Ok(records) = serde_json::from_str::<Vec<Object<Record<'_>>>>(records.get()) else { return Listed::Nothing };
        if records.iter().any(|Object(record)| record.topic.as_deref().is_some_and(|of_record| of_record != topic)) {
            return Listed::Nothing;
        }
    }
    if topics.is_empty() { Listed::Nothing } else { Listed::All(topics) }
}

/// The same Kafka event with the records of these topics alone.
pub fn of_topics(event: &[u8], topics: &[String]) -> Option<Bytes> {
    let event = std::str::from_utf8(event).ok()?;
    let mut members: Members<'_> = serde_json::from_str(event).ok()?;
    let mut records = partitions(event).ok()??;
    let wanted: HashSet<&str> = topics.iter().map(String::as_str).collect();
    records.0.retain(|(key, _)| wanted.contains(topic(key)));
    let records = serde_json::value::to_raw_value(&records).ok()?;
    for (key, value) in &mut members.0 {
        if key == "records" {
            *value = &records;
        }
    }
    serde_json::to_vec(&members).ok().map(Bytes::from)
}

/// The members of `records`: the keys are topic, dash, partition
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html#msk-sample-event>).
fn partitions(event: &str) -> Result<Option<Members<'_>>, Twice> {
    let records = member(event, "records")?;
    Ok(records.and_then(|records| serde_json::from_str(records.get()).ok()))
}

fn topic(key: &str) -> &str {
    match key.rsplit_once('-') {
        Some((topic, partition)) if !partition.is_empty() && partition.bytes().all(|byte| byte.is_ascii_digit()) => topic,
        _ => key,
    }
}

/// An object, and nothing else: what serde derives takes an array for a struct as well.
struct Object<T>(T);

impl<'e, T: Deserialize<'e>> Deserialize<'e> for Object<T> {
    fn deserialize<D: Deserializer<'e>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'e, T: Deserialize<'e>> Visitor<'e> for Map<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'e>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Map(PhantomData))
    }
}

/// Each value of the key `logGroup` of an object; the rest is passed over as it comes.
struct LogGroups(Vec<String>);

impl<'e> Deserialize<'e> for LogGroups {
    fn deserialize<D: Deserializer<'e>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'e> Visitor<'e> for Each {
            type Value = LogGroups;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'e>>(self, mut map: A) -> Result<LogGroups, A::Error> {
                let mut groups = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    // Two say that there are several.
                    if key == "logGroup" && groups.len() < 2 {
                        groups.push(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(LogGroups(groups))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// The members of an object as they stand there, in their order.
struct Members<'e>(Vec<(Cow<'e, str>, &'e RawValue)>);

impl<'e> Deserialize<'e> for Members<'e> {
    fn deserialize<D: Deserializer<'e>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'e> Visitor<'e> for All {
            type Value = Members<'e>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'e>>(self, mut map: A) -> Result<Members<'e>, A::Error> {
                #[derive(Deserialize)]
                #[serde(transparent)]
                struct Key<'e>(#[serde(borrow)] Cow<'e, str>);
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(text: &[u8]) -> String {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text).unwrap();
        base64::prelude::BASE64_STANDARD.encode(gzip.finish().unwrap())
    }

    #[test]
    fn a_log_group_is_read_out_of_its_packing_and_nothing_bad_gets_further() {
        let good = packed(br#"{"owner":"1","logGroup":"/aws/x","logEvents":[{"a":1e999}]}"#);
        assert_eq!(log_group(&good), Listed::All(vec!["/aws/x".into()]));
        for bad in [&b"{}"[..], b"", b"[]", br#"["/aws/x"]"#, br#"{"logGroup":1}"#, b"{\"logGroup\":\"a\""] {
            assert_eq!(log_group(&packed(bad)), Listed::Nothing, "{bad:?}");
        }
        for twice in
            ["{\"logGroup\":\"a\",\"logGroup\":\"b\"}", "{\"logGroup\":\"a\",\"x\":0,\"\\u006cogGroup\":\"a\",\"logGroup\":1}"]
        {
            assert_eq!(log_group(&packed(twice.as_bytes())), Listed::Twice, "{twice}");
        }
        assert_eq!(log_group("not base64!"), Listed::Nothing);
        assert_eq!(log_group(&base64::prelude::BASE64_STANDARD.encode("not gzip")), Listed::Nothing);
    }

    #[test]
    fn what_unpacks_to_more_than_there_can_be_is_not_unpacked() {
        let mut bomb = br#"{"logGroup":"/aws/x","logEvents":[""#.to_vec();
        bomb.resize(bomb.len() + 64 * 1024 * 1024, b'a');
        bomb.extend_from_slice(b"\"]}");
        let bomb = packed(&bomb);
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        assert_eq!(log_group(&bomb), Listed::Nothing);
    }

    #[test]
    fn topics_are_those_of_the_keys_and_of_every_record() {
        let event = |records: &str| format!(r#"{{"eventSource":"aws:kafka","records":{records}}}"#);
        #[track_caller]
        fn check(event: &str, expected: Option<&[&str]>) {
            assert_eq!(
                topics(event),
                expected.map_or(Listed::Nothing, |topics| Listed::All(topics.iter().map(|t| (*t).to_owned()).collect()))
            );
        }
        check(&event(r#"{"a-0":[{"topic":"a"}],"b-1-2":[{}],"a-1":[]}"#), Some(&["a", "b-1"]));
        check(&event(r#"{"a-0":[{"topic":"a"},{"topic":"b"}]}"#), None);
        check(&event(r#"{"\u0061-0":[{"topic":"\u0061"}]}"#), Some(&["a"]));
        check(&event("{}"), None);
        check(&event("[]"), None);
        check(r#"{"eventSource":"aws:kafka"}"#, None);
        assert_eq!(topics(r#"{"records":{"a-0":[]},"records":{"b-0":[]}}"#), Listed::Twice);
        // In whatever order they stand.
        let (belied, long) = (r#""a-0":[{"topic":"b"}]"#, format!("\"{}-0\":[]", "l".repeat(TOPIC + 1)));
        for records in [format!("{{{belied},{long}}}"), format!("{{{long},{belied}}}")] {
            assert!(matches!(topics(&event(&records)), Listed::Beyond(_)), "{records}");
        }
    }

    #[test]
    fn a_part_of_a_kafka_event_is_the_event_but_for_the_other_topics() {
        let event = br#"{"eventSource":"aws:kafka","records":{"a-0":[{"offset":1.50}],"b-0":[],"a-1":[ 2 ]},"x":[null]}"#;
        let part = of_topics(event, &["a".to_owned()]).unwrap();
        assert_eq!(part, r#"{"eventSource":"aws:kafka","records":{"a-0":[{"offset":1.50}],"a-1":[ 2 ]},"x":[null]}"#);
    }

    #[test]
    fn recipients_are_those_of_all_records_in_lower_case() {
        let event = r#"{"Records":[{"ses":{"receipt":{"recipients":["A@X.org","b@x.org"]}}},{"ses":{"receipt":{"recipients":["c@x.org"]}}}]}"#;
        let all = ["a@x.org", "b@x.org", "c@x.org"];
        assert_eq!(recipients(event), Listed::All(all.map(str::to_owned).into()));
        assert_eq!(recipients(r#"{"Records":[{"ses":{"receipt":{"recipients":[]}}}]}"#), Listed::Nothing);
        assert_eq!(recipients(r#"{"Records":[{"ses":{"receipt":{"recipients":[1]}}}]}"#), Listed::Nothing);
        assert_eq!(recipients(r#"{"Records":[{"ses":{"receipt":["a@x.org"]}}]}"#), Listed::Nothing);
        for twice in [
            r#"{"Records":[{"ses":{"receipt":{"recipients":["a@x.org"],"recipients":["b@x.org"]}}}]}"#,
            r#"{"Records":[{"ses":{"receipt":{"recipients":["a@x.org"],"\u0072ecipients":["a@x.org"]}}}]}"#,
            r#"{"Records":[{"ses":{"receipt":{"recipients":["a@x.org"]},"receipt":null}}]}"#,
            r#"{"Records":[{"ses":{"receipt":{"recipients":["a@x.org"]}},"ses":{}}]}"#,
        ] {
            assert_eq!(recipients(twice), Listed::Twice, "{twice}");
        }
    }
}
