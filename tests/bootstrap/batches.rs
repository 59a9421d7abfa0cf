//! Batches, whole and one record at a time: what is told to the service, and in which order records are worked on.

use std::time::Duration;

use lambda_loader::local::{Event, Kind};
use serde_json::{Map, Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder};

/// A world in which each source of batches, and a FIFO queue, leads to one handler.
fn world(keys: Value) -> World {
    world_with(keys, json!({}))
}

fn world_with(keys: Value, more: Value) -> World {
    let mut routes = Map::new();
    for source in ["sqs", "kinesis", "dynamodb", "kafka"] {
        let mut route = keys.clone();
        route["source"] = source.into();
        route["to"] = "misbehave.records".into();
        routes.insert(source.into(), route);
    }
    routes.insert("echo".into(), json!({ "source": "operation", "name": "echo", "to": "echo" }));
    let mut manifest = json!({ "routes": routes, "deadline_margin_ms": 1_000 });
    for (key, value) in more.as_object().unwrap() {
        manifest[key] = value.clone();
    }
    World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[])
}

fn each() -> World {
    world(json!({ "batch": "each", "report_batch_item_failures": true }))
}

/// One way in which batches come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Queue,
    /// Two groups, taking turns.
    Fifo,
    Kinesis,
    Dynamodb,
    /// Two partitions, the first half of the records in one, the rest in the other.
    Kafka,
}

const WAYS: [Way; 5] = [Way::Queue, Way::Fifo, Way::Kinesis, Way::Dynamodb, Way::Kafka];

impl Way {
    /// A batch of records, each of which does what is said.
    fn event(self, records: &[&str]) -> Value {
        let all = records.iter().enumerate().map(|(n, does)| {
            let mut record = match self {
                Way::Queue | Way::Fifo => {
                    let name = if self == Way::Fifo { "orders.fifo" } else { "orders" };
                    json!({
                        "messageId": format!("m-{n}"), "eventSource": "aws:sqs",
                        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{name}"),
                        "attributes": { "MessageGroupId": if n % 2 == 0 { "even" } else { "odd" } },
                    })
                }
                Way::Kinesis => json!({
                    "eventSource": "aws:kinesis", "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
                    "eventID": format!("shardId-000000000006:{n}"), "kinesis": { "sequenceNumber": n.to_string(), "partitionKey": "p" },
                }),
                Way::Dynamodb => json!({
                    "eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026",
                    "eventID": "e", "dynamodb": { "SequenceNumber": n.to_string() },
                }),
                Way::Kafka => json!({ "topic": "orders", "partition": n * 2 / records.len(), "offset": n }),
            };
            record["n"] = n.into();
            let (does, at) = does.split_once('=').unwrap_or((does, "2"));
            record["do"] = does.into();
            record["at"] = at.parse::<u64>().unwrap().into();
            record
        });
        if self != Way::Kafka {
            return json!({ "Records": all.collect::<Vec<_>>() });
        }
        let mut partitions = Map::new();
        for record in all {
            let list = partitions.entry(format!("orders-{}", record["partition"])).or_insert_with(|| json!([]));
            list.as_array_mut().unwrap().push(record);
        }
        json!({ "eventSource": "aws:kafka", "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c/u", "records": partitions })
    }

    /// The reply that reports these of so many records.
    fn reported(self, of: usize, failed: &[usize]) -> Value {
        let item = |n: &usize| match self {
            Way::Queue | Way::Fifo => json!(format!("m-{n}")),
            Way::Kinesis | Way::Dynamodb => json!(n.to_string()),
            Way::Kafka => json!({ "partition": format!("orders-{}", n * 2 / of), "offset": n }),
        };
        let items: Vec<_> = failed.iter().map(|n| json!({ "itemIdentifier": item(n) })).collect();
        json!({ "batchItemFailures": items })
    }
}

/// Sends a batch, and expects a report of these records.
#[track_caller]
fn check(world: &World, way: Way, records: &[&str], failed: &[usize]) -> String {
    let answer = world.ask(way.event(records).to_string());
    let response = answer.response().unwrap_or_else(|| panic!("{way:?} {records:?}: {answer:?}\n{}", world.output()));
    let reply: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(reply, way.reported(records.len(), failed), "{way:?} {records:?}");
    lines::line_of(&world.process, &[&answer.request_id, "answered in"]);
    answer.request_id
}

