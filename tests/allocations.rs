//! What classification asks the allocator for: as much for a large event as for a small one. Counted, in a program of its own.

#![deny(unsafe_code)]

#[path = "support/counting.rs"]
#[allow(unreachable_pub, reason = "public to the program that includes it")]
mod counting;

use std::path::Path;

use counting::{Asked, Counting, counted};
use lambda_loader::Architecture;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{self, Base};
use lambda_loader::route::Table;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The routes of `plugins/manifest.json`, of which some read inside of events.
fn table() -> Table {
    let text = include_bytes!("../plugins/manifest.json");
    let manifest = Manifest::parse("plugins/manifest.json", text).unwrap();
    let plan = policy::plan(&manifest, None, &Base::Folder("/opt/loader".into()), Architecture::HERE).unwrap();
    Table::build(plan.routes.iter().map(|route| &route.matching))
}

/// What routing asked for, and where it led.
fn routed(table: &Table, event: &str) -> (String, Asked) {
    let (routed, asked) = counted(|| table.route(event.as_bytes()));
    let routed = routed.unwrap();
    (format!("{} {:?} {:?}", routed.source, routed.resource, routed.route), asked)
}

/// A megabyte of what no route reads: strings, escapes, numbers, lists and objects.
fn padding() -> String {
    let piece = r#"{"text":"a long string with \"escapes\" é in it","numbers":[1,-2.5e3,true,null],"more":{"a":{"b":[]}}},"#;
    format!("[{}0]", piece.repeat(1_000_000 / piece.len()))
}

#[test]
fn a_megabyte_more_in_an_event_of_any_source_takes_no_allocation_more() {
    let (table, padding) = (table(), padding());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("loader/command/event/samples");
    let mut samples = 0;
    for file in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let event = std::fs::read_to_string(&file).unwrap();
        let (_, members) = event.split_once('{').unwrap();
        // The envelope of an operation has no other member: its input grows.
        let large = match file.file_stem().unwrap().to_str().unwrap() {
            "operation" => event.replace(r#""input": {}"#, &format!(r#""input": {padding}"#)),
            _ => format!(r#"{{"padding": {padding},{members}"#),
        };
        assert!(large.len() > 900_000 + event.len(), "{}", file.display());
        assert_eq!(routed(&table, &large), routed(&table, &event), "{}", file.display());
        samples += 1;
    }
    assert!(samples > 40, "{samples}");
}

#[test]
fn ten_thousand_records_take_no_allocation_more_than_one() {
    let table = table();
    let record =
        r#"{"messageId":"m","body":"{\"order\":1}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:1:orders"}"#;
    let batch = |records: usize| format!(r#"{{"Records":[{}]}}"#, vec![record; records].join(","));
    let (one, all) = (routed(&table, &batch(1)), routed(&table, &batch(10_000)));
    assert_eq!(all, one);
    assert!(one.1.times < 10 && one.1.bytes < 32_768, "{one:?}");
}

#[test]
fn what_is_counted_is_what_is_asked_for() {
    let (kept, asked) = counted(|| {
        let mut bytes = vec![0_u8; 100];
        bytes.reserve_exact(1_000);
        (bytes, Box::new(7_u32))
    });
    assert_eq!(asked, Asked { times: 3, bytes: 100 + 1_100 + 4 });
    assert_eq!(counted(|| drop(kept)).1, Asked::default());
}
