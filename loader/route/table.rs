//! The table of sources. A new source is a row here, and its name in `source.rs`.
//!
//! The first row that fits wins. `/Records/*/x` means every record's `x`: the row fits by the first record that has one, and an
//! event whose records do not all have the same there is refused. `/headers/^host` is a header in any spelling. The payloads are
//! those of <https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>; tests read real ones of most.

use super::row::Test::{Array, Contains, Is, Object, OneOf, Only, Present, Text};
use super::row::{Around, How, Inside, Key, Row, key};
use super::source::Source as S;

const MARK: &str = "/Records/*/eventSource";
const ARN: &[&str] = &["/Records/*/eventSourceARN"];
const PLAIN: &[&str] = &["{}"];
const API: &[&str] = &["/requestContext/apiId"];

const HOST: Key =
    key("host", How::Host, &["/requestContext/domainName", "/headers/^host", "/headers/^host/0", "/multiValueHeaders/^host/0"]);
/// What a client writes into a header is only believed where the service gives no host of its own.
const HOST_HEADER: Key = key("host", How::Host, &["/headers/^host", "/headers/^host/0", "/multiValueHeaders/^host/0"]);
const METHOD_1: Key = key("method", How::Method, &["/httpMethod"]);
const METHOD_2: Key = key("method", How::Method, &["/requestContext/http/method"]);
const STAGE: Key = key("stage", How::Pattern, &["/requestContext/stage"]);
const RAW_PATH: Key = key("path", How::Path(Around::Stage), &["/rawPath"]);
const LEX_SOURCE: Key = key("invocation_source", How::Exact, &["/invocationSource"]);

const RULE: &[&str] = &["arn:*:events:*:*:rule/{}", "arn:*:events:*:*:rule/*/{}"];
const RULE_OR_SCHEDULE: &[&str] =
    &["arn:*:events:*:*:rule/{}", "arn:*:events:*:*:rule/*/{}", "arn:*:scheduler:*:*:schedule/*/{}"];
const METHOD_ARN: &[&str] = &["arn:*:execute-api:*:*:{}/*"];
const OBJECT_LAMBDA: &[&str] = &["arn:*:s3-object-lambda:*:*:accesspoint/{}"];

const ZAPPA: &str = "name the work in the manifest: a route with source `operation`, and events `{\"operation\": \"…\"}`";