/// Which records of a request began, in that order.
fn begun(world: &World, request_id: &str) -> Vec<usize> {
    let number = |text: &str| text.split("begins ").nth(1)?.split_whitespace().next()?.parse().ok();
    let logs = world.process.logs();
    logs.iter().filter(|line| line.text.contains(request_id)).filter_map(|line| number(&line.text)).collect()
}

#[test]
fn what_failed_is_reported_and_with_it_what_must_not_overtake_it() {
    let world = each();
    // Where the second of four fails: what is reported, and what began.
    for (way, failed, began) in [
        (Way::Queue, &[1][..], &[0, 1, 2, 3][..]),
        (Way::Fifo, &[1, 3], &[0, 1, 2]),
        (Way::Kinesis, &[1, 2, 3], &[0, 1]),
        (Way::Dynamodb, &[1, 2, 3], &[0, 1]),
        (Way::Kafka, &[1], &[0, 1, 2, 3]),
    ] {
        for does in ["error", "panic", "report", "huge", "stray"] {
            let id = check(&world, way, &["", does, "", ""], failed);
            assert_eq!(begun(&world, &id), began, "{way:?} {does}");
            let code = match does {
                "panic" => "code=handler-panicked",
                "huge" => "code=reply-too-large",
                "stray" => "code=record-unknown",
                _ => "code=handler-failed",
            };
            lines::line_of(&world.process, &[&id, " ERROR ", "record 2 of 4: ", code]);
        }
    }
    // The first of a partition takes the rest of it along, and no other partition.
    let id = check(&world, Way::Kafka, &["error", "", "", ""], &[0, 1]);
    assert_eq!(begun(&world, &id), [0, 2, 3]);
    for way in WAYS {
        let id = check(&world, way, &["", "", ""], &[]);
        assert_eq!(begun(&world, &id), [0, 1, 2], "{way:?}: none failed");
        let [header, error_type, message] = world.error(way.event(&["error", "error"]).to_string());
        assert_eq!(
            [header.as_str(), &error_type, &message],
            ["Function.OutOfStock", "OutOfStock", "nothing left"],
            "{way:?}: all failed"
        );
    }
    world.serves_on();
}

#[test]
fn without_the_owner_s_word_one_failure_is_that_of_the_batch() {
    let world = world(json!({ "batch": "each" }));
    for way in WAYS {
        let answer = world.ask(way.event(&["", "error", "", ""]).to_string());
        assert_eq!(answer.error().and_then(|(header, _)| header), Some("Function.OutOfStock"), "{way:?}");
        lines::line_of(&world.process, &[&answer.request_id, "the handler failed: OutOfStock code=handler-failed"]);
        assert_eq!(begun(&world, &answer.request_id), [0, 1], "{way:?}: it comes again, whole");
        assert_eq!(world.reply(way.event(&["", "", ""]).to_string()), Value::Null, "{way:?}");
    }
}

#[test]
fn the_handler_gets_the_bytes_of_its_record_in_those_of_the_event() {
    let routes = json!({ "queue": { "source": "sqs", "to": "misbehave.tell", "batch": "each" } });
    let world = World::start(lambda(), folder(&["misbehave"], json!({ "routes": routes })), &[]);
    let record =
        r#"{"messageId":"m","body":"\u00e9\/","n":1.50,"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:1:q"}"#;
    let event = |records: &str| format!(r#"{{ "z": 1, "Records":[{records}], "a" : [ ] }}"#);
    let other = record.replace("\"m\"", "\"n\"");
    let [_, error_type, told] = world.error(event(&format!(" {record} , {other} ")));
    assert_eq!(error_type, "Talkative");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), serde_json::from_str::<Value>(&event(record)).unwrap());
}

