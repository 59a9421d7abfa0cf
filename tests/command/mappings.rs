//! `verify --mappings`: what brings the events, against what the routes say of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};
use crate::support;

const REPORTS: &[&str] = &["ReportBatchItemFailures"];

fn mapping(uuid: &str, arn: &str, types: &[&str]) -> Value {
    json!({
        "UUID": uuid, "BatchSize": 10, "EventSourceArn": arn, "State": "Enabled", "LastModified": 1_790_000_000.5,
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:orders-prod", "FunctionResponseTypes": types,
    })
}

fn sandbox() -> Sandbox {
    let to = |mut route: Value| {
        route["to"] = "echo".into();
        route
    };
    Sandbox::locked(&json!({
        "version": 1,
        "plugins": { "echo": { "path": "plugins/libecho.so" } },
        "routes": {
            "queue": to(json!({ "source": "sqs", "resource": "orders", "batch": "each", "report_batch_item_failures": true })),
            "clicks": to(json!({ "source": "kinesis", "resource": "clicks" })),
            "table": to(json!({ "source": "dynamodb", "resource": "t" })),
            "topics": to(json!({ "source": "kafka", "resource": "c", "topic": "order*" })),
            "own": to(json!({ "source": "kafka", "topic": "own" })),
            "broker": to(json!({ "source": "rabbitmq", "resource": "b" })),
        },
    }))
}

