//! What stands in an event and is not read by the one pass over it: packed logs, the topics of Kafka records.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{Base, plan};
use lambda_loader::route::{Source, Table, of_topics};
use lambda_loader::{Architecture, Code};
use serde_json::value::RawValue;

/// Routes that ask for it.
const ROUTES: &str = r#"{
  "version": 1,
  "plugins": { "p": { "path": "libp.so", "sha256": "0000000000000000000000000000000000000000000000000000000000000000" } },
  "routes": {
    "logs": {"source": "cloudwatch-logs", "to": "p", "log_group": "/aws/*"},
    "any-logs": {"source": "cloudwatch-logs", "to": "p"},
    "topic": {"source": "kafka", "to": "p", "topic": "a"},
    "topics": {"source": "kafka", "to": "p", "topic": "b*"},
    "mail": {"source": "ses", "to": "p", "recipient": "*@example.org"}
  }
}"#;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let manifest = Manifest::parse("routes.json", ROUTES.as_bytes()).expect("a manifest");
    let plan = plan(&manifest, None, &Base::Folder("/opt/loader".into()), Architecture::HERE).expect("a plan");
    Table::build(plan.routes.iter().map(|route| &route.matching))
});

/// Any bytes in the place of packed logs, of the logs in them, of Kafka's records, and of the whole event.
pub(crate) fn check(bytes: &[u8]) {
    logs(bytes);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).expect("memory");
    if let Some(group) = logs(&gzip.finish().expect("memory"))
        && let Ok(tree) = serde_json::from_slice::<serde_json::Value>(bytes)
    {
        assert_eq!(tree["logGroup"], group);
    }
    if let Ok(records) = std::str::from_utf8(bytes) {
        parts(format!("{{\"eventSource\":\"aws:kafka\",\"records\":{records}}}").as_bytes());
    }
    parts(bytes);
}

/// The log group that is read out of that, by what its explanation says.
fn logs(packed: &[u8]) -> Option<String> {
    let event = format!("{{\"awslogs\":{{\"data\":\"{}\"}}}}", BASE64_STANDARD.encode(packed));
    let (routed, explained) = match (TABLE.route(event.as_bytes()), TABLE.explain(event.as_bytes())) {
        (Ok(routed), Ok(explained)) => (routed, explained),
        (routed, explained) => {
            let refusal = routed.expect_err("as explained");
            assert_eq!(explained.expect_err("as routed"), refusal);
            assert_eq!(refusal.code, Code::EventAmbiguous, "it is JSON");
            return None;
        }
    };
    assert_eq!(routed.source, Source::CloudwatchLogs);
    let group = explained.keys.into_iter().find(|(key, _)| *key == "log_group").map(|(_, group)| group);
    let wanted = group.as_ref().is_some_and(|group| group.starts_with("/aws/"));
    assert_eq!(routed.route, Some(if wanted { 0 } else { 1 }), "{group:?}");
    group
}

/// Explained is as routed; and the parts of a Kafka event are the event: each record in exactly one of them, each of them going whole to
/// its route.
fn parts(event: &[u8]) {
    let (Ok(routed), Ok(explained)) = (TABLE.route(event), TABLE.explain(event)) else {
        assert_eq!(TABLE.route(event).err(), TABLE.explain(event).err());
        return;
    };
    assert_eq!((routed.source, routed.resource.as_deref()), (explained.source, explained.resource.as_deref()));
    let mut taking: Vec<usize> = explained.considered.iter().filter(|one| one.takes).map(|one| one.route).collect();
    taking.sort_unstable();
    taking.dedup();
    if routed.parts.is_empty() {
        return assert_eq!(taking, Vec::from_iter(routed.route));
    }
    let mut routes: Vec<usize> = routed.parts.iter().filter_map(|part| part.route).collect();
    routes.sort_unstable();
    assert_eq!(taking, routes);
    let mut all = Vec::new();
    for part in &routed.parts {
        let event = of_topics(event, &part.topics).expect("it was read before");
        let again = TABLE.route(&event).expect("a part is an event");
        assert_eq!((again.source, again.route), (routed.source, part.route), "{}", String::from_utf8_lossy(&event));
        assert!(again.parts.is_empty());
        all.extend(records(&event));
    }
    let mut whole = records(event);
    all.sort();
    whole.sort();
    assert_eq!(all, whole);
}

/// Partitions with their records, as they stand there.
fn records(event: &[u8]) -> Vec<(String, String)> {
    #[derive(serde::Deserialize)]
    struct Event {
        records: BTreeMap<String, Box<RawValue>>,
    }
    let event: Event = serde_json::from_slice(event).expect("a Kafka event");
    event.records.into_iter().map(|(key, records)| (key, records.get().to_owned())).collect()
}
