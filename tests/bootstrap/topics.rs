//! A Kafka event whose topics have different routes: each handler gets its own topics, and the service one answer.

use serde_json::{Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder};

fn event(topics: &[&str]) -> Value {
    let records = topics.iter().map(|topic| {
        let record =
            json!({ "topic": topic, "partition": 0, "offset": 7, "value": "eyJvcmRlciI6MX0=", "marker": format!("of {topic}") });
        (format!("{topic}-0"), json!([record]))
    });
    let arn = "arn:aws:kafka:us-east-1:123456789012:cluster/orders/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2";
    json!({ "eventSource": "aws:kafka", "eventSourceArn": arn, "records": records.collect::<serde_json::Map<_, _>>() })
}

fn world(routes: Value) -> World {
    World::start(lambda(), folder(&["misbehave", "echo"], json!({ "routes": routes })), &[])
}

#[test]
fn each_handler_gets_its_own_topics_and_all_of_them_have_to_succeed() {
    let world = world(json!({
        "failures": { "source": "kafka", "topic": "bad*", "to": "misbehave.error" },
        "shouted": { "source": "kafka", "topic": "told", "to": "misbehave.tell" },
        "context": { "source": "kafka", "topic": "orders", "to": "misbehave.context" },
        "rest": { "source": "kafka", "to": "echo" },
    }));
    // One route has it all: the event goes through as it is.
    let whole = event(&["audit", "bills"]).to_string();
    assert_eq!(world.response(whole.clone()).body, whole);
    // Two have it, and both succeed.
    let answer = world.ask(event(&["orders", "audit"]).to_string());
    assert_eq!(answer.payload(), "null", "no handler reports single records");
    let line = lines::line_of(&world.process, &[&answer.request_id, "answered in "]);
    assert!(line.contains("route=rest+context") || line.contains("route=context+rest"), "{line}");
    // What the handler of a part sees is that part alone: it tells the whole event as its error.
    let [_, error_type, told] = world.error(event(&["audit", "told"]).to_string());
    assert_eq!(error_type, "Talkative");
    assert!(told.contains("of told") && !told.contains("of audit") && told.contains("aws:kafka"), "{told}");
    // The first one fails: the others run all the same, and the service hears of the failure.
    let answer = world.ask(event(&["bad-1", "orders"]).to_string());
    let Some((header, _)) = answer.error() else { panic!("{answer:?}") };
    assert_eq!(header, Some("Function.OutOfStock"));
    lines::line_of(&world.process, &[&answer.request_id, "through log"]);
}

#[test]
fn failures_of_single_records_are_reported_together() {
    let world = world(json!({
        "orders": { "source": "kafka", "topic": "orders", "to": "misbehave.records" },
        "rest": { "source": "kafka", "to": "misbehave.records", "batch": "each", "report_batch_item_failures": true },
    }));
    let mut both = event(&["orders", "audit"]);
    both["records"]["orders-0"][0]["do"] = "report".into();
    let mut failed = both["records"]["audit-0"][0].clone();
    failed["do"] = "error".into();
    failed["offset"] = 8.into();
    both["records"]["audit-0"].as_array_mut().unwrap().push(failed);
    let merged = world.reply(both.to_string());
    let item = |partition: &str, offset: u64| json!({ "itemIdentifier": { "partition": partition, "offset": offset } });
    let mut items = merged["batchItemFailures"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["itemIdentifier"]["offset"].as_u64());
    assert_eq!(items, [item("orders-0", 7), item("audit-0", 8)]);
}

#[test]
fn a_report_that_cannot_be_read_is_a_failure_and_never_success() {
    let world = world(json!({
        "orders": { "source": "kafka", "topic": "orders", "to": "echo" },
        "context": { "source": "kafka", "topic": "logged", "to": "misbehave.context" },
        "rest": { "source": "kafka", "to": "echo.echo" },
    }));
    // `echo` gives back what it gets, and so what stands beside the records.
    let reporting = |topics: &[&str], report: &Value| {
        let mut event = event(topics);
        event["batchItemFailures"] = report.clone();
        event.to_string()
    };
    for report in [json!({}), json!("none"), json!(0), json!(false), json!({ "itemIdentifier": "orders-0" })] {
        for topics in [&["orders", "audit"][..], &["audit"]] {
            let [header, _, message] = world.error(reporting(topics, &report));
            assert_eq!(header, "Runtime.LoaderReplyMalformed", "{report}");
            assert!(message.starts_with("`batchItemFailures` in the handler's reply is no list"), "{report}: {message}");
        }
    }
    for nothing in [json!(null), json!([])] {
        assert_eq!(world.ask(reporting(&["orders", "audit"], &nothing)).payload(), "null", "{nothing}");
    }
    // The other parts run all the same.
    let both = world.ask(reporting(&["audit", "logged"], &json!({})));
    lines::line_of(&world.process, &[&both.request_id, "code=reply-malformed"]);
    lines::line_of(&world.process, &[&both.request_id, "through log"]);
}

#[test]
fn a_topic_without_a_route_keeps_every_handler_from_running() {
    let world = world(json!({ "orders": { "source": "kafka", "topic": "orders", "to": "misbehave.context" } }));
    let answer = world.ask(event(&["orders", "audit"]).to_string());
    let Some((header, body)) = answer.error() else { panic!("{answer:?}") };
    let found = crate::world::error(header.map(str::to_owned), body);
    assert_eq!(
        found,
        ["Runtime.LoaderNoRoute", "Runtime.LoaderNoRoute", "no route takes some topics of this event of source kafka"]
    );
    lines::line_of(&world.process, &[&answer.request_id, "code=no-route"]);
    assert_eq!(lines::count(&world.process, &answer.request_id), 1, "the line of the failure, and none of a handler");
    // A record that belies its key goes nowhere.
    let mut lying = event(&["orders"]);
    lying["records"]["orders-0"][0]["topic"] = "audit".into();
    assert_eq!(world.error(lying.to_string())[0], "Runtime.LoaderEventMixed");
}
