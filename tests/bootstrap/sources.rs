//! The main path: a real sample of each source to the plugin that the manifest names.

use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder};

/// A route to `echo` for each source, and for queue and rule to `orders`.
fn world() -> World {
    let manifest = json!({
        "plugins": { "orders": { "config": { "table": "orders-dev", "most_pieces": 5 } } },
        "routes": {
            "queue": { "source": "sqs", "resource": "orders", "to": "orders.on_message" },
            "other-queues": { "source": "sqs", "to": "echo" },
            "topic": { "source": "sns", "to": "echo.echo" },
            "bucket": { "source": "s3", "resource": "mybucket", "to": "echo" },
            "table": { "source": "dynamodb", "to": "echo" },
            "stream": { "source": "kinesis", "resource": "simple-stream", "to": "echo" },
            "nightly": { "source": "schedule", "resource": "my-scheduled-rule", "to": "orders.nightly" },
            "bus": { "source": "eventbridge", "event_source": "aws.ec2", "to": "echo" },
            "any-http": { "source": "http", "to": "echo" },
            "rest": { "source": "api-gateway-rest", "to": "echo" },
            "api": { "source": "api-gateway-http", "to": "echo" },
            "url": { "source": "function-url", "method": "GET", "path": "/my/{what}", "to": "echo" },
            "balancer": { "source": "alb", "path": "/{*rest}", "to": "echo" },
            "lattice": { "source": "vpc-lattice", "to": "echo" },
            "steps": { "source": "direct", "where": { "/state/name": true }, "to": "echo" },
            "migrate": { "source": "operation", "name": "migrate", "to": "echo" },
        },
    });
    World::start(lambda(), folder(&["echo", "orders"], manifest), &[("AWS_LAMBDA_LOG_FORMAT", "JSON")])
}

#[test]
fn a_sample_of_each_source_reaches_its_route_and_comes_back_byte_for_byte() {
    let world = world();
    let check = |event: Vec<u8>, source: &str, route: &str| {
        let answer = world.ask(event.clone());
        let response = answer.response().unwrap_or_else(|| panic!("{route}: {answer:?}\n{}", world.output()));
        assert!(response.body == event, "{route}: {:?}", response.body);
        assert_eq!((response.content_type.as_deref(), &response.chunks), (Some("application/json"), &None));
        let line = lines::of_request(&world.process, &answer.request_id, "answered in ");
        assert_eq!((&line["level"], &line["source"], &line["route"]), (&json!("INFO"), &json!(source), &json!(route)));
        assert_eq!(line["plugin"], "echo");
        assert!(line["digest"].as_str().is_some_and(|digest| echo_digest(&world).starts_with(digest)), "{line}");
    };
    check(sample("sqs-event"), "sqs", "other-queues");
    check(sample("sns-event"), "sns", "topic");
    check(sample("s3-event"), "s3", "bucket");
    check(sample("dynamodb-event"), "dynamodb", "table");
    check(sample("kinesis-event"), "kinesis", "stream");
    check(sample("eventbridge-event-obj"), "eventbridge", "bus");
    check(sample("apigw-request"), "api-gateway-rest", "rest");
    check(sample("apigw-v2-request-iam"), "api-gateway-http", "api");
    check(sample("lambda_http/lambda_function_url_request"), "function-url", "url");
    check(sample("lambda_http/alb_request"), "alb", "balancer");
    check(sample("vpc-lattice-v2-request"), "vpc-lattice", "lattice");
    check(b"{\"state\" : {\"name\":\t\"Wait\" } ,\n \"n\": 1.0e2}\r\n".to_vec(), "direct", "steps");
    check(b" { \"operation\": \"migrate\" , \"input\": [1,  \"\\u00e9 \xc3\xa9\"] } ".to_vec(), "operation", "migrate");
}

fn echo_digest(world: &World) -> String {
    let bytes = std::fs::read(world.folder.path().join("plugins/libecho.so")).unwrap();
    lambda_loader::Digest::of(&bytes).to_string()
}

/// An SQS event in the crate's own sample's words, for the queue `orders`.
fn batch(bodies: &[&str]) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(&sample("sqs-event")).unwrap();
    let record = event["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(number, body)| {
        let mut record = record.clone();
        record["messageId"] = format!("m-{number}").into();
        record["body"] = (*body).into();
        record["eventSourceARN"] = "arn:aws:sqs:us-west-2:123456789012:orders".into();
        record
    });
    event["Records"] = records.collect();
    event.to_string().into_bytes()
}

#[test]
fn a_batch_reports_what_it_did_not_take_and_the_night_s_report_has_config_and_state() {
    let world = world();
    let order = |id: &str, pieces: u32| json!({ "id": id, "pieces": pieces }).to_string();
    let (good, bad) = (order("a", 5), order("b", 6));
    let answer = world.ask(batch(&[&good, "no order", &bad, &good]));
    let reply: Value = serde_json::from_slice(&answer.response().unwrap().body).unwrap();
    assert_eq!(reply, json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }, { "itemIdentifier": "m-2" }] }));
    let line = lines::of_request(&world.process, &answer.request_id, "message not taken");
    assert_eq!(line["fields"], json!({ "message_id": "m-1", "refused": "not an order" }));
    assert_eq!((&line["route"], &line["plugin"], &line["level"]), (&json!("queue"), &json!("orders"), &json!("WARN")));
    assert_eq!(world.reply(batch(&[&good])), json!({ "batchItemFailures": [] }));

    let night = sample("eventbridge-schedule");
    assert_eq!(world.reply(night.clone()), json!({ "table": "orders-dev", "accepted": 3 }));
    assert_eq!(world.reply(night), json!({ "table": "orders-dev", "accepted": 0 }), "the report begins anew");
    let started = lines::line(&world.process, |line| line["message"] == "orders started");
    assert_eq!((&started["fields"], &started["plugin"]), (&json!({ "table": "orders-dev" }), &json!("orders")));
    assert_eq!(started.get("requestId"), None);
}

#[test]
fn the_start_line_names_every_file_and_why_the_manifest_is_believed() {
    let world = world();
    world.reply(batch(&[""]));
    let line = lines::line(&world.process, |line| line["message"].as_str().is_some_and(|text| text.starts_with("started in ")));
    let fields = &line["fields"];
    assert_eq!((&fields["trust"], &fields["slots"], &fields["routes"]), (&json!("pinned"), &json!(1), &json!(16)));
    assert_eq!(fields["manifest"], world.folder.manifest().to_str().unwrap());
    assert!(fields["version"].as_str().is_some_and(|text| text.contains(env!("CARGO_PKG_VERSION"))), "{line}");
    let label =
        fields["artifacts"].as_array().unwrap().iter().find_map(|artifact| artifact["file"].as_str()?.strip_prefix("echo@"));
    assert!(label.is_some_and(|digest| !digest.is_empty() && echo_digest(&world).starts_with(digest)), "{line}");
}