/// All rows, in the order in which they are tried.
pub(super) static ROWS: &[Row] = &[
    Row::of(S::Sqs, &[(MARK, Is("aws:sqs"))]).resource(ARN, &["arn:*:sqs:*:*:{}"]),
    Row::of(S::Sns, &[("/Records/*/EventSource", Is("aws:sns"))]).resource(&["/Records/*/Sns/TopicArn"], &["arn:*:sns:*:*:{}"]),
    Row::of(S::S3, &[(MARK, Is("aws:s3"))]).resource(&["/Records/*/s3/bucket/arn"], &["arn:*:s3:*:*:{}"]).keys(&[
        key("event", How::EventName, &["/Records/*/eventName"]),
        key("key_prefix", How::Prefix, &["/Records/*/s3/object/key"]),
        key("key_suffix", How::Suffix, &["/Records/*/s3/object/key"]),
    ]),
    Row::of(S::Dynamodb, &[(MARK, Is("aws:dynamodb"))])
        .resource(ARN, &["arn:*:dynamodb:*:*:table/{}", "arn:*:dynamodb:*:*:table/{}/stream/*"]),
    Row::of(S::Kinesis, &[(MARK, Is("aws:kinesis"))])
        .resource(ARN, &["arn:*:kinesis:*:*:stream/{}", "arn:*:kinesis:*:*:stream/{}/consumer/*"]),
    Row::of(S::Codecommit, &[(MARK, Is("aws:codecommit"))]).resource(ARN, &["arn:*:codecommit:*:*:{}"]),
    Row::of(S::Ses, &[(MARK, Is("aws:ses"))]).keys(&[key("recipient", How::Inside(Inside::Recipients), &[])]),
    Row::of(S::Kafka, &[("/eventSource", OneOf(&["aws:kafka", "SelfManagedKafka"]))])
        .resource(&["/eventSourceArn"], &["arn:*:kafka:*:*:cluster/{}/*"])
        .keys(&[key("topic", How::Inside(Inside::Topics), &[])]),
    Row::of(S::Activemq, &[("/eventSource", Is("aws:mq"))]).resource(&["/eventSourceArn"], &["arn:*:mq:*:*:broker:{}:*"]),
    Row::of(S::Rabbitmq, &[("/eventSource", Is("aws:rmq"))]).resource(&["/eventSourceArn"], &["arn:*:mq:*:*:broker:{}:*"]),
    Row::of(S::Documentdb, &[("/eventSource", Is("aws:docdb"))]).resource(&["/eventSourceArn"], &["arn:*:rds:*:*:cluster:{}"]),
    Row::of(S::Firehose, &[("/deliveryStreamArn", Text), ("/records", Array)])
        .resource(&["/deliveryStreamArn"], &["arn:*:firehose:*:*:deliverystream/{}"]),
    Row::of(S::CloudwatchLogs, &[("/awslogs/data", Present)]).keys(&[key(
        "log_group",
        How::Inside(Inside::LogGroup),
        &["/awslogs/data"],
    )]),
    // Before everything that carries an HTTP request: an authorizer's event carries one too.
    Row::of(S::Authorizer, &[("/type", Is("TOKEN")), ("/methodArn", Text)])
        .resource(&["/methodArn"], METHOD_ARN)
        .keys(AUTHORIZER),
    Row::of(S::Authorizer, &[("/type", Is("REQUEST")), ("/routeArn", Text)])
        .resource(&["/routeArn"], METHOD_ARN)
        .keys(AUTHORIZER),
    Row::of(S::Authorizer, &[("/type", Is("REQUEST")), ("/methodArn", Text)])
        .resource(&["/methodArn"], METHOD_ARN)
        .keys(AUTHORIZER),
    Row::of(S::AppsyncAuthorizer, &[("/authorizationToken", Present), ("/requestContext/queryString", Present)])
        .resource(API, PLAIN),
    Row::of(S::IotAuthorizer, &[("/protocols", Array), ("/protocolData", Present)]),
    Row::of(
        S::Websocket,
        &[("/requestContext/connectionId", Present), ("/requestContext/eventType", OneOf(&["CONNECT", "DISCONNECT", "MESSAGE"]))],
    )
    .resource(API, PLAIN)
    .keys(&[key("route_key", How::Exact, &["/requestContext/routeKey"]), STAGE])
    .phase("/requestContext/eventType"),
    Row::of(S::Alb, &[("/requestContext/elb", Present)])
        .resource(&["/requestContext/elb/targetGroupArn"], &["arn:*:elasticloadbalancing:*:*:targetgroup/{}/*"])
        .keys(&[METHOD_1, key("path", How::Path(Around::Nothing), &["/path"]), HOST_HEADER])
        .payload(1)
        .multi_value("/multiValueHeaders"),
    Row::of(S::VpcLattice, &[("/version", Is("2.0")), ("/requestContext/serviceNetworkArn", Present)])
        .resource(&["/requestContext/serviceArn"], &["arn:*:vpc-lattice:*:*:service/{}"])
        .keys(&[key("method", How::Method, &["/method"]), key("path", How::Path(Around::Query), &["/path"]), HOST_HEADER])
        .payload(2),
    Row::of(S::VpcLattice, &[("/raw_path", Present), ("/method", Present)])
        .keys(&[key("method", How::Method, &["/method"]), key("path", How::Path(Around::Query), &["/raw_path"]), HOST_HEADER])
        .payload(1),
    Row::of(S::FunctionUrl, &[("/requestContext/http", Present), ("/requestContext/domainName", Contains(".lambda-url."))])
        .resource(API, PLAIN)
        .keys(&[METHOD_2, key("path", How::Path(Around::Nothing), &["/rawPath"]), HOST])
        .payload(2),
    Row::of(S::ApiGatewayHttp, &[("/requestContext/http", Present)])
        .resource(API, PLAIN)
        .keys(&[METHOD_2, RAW_PATH, HOST, STAGE])
        .payload(2),
    Row::of(S::ApiGatewayHttp, &[("/httpMethod", Present), ("/version", Is("1.0"))])
        .resource(API, PLAIN)
        .keys(&[METHOD_1, key("path", How::Path(Around::Stage), &["/path"]), HOST, STAGE])
        .payload(1),
    Row::of(S::BedrockAgent, &[("/messageVersion", Present), ("/agent", Object), ("/actionGroup", Present)])
        .resource(&["/agent/id"], PLAIN)
        .keys(&[key("action_group", How::Exact, &["/actionGroup"])]),
    Row::of(S::ApiGatewayRest, &[("/httpMethod", Present), ("/requestContext", Present)])
        .resource(API, PLAIN)
        .keys(&[METHOD_1, key("path", How::Path(Around::Nothing), &["/path"]), HOST, STAGE])
        .payload(1),
    Row::of(S::Schedule, &[("/detail-type", Is("Scheduled Event")), ("/source", OneOf(&["aws.events", "aws.scheduler"]))])
        .resource(&["/resources/0"], RULE_OR_SCHEDULE),
    Row::of(S::Eventbridge, &[("/detail-type", Present), ("/source", Present)])
        .resource(&["/resources/0"], RULE)
        .keys(&[key("event_source", How::Pattern, &["/source"]), key("detail_type", How::Pattern, &["/detail-type"])])
        .wheres(),
    Row::of(S::CloudwatchAlarm, &[("/alarmArn", Present), ("/alarmData", Present)])
        .resource(&["/alarmArn"], &["arn:*:cloudwatch:*:*:alarm:{}"]),
    Row::of(S::Cognito, &[("/userPoolId", Present), ("/triggerSource", Present)]).resource(&["/userPoolId"], PLAIN).keys(&[key(
        "trigger",
        How::Pattern,
        &["/triggerSource"],
    )]),
    Row::of(S::CognitoSync, &[("/identityPoolId", Present), ("/datasetRecords", Present)]).resource(&["/identityPoolId"], PLAIN),
    Row::of(S::Config, &[("/configRuleArn", Present)]).resource(&["/configRuleArn"], &["arn:*:config:*:*:config-rule/{}"]),
    Row::of(S::Config, &[("/invokingEvent", Present), ("/resultToken", Present)]),
    Row::of(S::Codepipeline, &[("/CodePipeline.job", Present)]),
    Row::of(S::CodedeployHook, &[("/DeploymentId", Present), ("/LifecycleEventHookExecutionId", Present)])
        .resource(&["/DeploymentId"], PLAIN),
    Row::of(
        S::Cloudformation,
        &[("/RequestType", OneOf(&["Create", "Update", "Delete"])), ("/StackId", Present), ("/LogicalResourceId", Present)],
    )
    .resource(&["/StackId"], &["arn:*:cloudformation:*:*:stack/{}/*"])
    .keys(&[key("resource_type", How::Pattern, &["/ResourceType"])]),
    Row::of(S::SecretsRotation, &[("/Step", Present), ("/SecretId", Present), ("/ClientRequestToken", Present)])
        .resource(&["/SecretId"], &["arn:*:secretsmanager:*:*:secret:{}-*", "{}"])
        .keys(&[key("step", How::Exact, &["/Step"])]),
    Row::of(S::S3ObjectLambda, &[("/getObjectContext", Present)]).resource(ACCESS_POINT, OBJECT_LAMBDA),
    Row::of(S::S3ObjectLambda, &[("/headObjectContext", Present)]).resource(ACCESS_POINT, OBJECT_LAMBDA),
    Row::of(S::S3ObjectLambda, &[("/listObjectsContext", Present)]).resource(ACCESS_POINT, OBJECT_LAMBDA),
    Row::of(S::S3ObjectLambda, &[("/listObjectsV2Context", Present)]).resource(ACCESS_POINT, OBJECT_LAMBDA),
    Row::of(S::S3Batch, &[("/invocationSchemaVersion", Present), ("/tasks", Present)])
        .resource(&["/tasks/*/s3BucketArn", "/tasks/*/s3Bucket"], &["arn:*:s3:*:*:{}", "{}"]),
    Row::of(S::Lex, &[("/bot", Present), ("/currentIntent", Present)])
        .resource(&["/bot/name"], PLAIN)
        .keys(&[key("intent", How::Exact, &["/currentIntent/name"]), LEX_SOURCE]),
    Row::of(S::Lex, &[("/sessionState", Present), ("/bot", Present)])
        .resource(&["/bot/id"], PLAIN)
        .keys(&[key("intent", How::Exact, &["/sessionState/intent/name"]), LEX_SOURCE]),
    Row::of(S::Alexa, &[("/session", Object), ("/request", Object)]).resource(ALEXA, PLAIN),
    Row::of(S::Alexa, &[("/context/System", Object), ("/request", Object)]).resource(ALEXA, PLAIN),
    Row::of(S::AlexaSmartHome, &[("/directive/header", Object)]).resource(&["/directive/header/namespace"], PLAIN),
    Row::of(S::AppsyncEvents, &[("/info/channelNamespace", Present)]).keys(&[key(
        "channel",
        How::Pattern,
        &["/info/channel/path"],
    )]),
    Row::of(S::Appsync, &[("/info/fieldName", Present)])
        .keys(&[key("type_name", How::Exact, &["/info/parentTypeName"]), key("field", How::Exact, &["/info/fieldName"])]),
    Row::of(S::Appsync, &[("/*/info/fieldName", Present)])
        .keys(&[key("type_name", How::Exact, &["/*/info/parentTypeName"]), key("field", How::Exact, &["/*/info/fieldName"])]),
    Row::of(S::Appsync, &[("/typeName", Present), ("/fieldName", Present)])
        .keys(&[key("type_name", How::Exact, &["/typeName"]), key("field", How::Exact, &["/fieldName"])]),
    Row::of(S::Connect, &[("/Details/ContactData", Present)])
        .resource(&["/Details/ContactData/InstanceARN"], &["arn:*:connect:*:*:instance/{}"]),
    Row::of(S::ClientVpn, &[("/connection-id", Present), ("/endpoint-id", Present)]).resource(&["/endpoint-id"], PLAIN),
    Row::refused(
        "a Lambda@Edge event",
        "Lambda@Edge does not run custom runtimes; route the request through a function URL or an API",
        &[("/Records/*/cf", Present)],
    ),
    Row::refused(
        "Zappa's `raw_command`, which ran event data as code",
        ZAPPA,
        &[("/raw_command", Text), ("", Only(&["/raw_command"]))],
    ),
    Row::refused(
        "Zappa's `command`, which imported what the event named",
        ZAPPA,
        &[("/command", Text), ("", Only(&["/command"]))],
    ),
    Row::refused("Zappa's `manage`, which ran what the event named", ZAPPA, &[("/manage", Text), ("", Only(&["/manage"]))]),
    Row::of(S::Operation, &[("/operation", Text), ("", Only(&["/operation", "/input"]))]).keys(&[key(
        "name",
        How::Exact,
        &["/operation"],
    )]),
    Row::of(S::Direct, &[]).wheres(),
];