#[test]
fn before_the_deadline_it_is_told_what_was_not_reached() {
    let world = each();
    for (way, failed) in [
        (Way::Queue, &[1, 2, 3][..]),
        (Way::Fifo, &[1, 2, 3]),
        (Way::Kinesis, &[1, 2, 3]),
        (Way::Dynamodb, &[1, 2, 3]),
        (Way::Kafka, &[1, 2, 3]),
    ] {
        let event = way.event(&["", "sleep", "", ""]).to_string();
        let answer = world.ask(Event { timeout: Some(Duration::from_secs(3)), ..Event::new(event) });
        let Kind::Response(response) = &answer.kind else { panic!("{way:?}: {answer:?}") };
        assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap(), way.reported(4, failed), "{way:?}");
        lines::line_of(&world.process, &[&answer.request_id, "record 2 of 4: ", "code=deadline-exceeded"]);
        // Of one shard nothing could have begun anyway.
        if !matches!(way, Way::Kinesis | Way::Dynamodb) {
            lines::line_of(
                &world.process,
                &[&answer.request_id, " WARN ", "the deadline came before ", "code=deadline-exceeded"],
            );
        }
        assert_eq!(begun(&world, &answer.request_id), [0, 1], "{way:?}");
    }
    // None was done: then it is the failure of all.
    let event = Way::Queue.event(&["sleep", ""]).to_string();
    let answer = world.ask(Event { timeout: Some(Duration::from_secs(3)), ..Event::new(event) });
    assert_eq!(answer.error().and_then(|(header, _)| header), Some("Runtime.LoaderDeadlineExceeded"));
    world.serves_on();
}

#[test]
fn no_record_begins_that_would_not_have_the_time_that_one_takes() {
    let world = each();
    let many = vec!["nap"; 400];
    let event = Way::Kinesis.event(&many).to_string();
    let answer = world.ask(Event { timeout: Some(Duration::from_secs(3)), ..Event::new(event) });
    let Kind::Response(response) = &answer.kind else { panic!("{answer:?}") };
    let reply: Value = serde_json::from_slice(&response.body).unwrap();
    let failed = reply["batchItemFailures"].as_array().unwrap().len();
    assert!(failed > 300 && failed < 400, "{failed}");
    let first: usize = reply["batchItemFailures"][0]["itemIdentifier"].as_str().unwrap().parse().unwrap();
    assert_eq!(first, 400 - failed, "everything before it is done");
}

#[test]
fn a_record_whose_handler_blocks_ends_the_process_and_the_batch_comes_again() {
    let world = each();
    let event = Way::Queue.event(&["", "block", ""]).to_string();
    let answer = world.ask(Event { timeout: Some(Duration::from_secs(3)), ..Event::new(event) });
    assert_eq!(answer.error().and_then(|(header, _)| header), Some("Runtime.LoaderDeadlineExceeded"));
    assert_eq!(world.exit_code(), Some(1), "{}", world.output());
    assert_eq!(begun(&world, &answer.request_id), [0, 1]);
}

#[test]
fn records_without_order_are_worked_on_at_once_and_those_with_one_never() {
    let world = world(json!({ "batch": "each", "report_batch_item_failures": true, "concurrency": 3 }));
    // Each waits for the other two: alone it would never end.
    check(&world, Way::Queue, &["meet=3", "meet=3", "meet=3"], &[]);
    // One of each group, one of each partition.
    check(&world, Way::Fifo, &["meet=5", "meet=5"], &[]);
    check(&world, Way::Kafka, &["meet=7", "meet=7"], &[]);
    let order = |id: &str| -> Vec<String> {
        let logs = world.process.logs();
        let lines = logs.iter().filter(|line| line.text.contains(id));
        let word = |text: &str, word: &str| Some(format!("{word} {}", text.split(word).nth(1)?.split_whitespace().next()?));
        lines.filter_map(|line| word(&line.text, "begins").or_else(|| word(&line.text, "ends"))).collect()
    };
    // Of one group, shard or partition the next begins when the last has ended.
    let id = check(&world, Way::Kinesis, &["nap", "nap", "nap"], &[]);
    assert_eq!(order(&id), ["begins 0", "ends 0", "begins 1", "ends 1", "begins 2", "ends 2"]);
    let id = check(&world, Way::Fifo, &["nap", "", "", ""], &[]);
    let order = order(&id);
    let place = |what: &str| order.iter().position(|line| line == what).unwrap();
    assert!(place("ends 0") < place("begins 2") && place("ends 1") < place("begins 3"), "{order:?}");
    assert!(place("begins 1") < place("ends 0"), "the other group does not wait: {order:?}");
    // No more at once than it says.
    let id = check(&world, Way::Queue, &["nap"; 7], &[]);
    let logs = world.process.logs();
    let (mut now, mut most) = (0, 0);
    for line in logs.iter().filter(|line| line.text.contains(&id)) {
        now += i32::from(line.text.contains("begins ")) - i32::from(line.text.contains("ends "));
        most = most.max(now);
    }
    assert_eq!((now, most), (0, 3));
    // One that fails takes none of the others along, in flight or not.
    check(&world, Way::Queue, &["nap", "panic", "nap", "", "error", ""], &[1, 4]);
}

