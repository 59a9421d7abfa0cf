//! The event sources by name.

use std::fmt;

macro_rules! sources {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal; )+) => {
        /// Where an event comes from, as far as its shape tells. Anyone who may invoke the function can forge any of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Source { $( $(#[doc = $doc])+ $variant, )+ }

        impl Source {
            /// All sources.
            pub const ALL: &'static [Source] = &[ $( Source::$variant, )+ ];

            /// The name in manifests and logs: `api-gateway-http`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Source::$variant => $name, )+ }
            }
        }
    };
}

sources! {
    /// A batch of an SQS queue.
    Sqs = "sqs";
    /// A notification of an SNS topic.
    Sns = "sns";
    /// An S3 event notification.
    S3 = "s3";
    /// A batch of a DynamoDB stream.
    Dynamodb = "dynamodb";
    /// A batch of a Kinesis stream.
    Kinesis = "kinesis";
    /// A CodeCommit trigger.
    Codecommit = "codecommit";
    /// An SES receipt rule.
    Ses = "ses";
    /// A batch of an MSK or self-managed Kafka cluster.
    Kafka = "kafka";
    /// A batch of an ActiveMQ broker.
    Activemq = "activemq";
    /// A batch of a RabbitMQ broker.
    Rabbitmq = "rabbitmq";
    /// A batch of a DocumentDB change stream.
    Documentdb = "documentdb";
    /// Records to transform for Firehose.
    Firehose = "firehose";
    /// A CloudWatch Logs subscription.
    CloudwatchLogs = "cloudwatch-logs";
    /// An API Gateway Lambda authorizer.
    Authorizer = "authorizer";
    /// An AppSync Lambda authorizer.
    AppsyncAuthorizer = "appsync-authorizer";
    /// An IoT Core custom authorizer.
    IotAuthorizer = "iot-authorizer";
    /// An API Gateway WebSocket route.
    Websocket = "websocket";
    /// A request through an Application Load Balancer.
    Alb = "alb";
    /// A request through VPC Lattice.
    VpcLattice = "vpc-lattice";
    /// A request to a function URL.
    FunctionUrl = "function-url";
    /// A request through an API Gateway HTTP API.
    ApiGatewayHttp = "api-gateway-http";
    /// An action group of a Bedrock agent.
    BedrockAgent = "bedrock-agent";
    /// A request through an API Gateway REST API.
    ApiGatewayRest = "api-gateway-rest";
    /// A schedule of EventBridge or EventBridge Scheduler.
    Schedule = "schedule";
    /// An EventBridge event.
    Eventbridge = "eventbridge";
    /// A CloudWatch alarm action.
    CloudwatchAlarm = "cloudwatch-alarm";
    /// A Cognito user pool trigger.
    Cognito = "cognito";
    /// A Cognito Sync trigger.
    CognitoSync = "cognito-sync";
    /// An AWS Config rule.
    Config = "config";
    /// A CodePipeline job.
    Codepipeline = "codepipeline";
    /// A CodeDeploy lifecycle hook.
    CodedeployHook = "codedeploy-hook";
    /// A CloudFormation custom resource.
    Cloudformation = "cloudformation";
    /// A step of a Secrets Manager rotation.
    SecretsRotation = "secrets-rotation";
    /// An S3 Object Lambda request.
    S3ObjectLambda = "s3-object-lambda";
    /// An S3 Batch Operations task.
    S3Batch = "s3-batch";
    /// A turn of a Lex bot.
    Lex = "lex";
    /// A request to an Alexa skill.
    Alexa = "alexa";
    /// A directive to an Alexa smart home skill.
    AlexaSmartHome = "alexa-smart-home";
    /// An AppSync Events handler.
    AppsyncEvents = "appsync-events";
    /// An AppSync resolver.
    Appsync = "appsync";
    /// An Amazon Connect contact flow.
    Connect = "connect";
    /// A Client VPN connection handler.
    ClientVpn = "client-vpn";
    /// The loader's own envelope for work by hand: `{"operation": …, "input": …}`.
    Operation = "operation";
    /// Any other JSON.
    Direct = "direct";
}

impl Source {
    /// The source of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Source::ALL.iter().copied().find(|source| source.name() == name)
    }

    /// Whether it carries an HTTP request and wants an HTTP reply: those for which `http` stands in a route.
    #[must_use]
    pub const fn is_http(self) -> bool {
        use Source::{Alb, ApiGatewayHttp, ApiGatewayRest, FunctionUrl, VpcLattice};
        matches!(self, ApiGatewayRest | ApiGatewayHttp | FunctionUrl | Alb | VpcLattice)
    }

    /// Whether one event is a batch that may be handed over record by record.
    #[must_use]
    pub const fn is_batch(self) -> bool {
        matches!(self, Source::Sqs | Source::Kinesis | Source::Dynamodb | Source::Kafka)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a route's `source` names: one source, or the HTTP ones together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// One source.
    One(Source),
    /// `http`
    Http,
}

impl Selector {
    /// The selector of that name.
    ///
    /// # Errors
    /// A mend: the name that was probably meant, or all names.
    pub fn named(name: &str) -> Result<Self, String> {
        if name == "http" {
            return Ok(Selector::Http);
        }
        Source::named(name).map(Selector::One).ok_or_else(|| {
            let names = || Source::ALL.iter().map(|source| source.name()).chain(["http"]);
            match names().map(|known| (distance(name, known), known)).min() {
                Some((0..=2, known)) => format!("did you mean `{known}`?"),
                _ => format!("the sources are {}", names().collect::<Vec<_>>().join(", ")),
            }
        })
    }

    /// The name in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Selector::One(source) => source.name(),
            Selector::Http => "http",
        }
    }

    /// Whether events of `source` are meant.
    #[must_use]
    pub fn takes(self, source: Source) -> bool {
        match self {
            Selector::One(one) => one == source,
            Selector::Http => source.is_http(),
        }
    }

    /// Whether only HTTP requests are meant.
    #[must_use]
    pub fn is_http(self) -> bool {
        match self {
            Selector::One(source) => source.is_http(),
            Selector::Http => true,
        }
    }
}

/// How many characters must be changed, added or removed to make one name of the other; underscores are dashes and capitals small.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.to_lowercase().replace('_', "-").chars().take(64).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (line, there) in other.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (column, here) in one.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or_default();
            let best = (left + 1).min(above + 1).min(diagonal + usize::from(*here != there));
            if let Some(cell) = row.get_mut(column) {
                *cell = left;
            }
            diagonal = above;
            left = best;
        }
        if let Some(cell) = row.last_mut() {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(name: &str, expected: Result<Selector, &str>) {
            assert_eq!(Selector::named(name).as_ref().map_err(String::as_str), expected.as_ref().map_err(|hint| *hint), "{name}");
        }
        check("sqs", Ok(Selector::One(Source::Sqs)));
        check("http", Ok(Selector::Http));
        check("SQS", Err("did you mean `sqs`?"));
        check("api_gateway_http", Err("did you mean `api-gateway-http`?"));
        check("dynamdb", Err("did you mean `dynamodb`?"));
        check("eventbrige", Err("did you mean `eventbridge`?"));
        assert!(Selector::named("lambda-at-edge").unwrap_err().starts_with("the sources are sqs, sns, "));
        assert!(Selector::named("").is_err());
    }

    #[test]
    fn distances() {
        for (one, other, expected) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("s3", "sqs", 2), ("A_b", "a-b", 0)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn every_source_is_found_by_its_name() {
        for source in Source::ALL {
            assert_eq!(Source::named(source.name()), Some(*source));
        }
    }
}