const AUTHORIZER: &[Key] = &[key("kind", How::Exact, &["/type"])];
const ACCESS_POINT: &[&str] = &["/configuration/accessPointArn"];
const ALEXA: &[&str] = &["/context/System/application/applicationId", "/session/application/applicationId"];

#[cfg(test)]
mod tests {
    use super::super::pointer::{DEEPEST, Step, of_table};
    use super::*;

    #[test]
    fn every_source_has_a_row_and_the_last_row_takes_all() {
        for source in S::ALL {
            assert!(ROWS.iter().any(|row| row.source() == Some(*source)), "{source}");
        }
        assert!(ROWS.last().is_some_and(|row| row.when.is_empty()));
        assert!(ROWS.iter().rev().skip(1).all(|row| !row.when.is_empty()));
    }

    #[test]
    fn what_rows_read_one_pass_can_find() {
        for row in ROWS {
            let pointers = row.when.iter().map(|(at, _)| *at).chain(row.resource.iter().copied());
            for pointer in pointers.chain(row.keys.iter().flat_map(|key| key.at.iter().copied())) {
                let steps = of_table(pointer);
                assert!(steps.len() <= DEEPEST && steps.iter().filter(|step| **step == Step::Each).count() <= 1, "{pointer}");
                assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
            }
        }
    }

    #[test]
    fn rows_of_one_source_agree_on_what_its_routes_may_say() {
        for one in ROWS {
            for other in ROWS.iter().filter(|other| other.source() == one.source() && other.source().is_some()) {
                assert_eq!(one.wheres, other.wheres);
                assert!(one.names.is_empty() || other.names.is_empty() || one.names == other.names, "{one:?}");
                for key in one.keys {
                    for same in other.keys.iter().filter(|same| same.name == key.name) {
                        assert!(std::mem::discriminant(&key.how) == std::mem::discriminant(&same.how), "{key:?}");
                    }
                }
            }
        }
    }
}
