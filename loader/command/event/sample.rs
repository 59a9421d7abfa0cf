//! The samples, and which places in each of them the options fill in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::manifest::near;
use crate::route::Source;
use crate::{Code, Refusal};

/// One sample event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) source: Source,
    pub(super) text: &'static str,
    /// Where `--body` goes.
    body: Option<(&'static str, Body)>,
    /// Where `--resource` goes, and what a bare name becomes there: `{}` is the name.
    resource: Option<(&'static [&'static str], &'static str)>,
    /// Where `--path` goes.
    path: &'static [&'static str],
    /// Where `--method` goes.
    method: &'static [&'static str],
    /// Where `--name` goes.
    name: Option<&'static str>,
}

/// How a body stands in its event.
#[derive(Clone, Copy, Debug)]
enum Body {
    Text,
    Base64,
    Json,
}

/// What the options ask for.
#[derive(Debug, Default)]
pub(super) struct Wanted<'w> {
    pub(super) body: Option<&'w str>,
    pub(super) resource: Option<&'w str>,
    pub(super) path: Option<&'w str>,
    pub(super) method: Option<&'w str>,
    pub(super) name: Option<&'w str>,
}

macro_rules! sample {
    ($source:ident, $file:literal $(, $field:ident: $value:expr)* $(,)?) => {
        Sample { $($field: $value,)* ..Sample::plain(Source::$source, include_str!(concat!("samples/", $file, ".json"))) }
    };
}

