//! `event`: every sample is what it says it is, for the loader and for the types of others.

use aws_lambda_events::event as aws;
use lambda_loader::route::Table;
use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

fn sample(arguments: &[&str]) -> Run {
    Sandbox::new("{}").run(&[&["event"], arguments].concat())
}

/// Source and resource as routing sees them.
fn routed(event: &str) -> (String, Option<String>) {
    let table = Table::build(std::iter::empty());
    let routed = table.route(event.as_bytes()).unwrap();
    (routed.source.to_string(), routed.resource.map(|resource| resource.into_owned()))
}

fn listed() -> Vec<(String, Vec<String>)> {
    let list = sample(&["--list", "--format", "json"]).done().json();
    let row = |row: &Value| {
        let options = row["options"].as_array().unwrap().iter().map(|option| option.as_str().unwrap().to_owned());
        (row["source"].as_str().unwrap().to_owned(), options.collect())
    };
    list.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_sample_is_classified_as_its_source_and_filled_in_by_all_of_its_options() {
    let all = listed();
    let wanted = "sqs sns s3 dynamodb kinesis eventbridge schedule api-gateway-rest api-gateway-http function-url alb vpc-lattice \
                  operation direct";
    for source in wanted.split_whitespace() {
        assert!(all.iter().any(|(listed, _)| listed == source), "{source}");
    }
    let lines = sample(&["--list"]).done().out.clone();
    assert_eq!(lines.lines().count(), all.len(), "{lines}");
    for (source, options) in &all {
        assert!(lines.lines().any(|line| line.split_whitespace().next() == Some(source)), "{source}");
        let text = sample(&[source]).done().out.clone();
        assert_eq!(routed(&text).0, *source);
        let mut arguments = vec![source.as_str()];
        for option in options {
            let value = match option.as_str() {
                "--body" => r#"{"mark":"filled-in"}"#,
                "--path" => "/filled-in/path",
                "--method" => "patch",
                _ => "filled-in-name",
            };
            arguments.extend([option.as_str(), value]);
        }
        let filled = sample(&arguments).done().out.clone();
        let (is, resource) = routed(&filled);
        assert_eq!(is, *source, "{filled}");
        if options.iter().any(|option| option == "--resource") {
            assert!(resource.unwrap().contains("filled-in-name"), "{filled}");
        }
        for (option, text) in [("--path", "/filled-in/path"), ("--method", "PATCH"), ("--body", "mark"), ("--body", "eyJtYXJr")] {
            let is_there = filled.contains(text);
            assert!(!is_there || options.iter().any(|taken| taken == option), "{source} {option}: {filled}");
        }
        for option in options {
            let places = match option.as_str() {
                "--path" => filled.contains("/filled-in/path"),
                "--method" => filled.contains("PATCH"),
                "--body" => filled.contains("mark") || filled.contains("eyJtYXJr"),
                _ => filled.contains("filled-in-name"),
            };
            assert!(places, "{source} {option}: {filled}");
        }
        assert_eq!(filled == text, options.is_empty(), "{source}");
    }
}

#[test]
fn every_sample_is_what_the_types_of_aws_lambda_events_take() {
    #[track_caller]
    fn check<T: serde::de::DeserializeOwned>(source: &str) -> T {
        serde_json::from_str(&sample(&[source]).done().out).unwrap_or_else(|error| panic!("{source}: {error}"))
    }
    let sqs: aws::sqs::SqsEvent = check("sqs");
    assert_eq!(sqs.records[0].body.as_deref(), Some(r#"{"order":1}"#));
    let sns: aws::sns::SnsEvent = check("sns");
    assert_eq!(sns.records[0].sns.message, r#"{"order":1}"#);
    let s3: aws::s3::S3Event = check("s3");
    assert_eq!(s3.records[0].s3.bucket.name.as_deref(), Some("uploads"));
    let dynamodb: aws::dynamodb::Event = check("dynamodb");
    assert_eq!(dynamodb.records[0].event_name, "INSERT");
    let kinesis: aws::kinesis::KinesisEvent = check("kinesis");
    assert_eq!(kinesis.records[0].kinesis.data.as_slice(), br#"{"order":1}"#);
    let codecommit: aws::code_commit::CodeCommitEvent = check("codecommit");
    assert_eq!(codecommit.records.len(), 1);
    let kafka: aws::kafka::KafkaEvent = check("kafka");
    assert_eq!(kafka.records["orders-0"].len(), 1);
    let authorizer: aws::apigw::ApiGatewayCustomAuthorizerRequest = check("authorizer");
    assert!(authorizer.method_arn.is_some());
    let websocket: aws::apigw::ApiGatewayWebsocketProxyRequest = check("websocket");
    assert_eq!(websocket.request_context.event_type.as_deref(), Some("MESSAGE"));
    let alb: aws::alb::AlbTargetGroupRequest = check("alb");
    assert_eq!(alb.path.as_deref(), Some("/orders"));
    let lattice: aws::vpc_lattice::VpcLatticeRequestV2 = check("vpc-lattice");
    assert_eq!(lattice.path.as_deref(), Some("/orders"));
    let url: aws::lambda_function_urls::LambdaFunctionUrlRequest = check("function-url");
    assert_eq!(url.raw_path.as_deref(), Some("/orders"));
    let http: aws::apigw::ApiGatewayV2httpRequest = check("api-gateway-http");
    assert_eq!(http.raw_path.as_deref(), Some("/orders"));
    let rest: aws::apigw::ApiGatewayProxyRequest = check("api-gateway-rest");
    assert_eq!(rest.path.as_deref(), Some("/orders"));
    let schedule: aws::eventbridge::EventBridgeEvent<Value> = check("schedule");
    assert_eq!(schedule.detail_type, "Scheduled Event");
    let eventbridge: aws::eventbridge::EventBridgeEvent<Value> = check("eventbridge");
    assert_eq!(eventbridge.detail["order"], 1);
    let cognito: aws::cognito::CognitoEventUserPoolsPreSignup = check("cognito");
    assert_eq!(cognito.cognito_event_user_pools_header.user_pool_id.as_deref(), Some("us-east-1_Example"));
    let cloudformation: aws::cloudformation::CloudFormationCustomResourceRequest = check("cloudformation");
    assert!(matches!(cloudformation, aws::cloudformation::CloudFormationCustomResourceRequest::Create(_)));
    let rotation: aws::secretsmanager::SecretsManagerSecretRotationEvent = check("secrets-rotation");
    assert_eq!(rotation.step, "createSecret");
    // The loader's own; anything fits.
    let ours = ["operation", "direct"];
    assert_eq!(listed().len(), 19 + ours.len(), "a new sample needs its type here");
}

#[test]
fn options_fill_the_sample_in() {
    let event = sample(&["sqs", "--body", "hello", "--resource", "invoices"]).done().json();
    assert_eq!(event["Records"][0]["body"], "hello");
    assert_eq!(event["Records"][0]["eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:invoices");
    assert_eq!(event["Records"][0].get("md5OfBody"), None);
    let arn = "arn:aws-cn:sqs:cn-north-1:1:q";
    assert_eq!(sample(&["sqs", "--resource", arn]).done().json()["Records"][0]["eventSourceARN"], arn);
    let event = sample(&["http", "--path", "/a/b", "--method", "post", "--body", "x"]).done().json();
    assert_eq!([&event["rawPath"], &event["requestContext"]["http"]["method"], &event["body"]], ["/a/b", "POST", "x"]);
    let event = sample(&["operation", "--name", "reindex", "--body", "[1]"]).done().json();
    assert_eq!(event, json!({ "operation": "reindex", "input": [1] }));
    assert_eq!(sample(&["direct", "--body", "7"]).done().json(), 7);
    assert_eq!(sample(&["kinesis", "--body", "hello"]).done().json()["Records"][0]["kinesis"]["data"], "aGVsbG8=");
}

#[test]
fn mistakes_say_what_to_do() {
    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let run = sample(arguments);
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (2, "", format!("error[usage]: {expected}\n").as_str()));
    }
    check(&["sqss"], "event: there is no event source \"sqss\" (hint: is \"sqs\" meant)");
    check(&["nothing-like-it"], "event: there is no event source \"nothing-like-it\" (hint: event --list names the samples)");
    check(&["connect"], "event: there is no sample of connect yet (hint: event --list names the samples)");
    check(&["s3", "--body", "x"], "--body: a sample of s3 has nothing to fill in with it (hint: it takes --resource)");
    check(&["http", "--path", "a"], "--path: \"a\" is not a path (hint: a path begins with / and has no query)");
    check(
        &["operation", "--body", "{"],
        "--body: a body of operation is JSON, and this is none: EOF while parsing an object at line 1 column 1 (hint: quote it for the \
         shell: --body '{\"key\":1}')",
    );
    assert_eq!(sample(&[]).code, 2);
}