fn run(sandbox: &Sandbox, mappings: &[Value], more: &[&str]) -> Run {
    sandbox.write("mappings.json", json!({ "EventSourceMappings": mappings }).to_string());
    sandbox.run(&[&["verify", "--mappings", "mappings.json"], more].concat())
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:orders";
const CLICKS: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-01-01T00:00:00.000";
const CLUSTER: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/c/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2";
const BROKER: &str = "arn:aws:mq:us-east-1:123456789012:broker:b:b-1";

#[test]
fn mappings_that_agree_with_their_routes_are_listed_with_them() {
    let sandbox = sandbox();
    let mut topics = mapping("4", CLUSTER, &[]);
    topics["Topics"] = json!(["orders", "orders-2"]);
    let mut own = mapping("5", "", &[]);
    own.as_object_mut().unwrap().remove("EventSourceArn");
    own["SelfManagedEventSource"] = json!({ "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["k:9092"] } });
    own["Topics"] = json!(["own"]);
    let mut broker = mapping("6", BROKER, &[]);
    broker["SourceAccessConfigurations"] = json!([{ "Type": "VIRTUAL_HOST", "URI": "/" }]);
    let all = [mapping("1", QUEUE, REPORTS), mapping("2", CLICKS, &[]), mapping("3", TABLE, &[]), topics, own, broker];
    let text = run(&sandbox, &all, &[]);
    let lines: Vec<_> = text.done().out.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            format!("ok      mapping 1  {QUEUE}  route queue"),
            format!("ok      mapping 2  {CLICKS}  route clicks"),
            format!("ok      mapping 3  {TABLE}  route table"),
            format!("ok      mapping 4  {CLUSTER}  topic orders  route topics"),
            format!("ok      mapping 4  {CLUSTER}  topic orders-2  route topics"),
            "ok      mapping 5  self-managed  topic own  route own".to_owned(),
            format!("ok      mapping 6  {BROKER}  route broker"),
        ]
    );
    let json = run(&sandbox, &all[..1], &["--format", "json"]).done().json();
    let row = json!({ "uuid": "1", "function": "orders-prod", "resource": QUEUE, "topic": null, "route": "queue", "ok": true });
    assert_eq!((&json["ok"], &json["mappings"]), (&true.into(), &json!([row])));
}

#[test]
fn one_that_differs_from_its_route_or_has_none_is_refused() {
    let sandbox = sandbox();
    let differs = "mapping-report-differs";
    let lost = ["mapping \"1\": the route \"queue\" says that it has ReportBatchItemFailures, and it has not", "--uuid 1"];
    run(&sandbox, &[mapping("1", QUEUE, &[])], &[]).refused(3, differs, &lost);
    let unsaid = "mapping \"2\": it has ReportBatchItemFailures, and the route \"clicks\" does not say so";
    run(&sandbox, &[mapping("2", CLICKS, REPORTS)], &[]).refused(3, differs, &[unsaid]);
    let other = QUEUE.replace("orders", "returns");
    let unrouted = run(&sandbox, &[mapping("3", &other, &[]), mapping("1", QUEUE, REPORTS)], &[]);
    unrouted.refused(3, "mapping-unrouted", &["mapping \"3\": no route takes the events of ", &other]);
    assert!(
        unrouted.out.contains(&format!("refused mapping 3  {other}\nok      mapping 1  {QUEUE}  route queue\n")),
        "{unrouted:?}"
    );
    let mut topics = mapping("4", CLUSTER, &[]);
    topics["Topics"] = json!(["orders", "bills"]);

    run(&sandbox, &[topics], &[]).refused(3, "mapping-unrouted", &["topic \"bills\""]);
    // A message broker that no route has, and a source of which there is no kind of route.
    run(&sandbox, &[mapping("5", BROKER, &[])], &[]).refused(3, "mapping-unrouted", &[BROKER]);
    run(&sandbox, &[mapping("6", "arn:aws:new:us-east-1:1:x", &[])], &[]).refused(3, "mapping-unrouted", &["arn:aws:new"]);
    let json = run(&sandbox, &[mapping("3", &other, &[])], &["--format", "json"]);
    assert_eq!((json.code, json.json()["ok"].clone()), (3, false.into()));
    let row = &json.json()["mappings"][0];
    assert_eq!((&row["ok"], &row["route"], &row["error"]["code"]), (&false.into(), &Value::Null, &"mapping-unrouted".into()));
}

#[test]
fn mappings_of_functions_that_the_manifest_is_not_for_are_none_of_its_business() {
    let sandbox = Sandbox::locked(&json!({
        "version": 1, "functions": ["orders-*"],
        "plugins": { "echo": { "path": "plugins/libecho.so" } },
        "routes": { "queue": { "source": "sqs", "resource": "orders", "to": "echo" } },
    }));
    let mut other = mapping("2", CLICKS, REPORTS);
    other["FunctionArn"] = "arn:aws:lambda:us-east-1:123456789012:function:clicks:live".into();
    let text = run(&sandbox, &[mapping("1", QUEUE, &[]), other], &[]);
    assert!(text.done().out.contains("mapping 1") && !text.out.contains("mapping 2"), "{text:?}");
}

#[test]
fn what_is_no_list_of_mappings_is_refused() {
    let sandbox = sandbox();
    for (text, words) in [
        ("", "EOF while parsing"),
        ("{}", "missing field `EventSourceMappings`"),
        ("[]", "invalid length 0"),
        (r#"{"EventSourceMappings":[{}]}"#, "missing field `UUID`"),
        (r#"{"EventSourceMappings":[],"NextToken":"x"}"#, "the list goes on"),
    ] {
        sandbox.write("mappings.json", text);
        let run = sandbox.run(&["verify", "--mappings", "mappings.json"]);
        run.refused(2, "mappings-invalid", &["mappings.json: ", words]);
    }
    sandbox.run(&["verify", "--mappings", "none.json"]).refused(2, "mappings-invalid", &["none.json: no such file"]);
}

/// The list goes through the client that people take, which words it in its own way.
#[test]
fn what_the_aws_client_prints_is_read_from_standard_input() {
    let Some(aws) = support::client("aws", &["--version"]) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let lambda = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let body = json!({ "EventSourceMappings": [mapping("1", QUEUE, &[])] }).to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        request
    });
    let mut command = Command::new(aws);
    command.args(["lambda", "list-event-source-mappings", "--function-name", "orders-prod", "--output", "json"]);
    command.envs([("AWS_ENDPOINT_URL_LAMBDA", &*address), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    command.envs([
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_PAGER", ""),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(lambda.join().unwrap().starts_with("GET /2015-03-31/event-source-mappings"));
    let sandbox = sandbox();
    let run = sandbox.run_with(&["verify", "--mappings", "-"], &[], &String::from_utf8(output.stdout).unwrap());
    run.refused(3, "mapping-report-differs", &["mapping \"1\": the route \"queue\" says"]);
}