#[test]
fn an_event_whose_records_cannot_be_told_apart_fails_and_no_handler_runs() {
    let world = each();
    #[track_caller]
    fn check(world: &World, way: Way, change: impl FnOnce(&mut Value), words: &str) {
        let mut event = way.event(&["", ""]);
        change(&mut event);
        let answer = world.ask(event.to_string());
        let Some((header, body)) = answer.error() else { panic!("{answer:?}") };
        let [header, _, message] = crate::world::error(header.map(str::to_owned), body);
        assert_eq!(header, "Runtime.LoaderBatchMalformed", "{message}");
        assert!(message.contains(words), "{message}");
        lines::line_of(&world.process, &[&answer.request_id, "code=batch-malformed"]);
        assert_eq!(lines::count(&world.process, &answer.request_id), 1, "{}", world.output());
    }
    let twice = "two records of one identifier";
    check(&world, Way::Queue, |event| event["Records"][1]["messageId"] = "m-0".into(), twice);
    check(&world, Way::Kinesis, |event| event["Records"][1]["kinesis"]["sequenceNumber"] = "0".into(), twice);
    check(&world, Way::Dynamodb, |event| event["Records"][1]["dynamodb"]["SequenceNumber"] = "0".into(), twice);
    check(&world, Way::Kafka, |event| event["records"]["orders-1"] = json!([{ "offset": 1 }, { "offset": 1 }]), twice);
    let missing = "a record without an identifier";
    check(&world, Way::Queue, |event| event["Records"][1]["messageId"] = Value::Null, missing);
    check(&world, Way::Kinesis, |event| event["Records"][1]["kinesis"] = json!({}), missing);
    check(&world, Way::Dynamodb, |event| event["Records"][1]["dynamodb"]["SequenceNumber"] = "".into(), missing);
    check(&world, Way::Kafka, |event| event["records"]["orders-1"][0]["offset"] = "1".into(), missing);
    check(&world, Way::Kafka, |event| event["records"] = json!({}), "has no records");
}

#[test]
fn a_whole_batch_s_reply_may_report_its_own_records_and_no_others() {
    let world = world(json!({}));
    for way in WAYS {
        check(&world, way, &["", "", ""], &[]);
        check(&world, way, &["report", "", "report"], &[0, 2]);
        for stray in ["stray", "empty"] {
            let answer = world.ask(way.event(&["report", stray, ""]).to_string());
            let Some((header, body)) = answer.error() else { panic!("{way:?} {stray}: {answer:?}") };
            let [header, _, message] = crate::world::error(header.map(str::to_owned), body);
            assert_eq!(header, "Runtime.LoaderRecordUnknown", "{way:?} {stray}");
            assert!(
                message.starts_with("`batchItemFailures[1].itemIdentifier` in the handler's reply is of no record"),
                "{message}"
            );
            lines::line_of(&world.process, &[&answer.request_id, "code=record-unknown"]);
        }
    }
}

#[test]
fn on_error_is_told_of_each_record_with_that_record_alone_and_may_answer_for_it() {
    let on_error = json!({ "on_error": "misbehave.report" });
    let world = world_with(json!({ "batch": "each", "report_batch_item_failures": true }), on_error.clone());
    let event = |then: &str| {
        let mut event = Way::Queue.event(&["", "error", "panic"]);
        event["input"] = json!({ "then": then });
        event.to_string()
    };
    let answer = world.ask(event("ignore"));
    let Kind::Response(response) = &answer.kind else { panic!("{answer:?}") };
    assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap(), Way::Queue.reported(3, &[1, 2]));
    lines::line_of(&world.process, &[&answer.request_id, "reported \"OutOfStock\""]);
    lines::line_of(&world.process, &[&answer.request_id, "reported \"Runtime.LoaderHandlerPanicked\""]);
    assert_eq!(world.reply(event("handle")), Way::Queue.reported(3, &[]), "handled is done");
    // All failed: it has heard of each, and not once more of them together.
    let answer = world.ask(Way::Queue.event(&["error", "error"]).to_string());
    assert!(answer.error().is_some());
    lines::line_of(&world.process, &[&answer.request_id, " ERROR ", "the handler failed: OutOfStock code=handler-failed"]);
    world.ends();
    let told = |line: &&lambda_loader::local::Line| line.text.contains(&answer.request_id) && line.text.contains("reported ");
    assert_eq!(world.process.logs().iter().filter(told).count(), 2);
}
