//! `event`: every sample is what it says it is, for the loader and for the types of others.

use aws_lambda_events::event as aws;
use lambda_loader::route::{Source, Table};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::sandbox::{Run, Sandbox};
use crate::support::client;

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
    let sources: Vec<_> = Source::ALL.iter().map(|source| source.name()).collect();
    assert_eq!(all.iter().map(|(listed, _)| listed.as_str()).collect::<Vec<_>>(), sources);
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

/// The resource of each sample; the samples that are not here have none.
const RESOURCES: [(&str, &str); 36] = [
    ("sqs", "arn:aws:sqs:us-east-1:123456789012:orders"),
    ("sns", "arn:aws:sns:us-east-1:123456789012:orders"),
    ("s3", "arn:aws:s3:::uploads"),
    ("dynamodb", "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"),
    ("kinesis", "arn:aws:kinesis:us-east-1:123456789012:stream/orders"),
    ("codecommit", "arn:aws:codecommit:us-east-1:123456789012:orders"),
    ("kafka", "arn:aws:kafka:us-east-1:123456789012:cluster/orders/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2"),
    ("activemq", "arn:aws:mq:us-east-1:123456789012:broker:orders:b-9bcfa592-423a-4942-879d-eb284b418fc8"),
    ("rabbitmq", "arn:aws:mq:us-east-1:123456789012:broker:orders:b-9bcfa592-423a-4942-879d-eb284b418fc8"),
    ("documentdb", "arn:aws:rds:us-east-1:123456789012:cluster:orders"),
    ("firehose", "arn:aws:firehose:us-east-1:123456789012:deliverystream/orders"),
    ("authorizer", "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/GET/orders"),
    ("appsync-authorizer", "abcdefghijklmnopqrstuvwxyz"),
    ("websocket", "abcdefghij"),
    ("alb", "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/orders/49e9d65c45c6791a"),
    ("vpc-lattice", "arn:aws:vpc-lattice:us-east-1:123456789012:service/svc-0a40eebed65f8d69c"),
    ("function-url", "abcdefghijklmnopqrstuvwxyz012345"),
    ("api-gateway-http", "abcdefghij"),
    ("bedrock-agent", "ABCDEFGHIJ"),
    ("api-gateway-rest", "abcdefghij"),
    ("schedule", "arn:aws:events:us-east-1:123456789012:rule/nightly"),
    ("eventbridge", "arn:aws:events:us-east-1:123456789012:rule/orders"),
    ("cloudwatch-alarm", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders"),
    ("cognito", "us-east-1_Example"),
    ("cognito-sync", "us-east-1:01234567-89ab-cdef-0123-456789abcdef"),
    ("config", "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-abcdef"),
    ("codedeploy-hook", "d-ABCDEF123"),
    ("cloudformation", "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4-872e-1234567db123"),
    ("secrets-rotation", "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders-AbCdEf"),
    ("s3-object-lambda", "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/orders"),
    ("s3-batch", "arn:aws:s3:::uploads"),
    ("lex", "ABCDEFGHIJ"),
    ("alexa", "amzn1.ask.skill.01234567-89ab-cdef-0123-456789abcdef"),
    ("alexa-smart-home", "Alexa.PowerController"),
    ("connect", "arn:aws:connect:us-east-1:123456789012:instance/01234567-89ab-cdef-0123-456789abcdef"),
    ("client-vpn", "cvpn-endpoint-0f13eab7f860433cc"),
];

#[test]
fn every_sample_has_the_resource_of_its_source() {
    for (source, _) in listed() {
        let expected = RESOURCES.iter().find(|(known, _)| *known == source).map(|(_, resource)| (*resource).to_owned());
        assert_eq!(routed(&sample(&[&source]).done().out), (source, expected));
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
    let ses: aws::ses::SimpleEmailEvent = check("ses");
    assert_eq!(ses.records[0].ses.receipt.recipients, ["orders@example.org"]);
    let activemq: aws::activemq::ActiveMqEvent = check("activemq");
    assert_eq!(activemq.messages[0].data.as_deref(), Some("eyJvcmRlciI6MX0="));
    let rabbitmq: aws::rabbitmq::RabbitMqEvent = check("rabbitmq");
    assert_eq!(rabbitmq.messages_by_queue["orders::/"].len(), 1);
    let documentdb: aws::documentdb::DocumentDbEvent = check("documentdb");
    assert!(matches!(documentdb.events[0].event, aws::documentdb::ChangeEvent::Insert(_)));
    let firehose: aws::firehose::KinesisFirehoseEvent = check("firehose");
    assert_eq!(firehose.records[0].data.as_slice(), br#"{"order":1}"#);
    let logs: aws::cloudwatch_logs::LogsEvent = check("cloudwatch-logs");
    assert_eq!(logs.aws_logs.data.log_group, "/aws/lambda/orders");
    let guard: aws::appsync::AppSyncLambdaAuthorizerRequest = check("appsync-authorizer");
    assert_eq!(guard.request_context.operation_name.as_deref(), Some("Order"));
    let iot: aws::iot::IoTCoreCustomAuthorizerRequest = check("iot-authorizer");
    assert_eq!(iot.protocols, ["tls", "http", "mqtt"]);
    let agent: aws::bedrock_agent_runtime::AgentEvent = check("bedrock-agent");
    assert_eq!(agent.action_group, "orders");
    let alarm: Value = check("cloudwatch-alarm");
    let alarm: aws::cloudwatch_alarms::CloudWatchMetricAlarm = serde_json::from_value(alarm).unwrap();
    assert_eq!(alarm.alarm_arn.as_deref(), Some("arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders"));
    let sync: aws::cognito::CognitoEvent = check("cognito-sync");
    assert_eq!(sync.dataset_name.as_deref(), Some("orders"));
    let config: aws::config::ConfigEvent = check("config");
    assert_eq!(config.config_rule_name.as_deref(), Some("orders"));
    let pipeline: aws::codepipeline_job::CodePipelineJobEvent = check("codepipeline");
    assert_eq!(pipeline.code_pipeline_job.account_id.as_deref(), Some("123456789012"));
    let object: aws::s3::object_lambda::S3ObjectLambdaEvent = check("s3-object-lambda");
    assert!(object.get_object_context.is_some());
    let job: aws::s3::batch_job::S3BatchJobEvent = check("s3-batch");
    assert_eq!(job.tasks.len(), 1);
    let resolver: aws::appsync::AppSyncDirectResolverEvent = check("appsync");
    assert_eq!(resolver.info.field_name, "order");
    let contact: aws::connect::ConnectEvent = check("connect");
    assert_eq!(contact.name.as_deref(), Some("ContactFlowEvent"));
    let vpn: aws::clientvpn::ClientVpnConnectionHandlerRequest = check("client-vpn");
    assert_eq!(vpn.username.as_deref(), Some("clerk"));
    // The crate has none for these (of Lex only version 1); the last two are the loader's own, and anything fits.
    let untyped = ["codedeploy-hook", "lex", "alexa", "alexa-smart-home", "appsync-events", "operation", "direct"];
    assert_eq!(listed().len(), 37 + untyped.len(), "a new sample needs its type here");
}

/// Which model each sample is, in `aws_lambda_powertools.utilities.parser.models`.
const MODELS: [(&str, &str); 25] = [
    ("sqs", "SqsModel"),
    ("sns", "SnsModel"),
    ("s3", "S3Model"),
    ("dynamodb", "DynamoDBStreamModel"),
    ("kinesis", "KinesisDataStreamModel"),
    ("ses", "SesModel"),
    ("kafka", "KafkaMskEventModel"),
    ("firehose", "KinesisFirehoseModel"),
    ("cloudwatch-logs", "CloudWatchLogsModel"),
    ("authorizer", "ApiGatewayAuthorizerToken"),
    ("websocket", "APIGatewayWebSocketMessageEventModel"),
    ("alb", "AlbModel"),
    ("vpc-lattice", "VpcLatticeV2Model"),
    ("function-url", "LambdaFunctionUrlModel"),
    ("api-gateway-http", "APIGatewayProxyEventV2Model"),
    ("bedrock-agent", "BedrockAgentEventModel"),
    ("api-gateway-rest", "APIGatewayProxyEventModel"),
    ("schedule", "EventBridgeModel"),
    ("eventbridge", "EventBridgeModel"),
    ("cognito", "CognitoPreSignupTriggerModel"),
    ("cloudformation", "CloudFormationCustomResourceCreateModel"),
    ("s3-object-lambda", "S3ObjectLambdaEvent"),
    ("s3-batch", "S3BatchOperationModel"),
    ("appsync-events", "AppSyncEventsModel"),
    ("appsync", "AppSyncResolverEventModel"),
];

#[test]
fn every_sample_is_what_the_models_of_powertools_take() {
    let Some(python) = client("python3", &["-c", "import aws_lambda_powertools.utilities.parser.models"]) else { return };
    let judge = r#"
import json, sys
import aws_lambda_powertools.utilities.parser.models as models
for source, model, event in json.load(sys.stdin):
    try:
        getattr(models, model).model_validate(event)
        print(source, "fits")
    except Exception as error:
        print(source, *sorted({str(place["loc"][0]) for place in error.errors()}) if hasattr(error, "errors") else [error])
"#;
    let events: Vec<_> = MODELS.iter().map(|(source, model)| json!([source, model, sample(&[source]).done().json()])).collect();
    let mut command = Command::new(python);
    let mut child = command.args(["-c", judge]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(events).to_string().as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let expected: String = MODELS
        .iter()
        .map(|(source, _)| match *source {
            // The service sends lists of strings, by its own page and the types above; the model has the one string of version 1.
            // <https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html>
            "vpc-lattice" => "vpc-lattice headers\n".to_owned(),
            fits => format!("{fits} fits\n"),
        })
        .collect();
    assert_eq!(said, expected);
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
    check(&["conect"], "event: there is no event source \"conect\" (hint: is \"connect\" meant)");
    check(&["s3", "--body", "x"], "--body: a sample of s3 has nothing to fill in with it (hint: it takes --resource)");
    check(&["http", "--path", "a"], "--path: \"a\" is not a path (hint: a path begins with / and has no query)");
    check(
        &["operation", "--body", "{"],
        "--body: a body of operation is JSON, and this is none: EOF while parsing an object at line 1 column 1 (hint: quote it for the \
         shell: --body '{\"key\":1}')",
    );
    assert_eq!(sample(&[]).code, 2);
}
