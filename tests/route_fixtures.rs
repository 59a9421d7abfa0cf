//! Every sample payload of `aws_lambda_events` and `lambda_http` through the public interface of routing.
//!
//! The payloads are found through `cargo metadata`, not copied. A payload that is not in the tables here fails the test, as does an
//! entry without a payload: an update of either crate has to be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lambda_loader::manifest::wire;
use lambda_loader::route::{Match, Source, Table};

/// File without `.json`, source, resource, and for HTTP sources method, host and path; empty for none.
type Expected = (&'static str, &'static str, &'static str, &'static str);

/// `src/fixtures` of `aws_lambda_events`.
const EVENTS: &[Expected] = &[
    (
        "example-activemq-event-null-properties",
        "activemq",
        "arn:aws:mq:us-west-2:533019413397:broker:shask-test:b-0f5b7522-2b41-4f85-a615-735a4e6d96b5",
        "",
    ),
    (
        "example-activemq-event",
        "activemq",
        "arn:aws:mq:us-west-2:533019413397:broker:shask-test:b-0f5b7522-2b41-4f85-a615-735a4e6d96b5",
        "",
    ),
    (
        "example-alb-lambda-target-request-headers-only",
        "alb",
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/lambda-target/abcdefg",
        "GET lambda-test-alb-1334523864.us-east-1.elb.amazonaws.com /",
    ),
    (
        "example-alb-lambda-target-request-multivalue-headers",
        "alb",
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/lambda-target/abcdefgh",
        "GET lambda-test-alb-1234567.us-east-1.elb.amazonaws.com /",
    ),
    ("example-alb-lambda-target-response", "direct", "", ""),
    (
        "example-apigw-console-request",
        "api-gateway-rest",
        "1234567890",
        "POST 1234567890.execute-api.{dns_suffix} /path/to/resource",
    ),
    ("example-apigw-console-test-request", "api-gateway-rest", "xxxxx", "POST testprefix.testdomainname /myPath"),
    (
        "example-apigw-custom-auth-request-type-request",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:s4x3opwd6i/test/GET/request",
        "",
    ),
    ("example-apigw-custom-auth-request", "authorizer", "arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/*/GET/", ""),
    ("example-apigw-custom-auth-response-with-condition", "direct", "", ""),
    ("example-apigw-custom-auth-response-with-single-value-action", "direct", "", ""),
    ("example-apigw-custom-auth-response-with-single-value-resource", "direct", "", ""),
    ("example-apigw-custom-auth-response", "direct", "", ""),
    (
        "example-apigw-request-catch-all",
        "api-gateway-rest",
        "gy415nuibc",
        "POST gy415nuibc.execute-api.us-east-2.amazonaws.com /hello/world",
    ),
    (
        "example-apigw-request-multi-value-parameters",
        "api-gateway-rest",
        "gy415nuibc",
        "POST gy415nuibc.execute-api.us-east-2.amazonaws.com /hello/world",
    ),
    (
        "example-apigw-request",
        "api-gateway-rest",
        "gy415nuibc",
        "POST gy415nuibc.execute-api.us-east-2.amazonaws.com /hello/world",
    ),
    ("example-apigw-response", "direct", "", ""),
    (
        "example-apigw-restapi-openapi-request",
        "api-gateway-rest",
        "gy415nuibc",
        "POST gy415nuibc.execute-api.us-east-2.amazonaws.com /hello/world",
    ),
    ("example-apigw-sam-http-request", "api-gateway-http", "1234567890", "GET localhost /dump"),
    ("example-apigw-sam-rest-request", "api-gateway-http", "1234567890", "GET 127.0.0.1 /test"),
    (
        "example-apigw-v2-custom-authorizer-v1-request",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
        "",
    ),
    (
        "example-apigw-v2-custom-authorizer-v2-request-null-maps",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
        "",
    ),
    (
        "example-apigw-v2-custom-authorizer-v2-request-without-cookies",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
        "",
    ),
    (
        "example-apigw-v2-custom-authorizer-v2-request-without-identity-source",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
        "",
    ),
    (
        "example-apigw-v2-custom-authorizer-v2-request",
        "authorizer",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
        "",
    ),
    (
        "example-apigw-v2-custom-authorizer-websocket-request",
        "authorizer",
        "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/test/$connect",
        "",
    ),
    ("example-apigw-v2-request-iam", "api-gateway-http", "api-id", "GET id.execute-api.us-east-1.amazonaws.com /my/path"),
    (
        "example-apigw-v2-request-jwt-authorizer",
        "api-gateway-http",
        "api-id",
        "GET id.execute-api.us-east-1.amazonaws.com /my/path",
    ),
    (
        "example-apigw-v2-request-lambda-authorizer",
        "api-gateway-http",
        "api-id",
        "GET id.execute-api.us-east-1.amazonaws.com /my/path",
    ),
    (
        "example-apigw-v2-request-multi-value-parameters",
        "api-gateway-http",
        "api-id",
        "GET id.execute-api.us-east-1.amazonaws.com /my/path",
    ),
    (
        "example-apigw-v2-request-no-authorizer",
        "api-gateway-http",
        "aaaaaaaaaa",
        "GET aaaaaaaaaa.execute-api.us-west-2.amazonaws.com /",
    ),
    ("example-apigw-websocket-request-disconnect-route", "websocket", "abcd1234", ""),
    ("example-apigw-websocket-request-without-method", "websocket", "asdfasdf", ""),
    ("example-apigw-websocket-request", "websocket", "gy415nuibc", ""),
    ("example-appsync-batchinvoke", "direct", "", ""),
    ("example-appsync-direct-resolver", "appsync", "", ""),
    ("example-appsync-identity-cognito", "direct", "", ""),
    ("example-appsync-identity-iam", "direct", "", ""),
    ("example-appsync-invoke", "direct", "", ""),
    ("example-appsync-lambda-auth-request", "appsync-authorizer", "aaaaaa123123123example123", ""),
    ("example-appsync-lambda-auth-response", "direct", "", ""),
    ("example-autoscaling-event-launch-successful", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-autoscaling-event-launch-unsuccessful", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-autoscaling-event-lifecycle-action", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-autoscaling-event-terminate-action", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-autoscaling-event-terminate-successful", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-autoscaling-event-terminate-unsuccessful", "eventbridge", "auto-scaling-group-arn", ""),
    ("example-bedrock-agent-runtime-event-without-parameters", "bedrock-agent", "AgentID", ""),
    ("example-bedrock-agent-runtime-event-without-request-body", "bedrock-agent", "AgentID", ""),
    ("example-bedrock-agent-runtime-event", "bedrock-agent", "AgentID", ""),
    ("example-clientvpn-connectionhandler-request", "client-vpn", "cvpn-endpoint-0f13eab7f860433cc", ""),
    (
        "example-cloudformation-custom-resource-create-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    (
        "example-cloudformation-custom-resource-delete-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    (
        "example-cloudformation-custom-resource-provider-create-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    (
        "example-cloudformation-custom-resource-provider-delete-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    ("example-cloudformation-custom-resource-provider-response", "direct", "", ""),
    (
        "example-cloudformation-custom-resource-provider-update-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    ("example-cloudformation-custom-resource-response", "direct", "", ""),
    (
        "example-cloudformation-custom-resource-update-request",
        "cloudformation",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/stack-name/16580499-7622-4a9c-b32f-4eba35da93da",
        "",
    ),
    (
        "example-cloudwatch-alarm-composite-with-suppressor-alarm",
        "eventbridge",
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServiceAggregatedAlarm",
        "",
    ),
    (
        "example-cloudwatch-alarm-composite",
        "cloudwatch-alarm",
        "arn:aws:cloudwatch:us-east-1: 111122223333:alarm:SuppressionDemo.Main",
        "",
    ),
    (
        "example-cloudwatch-alarm-metric",
        "cloudwatch-alarm",
        "arn:aws:cloudwatch:us-east-1: 444455556666:alarm:lambda-demo-metric-alarm",
        "",
    ),
    ("example-cloudwatch-alarm-sns-payload-multiple-metrics", "sns", "arn:aws:sns:EXAMPLE", ""),
    ("example-cloudwatch-alarm-sns-payload-single-metric", "sns", "arn:aws:sns:EXAMPLE", ""),
    ("example-cloudwatch-cloudtrail-assumed-role", "direct", "", ""),
    ("example-cloudwatch-cloudtrail-unknown-federate", "direct", "", ""),
    ("example-cloudwatch-cloudtrail-unknown-user-auth", "direct", "", ""),
    ("example-cloudwatch_logs-event", "cloudwatch-logs", "", ""),
    ("example-code_commit-event", "codecommit", "arn:aws:codecommit:us-east-1:123456789012:my-repo", ""),
    (
        "example-codebuild-phase-change",
        "eventbridge",
        "arn:aws:codebuild:us-west-2:123456789012:build/my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX",
        "",
    ),
    (
        "example-codebuild-state-change",
        "eventbridge",
        "arn:aws:codebuild:us-west-2:123456789012:build/my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX",
        "",
    ),
    (
        "example-codedeploy-deployment-event",
        "eventbridge",
        "arn:aws:codedeploy:us-east-1:123456789012:application:myApplication",
        "",
    ),
    ("example-codedeploy-instance-event", "eventbridge", "arn:aws:ec2:us-east-1:123456789012:instance/i-0000000aaaaaaaaaa", ""),
    ("example-codedeploy-lifecycle-event", "codedeploy-hook", "d-deploymentId", ""),
    (
        "example-codepipeline-action-execution-stage-change-event",
        "eventbridge",
        "arn:aws:codepipeline:us-east-1:123456789012:pipeline:myPipeline",
        "",
    ),
    (
        "example-codepipeline-execution-stage-change-event",
        "eventbridge",
        "arn:aws:codepipeline:us-east-1:123456789012:pipeline:myPipeline",
        "",
    ),
    (
        "example-codepipeline-execution-state-change-event",
        "eventbridge",
        "arn:aws:codepipeline:us-east-1:123456789012:pipeline:myPipeline",
        "",
    ),
    ("example-codepipeline_job-event", "codepipeline", "", ""),
    ("example-cognito-event-userpools-create-auth-challenge-user-not-found", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-create-auth-challenge", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-custommessage", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-define-auth-challenge-optional-response-fields", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-define-auth-challenge-user-not-found", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-define-auth-challenge", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-migrateuser-null-fields", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-migrateuser", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-postauthentication", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-postconfirmation", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-preauthentication", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-presignup", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-pretokengen-incoming", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-pretokengen-null-group-configuration", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-pretokengen-v2-incoming", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-pretokengen-v2-null-group-configuration", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-pretokengen-v2", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-pretokengen", "cognito", "userPoolId", ""),
    ("example-cognito-event-userpools-verify-auth-challenge-null-answer-correct", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-verify-auth-challenge-optional-answer-correct", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-verify-auth-challenge-user-not-found", "cognito", "<userPoolId>", ""),
    ("example-cognito-event-userpools-verify-auth-challenge", "cognito", "<userPoolId>", ""),
    ("example-cognito-event", "cognito-sync", "identityPoolId", ""),
    ("example-config-event", "config", "arn:aws:config:us-east-1:012345678912:config-rule/config-rule-0123456", ""),
    ("example-connect-event-without-queue", "connect", "", ""),
    ("example-connect-event", "connect", "", ""),
    ("example-controltower-create-managed-account", "direct", "", ""),
    ("example-controltower-deregister-organizational-unit", "direct", "", ""),
    ("example-controltower-disable-baseline", "direct", "", ""),
    ("example-controltower-disable-guardrail", "direct", "", ""),
    ("example-controltower-enable-baseline", "direct", "", ""),
    ("example-controltower-enable-guardrail", "direct", "", ""),
    ("example-controltower-precheck-organizational-unit", "direct", "", ""),
    ("example-controltower-register-organizational-unit", "direct", "", ""),
    ("example-controltower-reset-enabled-baseline", "direct", "", ""),
    ("example-controltower-setup-landing-zone", "direct", "", ""),
    ("example-controltower-update-enabled-baseline", "direct", "", ""),
    ("example-controltower-update-landing-zone", "direct", "", ""),
    ("example-controltower-update-managed-account", "direct", "", ""),
    (
        "example-documentdb-delete-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-drop-database-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-drop-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-insert-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-invalidate-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-rename-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-replace-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-documentdb-update-event",
        "documentdb",
        "arn:aws:rds:us-east-1:123456789012:cluster:canaryclusterb2a659a2-qo5tcmqkcl03",
        "",
    ),
    (
        "example-dynamodb-event-null-items",
        "dynamodb",
        "arn:aws:dynamodb:us-east-1:123456789012:table/Example-Table/stream/2016-12-01T00:00:00.000",
        "",
    ),
    ("example-dynamodb-event-record-with-optional-fields", "direct", "", ""),
    (
        "example-dynamodb-event",
        "dynamodb",
        "arn:aws:dynamodb:us-east-1:123456789012:table/Example-Table/stream/2016-12-01T00:00:00.000",
        "",
    ),
    (
        "example-ecr-image-scan-event-with-missing-severities",
        "eventbridge",
        "arn:aws:ecr:us-east-1:123456789012:repository/my-repository-name",
        "",
    ),
    ("example-ecr-image-scan-event", "eventbridge", "arn:aws:ecr:eu-north-1:123456789012:repository/tribble-image-scan-test", ""),
    ("example-eventbridge-event-obj", "eventbridge", "arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111", ""),
    ("example-eventbridge-schedule", "schedule", "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule", ""),
    ("example-firehose-event", "firehose", "aws:lambda:events", ""),
    ("example-iot-custom-auth-request-x509", "iot-authorizer", "", ""),
    ("example-iot-custom-auth-request", "iot-authorizer", "", ""),
    ("example-iot-custom-auth-response", "direct", "", ""),
    ("example-iot_1_click-event", "direct", "", ""),
    ("example-iot_button-event", "direct", "", ""),
    (
        "example-kafka-event",
        "kafka",
        "arn:aws:kafka:us-west-2:012345678901:cluster/ExampleMSKCluster/e9f754c6-d29a-4430-a7db-958a19fd2c54-4",
        "",
    ),
    ("example-kinesis-event-encrypted", "kinesis", "arn:aws:kinesis:us-east-1:123456789012:stream/simple-stream", ""),
    ("example-kinesis-event", "kinesis", "arn:aws:kinesis:us-east-1:123456789012:stream/simple-stream", ""),
    ("example-kinesis-firehose-event", "firehose", "aws:lambda:events", ""),
    ("example-kinesis-firehose-response", "direct", "", ""),
    ("example-lex-event", "lex", "bot name", ""),
    ("example-lex-response", "direct", "", ""),
    (
        "example-rabbitmq-event",
        "rabbitmq",
        "arn:aws:mq:us-west-2:112556298976:broker:test:b-9bcfa592-423a-4942-879d-eb284b418fc8",
        "",
    ),
    ("example-s3-event-with-decoded", "s3", "arn:aws:s3:::mybucket", ""),
    ("example-s3-event", "s3", "arn:aws:s3:::mybucket", ""),
    (
        "example-s3-object-lambda-event-get-object-assumed-role",
        "s3-object-lambda",
        "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/example-object-lambda-ap",
        "",
    ),
    (
        "example-s3-object-lambda-event-get-object-iam",
        "s3-object-lambda",
        "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/example-object-lambda-ap",
        "",
    ),
    (
        "example-s3-object-lambda-event-head-object-iam",
        "s3-object-lambda",
        "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/example-object-lambda-ap",
        "",
    ),
    (
        "example-s3-object-lambda-event-list-objects-iam",
        "s3-object-lambda",
        "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/example-object-lambda-ap",
        "",
    ),
    (
        "example-s3-object-lambda-event-list-objects-v2-iam",
        "s3-object-lambda",
        "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/example-object-lambda-ap",
        "",
    ),
    (
        "example-secretsmanager-secret-rotation-event",
        "secrets-rotation",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:id-ABCD1E",
        "",
    ),
    ("example-ses-bcc-event", "ses", "", ""),
    ("example-ses-event", "ses", "", ""),
    ("example-ses-lambda-event", "ses", "", ""),
    ("example-ses-s3-event", "ses", "", ""),
    ("example-ses-sns-event", "ses", "", ""),
    ("example-sns-event-obj", "sns", "arn:aws:sns:us-east-1:246796806071:snsNetTest", ""),
    ("example-sns-event-pascal-case", "sns", "arn:aws:sns:us-east-1:246796806071:snsNetTest", ""),
    ("example-sns-event", "sns", "arn:aws:sns:us-east-1:246796806071:snsNetTest", ""),
    ("example-sns-subscription-confirmation", "direct", "", ""),
    ("example-sns-unsubscribe-confirmation", "direct", "", ""),
    ("example-sqs-api-event-obj", "direct", "", ""),
    ("example-sqs-batch-response", "direct", "", ""),
    ("example-sqs-event-obj", "sqs", "arn:aws:sqs:us-west-2:123456789012:SQSQueue", ""),
    ("example-sqs-event", "sqs", "arn:aws:sqs:us-west-2:123456789012:SQSQueue", ""),
    ("example-vpc-lattice-response", "direct", "", ""),
    ("example-vpc-lattice-v1-request", "vpc-lattice", "", "POST - /api/product"),
    (
        "example-vpc-lattice-v2-request-base64",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "POST - /api/files/upload",
    ),
    (
        "example-vpc-lattice-v2-request-roles-anywhere",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "POST - /api/external/data-sync",
    ),
    (
        "example-vpc-lattice-v2-request",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "GET - /health",
    ),
];

/// `tests/data` of `lambda_http`.
const HTTP: &[Expected] = &[
    (
        "alb_health_check",
        "alb",
        "arn:aws:elasticloadbalancing:region:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09",
        "GET - /",
    ),
    (
        "alb_multi_value_request",
        "alb",
        "arn:aws:elasticloadbalancing:region:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09",
        "GET lambda-846800462-us-east-2.elb.amazonaws.com /",
    ),
    (
        "alb_multi_value_request_encoded_query_parameters",
        "alb",
        "arn:aws:elasticloadbalancing:region:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09",
        "GET lambda-846800462-us-east-2.elb.amazonaws.com /",
    ),
    (
        "alb_no_host",
        "alb",
        "arn:aws:elasticloadbalancing:us-east-1:111111111:targetgroup/cdn-ingestor-tg-usea1-dev/3fe2aca58c0da101",
        "GET - /v1/health/",
    ),
    (
        "alb_request",
        "alb",
        "arn:aws:elasticloadbalancing:region:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09",
        "GET lambda-846800462-us-east-2.elb.amazonaws.com /",
    ),
    (
        "alb_request_encoded_query_parameters",
        "alb",
        "arn:aws:elasticloadbalancing:region:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09",
        "GET lambda-846800462-us-east-2.elb.amazonaws.com /",
    ),
    (
        "apigw_multi_value_proxy_request",
        "api-gateway-rest",
        "gy415nuibc",
        "POST gy415nuibc.execute-api.us-east-1.amazonaws.com /hello/world",
    ),
    ("apigw_no_host", "api-gateway-rest", "wt6mne2s9k", "GET - /hello"),
    ("apigw_proxy_request", "api-gateway-rest", "wt6mne2s9k", "GET wt6mne2s9k.execute-api.us-west-2.amazonaws.com /hello"),
    (
        "apigw_request_path_with_space",
        "api-gateway-http",
        "api-id",
        "POST id.execute-api.us-east-1.amazonaws.com /my/path-with space",
    ),
    ("apigw_v2_proxy_request", "api-gateway-http", "api-id", "POST id.execute-api.us-east-1.amazonaws.com /my/path"),
    ("apigw_v2_proxy_request_minimal", "api-gateway-http", "xxx", "GET xxx.execute-api.us-east-1.amazonaws.com /"),
    (
        "apigw_v2_proxy_request_with_stage_in_path",
        "api-gateway-http",
        "api-id",
        "POST id.execute-api.us-east-1.amazonaws.com /my/path",
    ),
    ("apigw_v2_sam_local", "api-gateway-http", "1234567890", "GET localhost /hello"),
    ("lambda_function_url_request", "function-url", "xxx", "GET id.lambda-url.eu-west-2.on.aws /my/path"),
    (
        "vpc_lattice_v2_request",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "GET - /health",
    ),
    (
        "vpc_lattice_v2_request_base64",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "GET www.site.com /health",
    ),
    (
        "vpc_lattice_v2_request_encoded_query",
        "vpc-lattice",
        "arn:aws:vpc-lattice:ap-southeast-2:123456789012:service/svc-0a40eebed65f8d69c",
        "GET api.example.com /search",
    ),
];

/// The folder of a package among the sources of our dependencies.
fn package(name: &str) -> PathBuf {
    static METADATA: LazyLock<cargo_metadata::Metadata> = LazyLock::new(|| {
        // Only the packages of this platform are sure to be here without asking the network.
        let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut command = cargo_metadata::MetadataCommand::new();
        command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        command.other_options(["--offline".to_owned(), "--locked".to_owned(), platform]);
        command.exec().unwrap()
    });
    let package = METADATA.packages.iter().find(|package| package.name.as_str() == name).unwrap();
    package.manifest_path.parent().unwrap().into()
}

/// All JSON files of a folder, by their names without `.json`.
fn payloads(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
}

/// What routing says of an event, in the words of the tables.
fn describe(table: &Table, event: &[u8]) -> [String; 3] {
    let routed = table.route(event).unwrap();
    let http = routed.http.map_or_else(String::new, |http| {
        [http.method, http.host, http.path].map(|part| part.map_or("-".to_owned(), |part| part.into_owned())).join(" ")
    });
    [routed.source.to_string(), routed.resource.unwrap_or_default().into_owned(), http]
}

#[track_caller]
fn check(folder: &Path, expected: &[Expected]) {
    let table = Table::build(std::iter::empty());
    let found: BTreeMap<String, [String; 3]> =
        payloads(folder).into_iter().map(|(name, event)| (name, describe(&table, &event))).collect();
    let expected: BTreeMap<String, [String; 3]> = expected
        .iter()
        .map(|(name, source, resource, http)| ((*name).to_owned(), [*source, *resource, *http].map(str::to_owned)))
        .collect();
    for name in found.keys().chain(expected.keys()) {
        assert_eq!(found.get(name), expected.get(name), "{name}");
    }
}

#[test]
fn every_payload_of_aws_lambda_events() {
    check(&package("aws_lambda_events").join("src/fixtures"), EVENTS);
}

#[test]
fn every_payload_of_lambda_http() {
    check(&package("lambda_http").join("tests/data"), HTTP);
}

#[test]
fn every_payload_reaches_the_route_of_its_resource_and_no_other() {
    let folders = [package("aws_lambda_events").join("src/fixtures"), package("lambda_http").join("tests/data")];
    let nothing = Table::build(std::iter::empty());
    let mut reached = 0;
    for (name, event) in folders.iter().flat_map(|folder| payloads(folder)) {
        let [source, resource, _] = describe(&nothing, &event);
        let route =
            |resource: Option<String>| wire::Route { source: source.clone(), to: "p".into(), resource, ..Default::default() };
        let takes = |route: &wire::Route| {
            let matching = Match::parse(route).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            Table::build([&matching].into_iter()).route(&event).unwrap().route == Some(0)
        };
        assert!(takes(&route(None)), "{name}");
        for other in Source::ALL.iter().filter(|other| other.name() != source) {
            assert!(!takes(&wire::Route { source: other.name().into(), to: "p".into(), ..Default::default() }), "{name} {other}");
        }
        // Some samples have something else than an ARN where an ARN belongs.
        if resource.starts_with("arn:") && resource.matches(':').count() >= 5 {
            assert!(takes(&route(Some(resource.clone()))), "{name}");
            assert!(!takes(&route(Some(format!("{resource}x")))), "{name}");
            reached += 1;
        }
    }
    assert!(reached > 40, "{reached}");
}

#[test]
fn every_kind_of_resource_has_a_bare_name() {
    #[track_caller]
    fn check(payload: &str, resource: &str) {
        let event = std::fs::read(package("aws_lambda_events").join(format!("src/fixtures/example-{payload}.json"))).unwrap();
        let [source, _, _] = describe(&Table::build(std::iter::empty()), &event);
        for (name, expected) in [(resource.to_owned(), true), (format!("{resource}x"), false), (format!("x{resource}"), false)] {
            let route =
                wire::Route { source: source.clone(), to: "p".into(), resource: Some(name.clone()), ..Default::default() };
            let table = [Match::parse(&route).unwrap()];
            let routed = Table::build(table.iter()).route(&event).map(|routed| routed.route.is_some());
            assert_eq!(routed, Ok(expected), "{payload} {name}");
        }
    }
    check("sqs-event", "SQSQueue");
    check("sns-event", "snsNetTest");
    check("s3-event", "mybucket");
    check("dynamodb-event", "Example-Table");
    check("kinesis-event", "simple-stream");
    check("eventbridge-schedule", "my-scheduled-rule");
    check("code_commit-event", "my-repo");
    check("kafka-event", "ExampleMSKCluster");
    check("activemq-event", "shask-test");
    check("rabbitmq-event", "test");
    check("documentdb-insert-event", "canaryclusterb2a659a2-qo5tcmqkcl03");
    check("alb-lambda-target-request-headers-only", "lambda-target");
    check("vpc-lattice-v2-request", "svc-0a40eebed65f8d69c");
    check("apigw-request", "gy415nuibc");
    check("apigw-custom-auth-request", "ymy8tbxw7b");
    check("apigw-v2-request-iam", "api-id");
    check("config-event", "config-rule-0123456");
    check("cloudformation-custom-resource-create-request", "stack-name");
    check("secretsmanager-secret-rotation-event", "id");
    check("s3-object-lambda-event-get-object-iam", "example-object-lambda-ap");
    check("lex-event", "bot name");
}