/// All samples, in the order of the table of sources.
pub(super) static SAMPLES: &[Sample] = &[
    sample!(
        Sqs, "sqs",
        body: Some(("/Records/0/body", Body::Text)),
        resource: Some((&["/Records/0/eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:{}")),
    ),
    sample!(
        Sns, "sns",
        body: Some(("/Records/0/Sns/Message", Body::Text)),
        resource: Some((&["/Records/0/Sns/TopicArn"], "arn:aws:sns:us-east-1:123456789012:{}")),
    ),
    sample!(S3, "s3", resource: Some((&["/Records/0/s3/bucket/arn"], "arn:aws:s3:::{}"))),
    sample!(
        Dynamodb, "dynamodb",
        resource: Some((
            &["/Records/0/eventSourceARN"],
            "arn:aws:dynamodb:us-east-1:123456789012:table/{}/stream/2026-01-01T00:00:00.000",
        )),
    ),
    sample!(
        Kinesis, "kinesis",
        body: Some(("/Records/0/kinesis/data", Body::Base64)),
        resource: Some((&["/Records/0/eventSourceARN"], "arn:aws:kinesis:us-east-1:123456789012:stream/{}")),
    ),
    sample!(
        Codecommit, "codecommit",
        resource: Some((&["/Records/0/eventSourceARN"], "arn:aws:codecommit:us-east-1:123456789012:{}")),
    ),
    sample!(Ses, "ses", name: Some("/Records/0/ses/receipt/recipients/0")),
    sample!(
        Kafka, "kafka",
        body: Some(("/records/orders-0/0/value", Body::Base64)),
        resource: Some((
            &["/eventSourceArn"],
            "arn:aws:kafka:us-east-1:123456789012:cluster/{}/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2",
        )),
    ),
    sample!(
        Activemq, "activemq",
        body: Some(("/messages/0/data", Body::Base64)),
        resource: Some((
            &["/eventSourceArn"],
            "arn:aws:mq:us-east-1:123456789012:broker:{}:b-9bcfa592-423a-4942-879d-eb284b418fc8",
        )),
    ),
    sample!(
        Rabbitmq, "rabbitmq",
        body: Some(("/rmqMessagesByQueue/orders::~1/0/data", Body::Base64)),
        resource: Some((
            &["/eventSourceArn"],
            "arn:aws:mq:us-east-1:123456789012:broker:{}:b-9bcfa592-423a-4942-879d-eb284b418fc8",
        )),
    ),
    sample!(
        Documentdb, "documentdb",
        body: Some(("/events/0/event/fullDocument", Body::Json)),
        resource: Some((&["/eventSourceArn"], "arn:aws:rds:us-east-1:123456789012:cluster:{}")),
    ),
    sample!(
        Firehose, "firehose",
        body: Some(("/records/0/data", Body::Base64)),
        resource: Some((&["/deliveryStreamArn"], "arn:aws:firehose:us-east-1:123456789012:deliverystream/{}")),
    ),
    sample!(CloudwatchLogs, "cloudwatch-logs"),
    sample!(
        Authorizer, "authorizer",
        resource: Some((&["/methodArn"], "arn:aws:execute-api:us-east-1:123456789012:{}/prod/GET/orders")),
    ),
    sample!(
        AppsyncAuthorizer, "appsync-authorizer",
        body: Some(("/requestContext/queryString", Body::Text)),
        resource: Some((&["/requestContext/apiId"], "{}")),
    ),
    sample!(IotAuthorizer, "iot-authorizer"),
    sample!(
        Websocket, "websocket",
        body: Some(("/body", Body::Text)),
        resource: Some((&["/requestContext/apiId"], "{}")),
        name: Some("/requestContext/routeKey"),
    ),
    sample!(
        Alb, "alb",
        body: Some(("/body", Body::Text)),
        resource: Some((
            &["/requestContext/elb/targetGroupArn"],
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{}/49e9d65c45c6791a",
        )),
        path: &["/path"],
        method: &["/httpMethod"],
    ),
    sample!(
        VpcLattice, "vpc-lattice",
        body: Some(("/body", Body::Text)),
        resource: Some((&["/requestContext/serviceArn"], "arn:aws:vpc-lattice:us-east-1:123456789012:service/{}")),
        path: &["/path"],
        method: &["/method"],
    ),
    sample!(
        FunctionUrl, "function-url",
        body: Some(("/body", Body::Text)),
        resource: Some((&["/requestContext/apiId"], "{}")),
        path: &["/rawPath", "/requestContext/http/path"],
        method: &["/requestContext/http/method"],
    ),
    sample!(
        ApiGatewayHttp, "api-gateway-http",
        body: Some(("/body", Body::Text)),
        resource: Some((&["/requestContext/apiId"], "{}")),
        path: &["/rawPath", "/requestContext/http/path"],
        method: &["/requestContext/http/method"],
    ),
    sample!(
        BedrockAgent, "bedrock-agent",
        body: Some(("/inputText", Body::Text)),
        resource: Some((&["/agent/id"], "{}")),
        name: Some("/actionGroup"),
    ),
    sample!(
        ApiGatewayRest, "api-gateway-rest",
        body: Some(("/body", Body::Text)),
        resource: Some((&["/requestContext/apiId"], "{}")),
        path: &["/path"],
        method: &["/httpMethod", "/requestContext/httpMethod"],
    ),
    sample!(
        Schedule, "schedule",
        body: Some(("/detail", Body::Json)),
        resource: Some((&["/resources/0"], "arn:aws:events:us-east-1:123456789012:rule/{}")),
    ),
    sample!(
        Eventbridge, "eventbridge",
        body: Some(("/detail", Body::Json)),
        resource: Some((&["/resources/0"], "arn:aws:events:us-east-1:123456789012:rule/{}")),
        name: Some("/detail-type"),
    ),
    sample!(
        CloudwatchAlarm, "cloudwatch-alarm",
        resource: Some((&["/alarmArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:{}")),
    ),
    sample!(Cognito, "cognito", resource: Some((&["/userPoolId"], "{}")), name: Some("/triggerSource")),
    sample!(CognitoSync, "cognito-sync", resource: Some((&["/identityPoolId"], "{}"))),
    sample!(
        Config, "config",
        body: Some(("/invokingEvent", Body::Text)),
        resource: Some((&["/configRuleArn"], "arn:aws:config:us-east-1:123456789012:config-rule/{}")),
    ),
    sample!(
        Codepipeline, "codepipeline",
        body: Some(("/CodePipeline.job/data/actionConfiguration/configuration/UserParameters", Body::Text)),
    ),
    sample!(CodedeployHook, "codedeploy-hook", resource: Some((&["/DeploymentId"], "{}"))),
    sample!(
        Cloudformation, "cloudformation",
        body: Some(("/ResourceProperties", Body::Json)),
        resource: Some((
            &["/StackId"],
            "arn:aws:cloudformation:us-east-1:123456789012:stack/{}/51af3dc0-da77-11e4-872e-1234567db123",
        )),
        name: Some("/ResourceType"),
    ),
    sample!(
        SecretsRotation, "secrets-rotation",
        resource: Some((&["/SecretId"], "arn:aws:secretsmanager:us-east-1:123456789012:secret:{}-AbCdEf")),
        name: Some("/Step"),
    ),
    sample!(
        S3ObjectLambda, "s3-object-lambda",
        body: Some(("/configuration/payload", Body::Text)),
        resource: Some((&["/configuration/accessPointArn"], "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/{}")),
    ),
    sample!(S3Batch, "s3-batch", resource: Some((&["/tasks/0/s3BucketArn"], "arn:aws:s3:::{}"))),
    sample!(
        Lex, "lex",
        body: Some(("/inputTranscript", Body::Text)),
        resource: Some((&["/bot/id"], "{}")),
        name: Some("/sessionState/intent/name"),
    ),
    sample!(
        Alexa, "alexa",
        resource: Some((&["/context/System/application/applicationId", "/session/application/applicationId"], "{}")),
        name: Some("/request/intent/name"),
    ),
    sample!(
        AlexaSmartHome, "alexa-smart-home",
        body: Some(("/directive/payload", Body::Json)),
        resource: Some((&["/directive/header/namespace"], "{}")),
        name: Some("/directive/header/name"),
    ),
    sample!(AppsyncEvents, "appsync-events", body: Some(("/events/0/payload", Body::Json)), name: Some("/info/channel/path")),
    sample!(Appsync, "appsync", body: Some(("/arguments", Body::Json)), name: Some("/info/fieldName")),
    sample!(
        Connect, "connect",
        body: Some(("/Details/Parameters", Body::Json)),
        resource: Some((
            &["/Details/ContactData/InstanceARN"],
            "arn:aws:connect:us-east-1:123456789012:instance/{}",
        )),
    ),
    sample!(ClientVpn, "client-vpn", resource: Some((&["/endpoint-id"], "{}"))),
    sample!(Operation, "operation", body: Some(("/input", Body::Json)), name: Some("/operation")),
    sample!(Direct, "direct", body: Some(("", Body::Json))),
];

impl Sample {
    const fn plain(source: Source, text: &'static str) -> Self {
        Sample { source, text, body: None, resource: None, path: &[], method: &[], name: None }
    }

    /// The sample of that name; `http` is the HTTP API's.
    pub(super) fn named(name: &str) -> Result<&'static Self, Refusal> {
        let wanted = if name == "http" { Source::ApiGatewayHttp.name() } else { name };
        SAMPLES.iter().find(|sample| sample.source.name() == wanted).ok_or_else(|| {
            let names = || SAMPLES.iter().map(|sample| sample.source.name());
            let refusal = Refusal::new(Code::Usage, "event", format!("there is no event source {}", near::quoted(name)));
            match near::nearest(name, names()) {
                Some(meant) => refusal.hint(format!("is {} meant", near::quoted(meant))),
                None => refusal.hint("event --list names the samples"),
            }
        })
    }

    /// The options that this sample takes.
    pub(super) fn options(&self) -> Vec<&'static str> {
        let all = [
            ("--body", self.body.is_some()),
            ("--resource", self.resource.is_some()),
            ("--path", !self.path.is_empty()),
            ("--method", !self.method.is_empty()),
            ("--name", self.name.is_some()),
        ];
        all.into_iter().filter_map(|(option, has)| has.then_some(option)).collect()
    }

    /// The sample with what the options ask for.
    pub(super) fn fill(&self, wanted: &Wanted<'_>) -> Result<Value, Refusal> {
        let mut event = serde_json::from_str(self.text)
            .map_err(|error| Refusal::new(Code::Internal, format!("sample {}", self.source), error.to_string()))?;
        if let Some(text) = wanted.body {
            let (at, form) = self.body.ok_or_else(|| self.no_option("--body"))?;
            let value = match form {
                Body::Text => text.into(),
                Body::Base64 => STANDARD.encode(text).into(),
                Body::Json => serde_json::from_str(text).map_err(|error| {
                    let what = format!("a body of {} is JSON, and this is none: {error}", self.source);
                    Refusal::new(Code::Usage, "--body", what).hint("quote it for the shell: --body '{\"key\":1}'")
                })?,
            };
            put(&mut event, at, value)?;
            // It was that of the sample's own body.
            if let Some(record) = event.pointer_mut("/Records/0").and_then(Value::as_object_mut) {
                record.remove("md5OfBody");
            }
        }
        if let Some(resource) = wanted.resource {
            let (places, pattern) = self.resource.ok_or_else(|| self.no_option("--resource"))?;
            let value = if resource.starts_with("arn:") { resource.to_owned() } else { pattern.replace("{}", resource) };
            for at in places {
                put(&mut event, at, value.as_str().into())?;
            }
        }
        if let Some(path) = wanted.path {
            if !path.starts_with('/') || path.contains(['?', '#']) {
                return Err(Refusal::new(Code::Usage, "--path", format!("{} is not a path", near::quoted(path)))
                    .hint("a path begins with / and has no query"));
            }
            self.put_all(&mut event, "--path", self.path, path)?;
            // A REST API's own path has the API's stage before it.
            if let Some(full) = event.pointer_mut("/requestContext/path") {
                *full = format!("/prod{path}").into();
            }
        }
        if let Some(method) = wanted.method {
            self.put_all(&mut event, "--method", self.method, &method.to_ascii_uppercase())?;
        }
        if let Some(name) = wanted.name {
            let at = self.name.ok_or_else(|| self.no_option("--name"))?;
            put(&mut event, at, name.into())?;
        }
        Ok(event)
    }

    fn put_all(&self, event: &mut Value, option: &'static str, places: &[&str], text: &str) -> Result<(), Refusal> {
        if places.is_empty() {
            return Err(self.no_option(option));
        }
        places.iter().try_for_each(|at| put(event, at, text.into()))
    }

    fn no_option(&self, option: &'static str) -> Refusal {
        let what = format!("a sample of {} has nothing to fill in with it", self.source);
        let refusal = Refusal::new(Code::Usage, option, what);
        match self.options().as_slice() {
            [] => refusal.hint("print the sample and edit it"),
            options => refusal.hint(format!("it takes {}", options.join(" "))),
        }
    }
}

fn put(event: &mut Value, at: &str, value: Value) -> Result<(), Refusal> {
    match event.pointer_mut(at) {
        Some(place) => {
            *place = value;
            Ok(())
        }
        None => Err(Refusal::new(Code::Internal, "event", format!("the sample has no {at}"))),
    }
}
