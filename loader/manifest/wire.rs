//! The manifest's types as they stand in the file.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What a `where` key asks of one place in the event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Where {
    /// `true`: the place holds anything but `null`. `false` is refused.
    Present(bool),
    /// The place holds exactly this string.
    Equals(String),
}

/// One entry of `routes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The event source, as in EVENTS: `sqs`, `http`, `operation`.
    pub source: String,
    /// `plugin` or `plugin.handler`.
    pub to: String,
    /// A full ARN, a pattern, or a bare name.
    pub resource: Option<String>,
    /// HTTP method, upper case.
    pub method: Option<String>,
    /// HTTP path pattern: `/users/{id}`, `/{*rest}`.
    pub path: Option<String>,
    /// HTTP host.
    pub host: Option<String>,
    /// API stage.
    pub stage: Option<String>,
    /// Name of an operation.
    pub name: Option<String>,
    /// S3 event name: `ObjectCreated:*`.
    pub event: Option<String>,
    /// Prefix of an S3 key, URL-decoded.
    pub key_prefix: Option<String>,
    /// Suffix of an S3 key, URL-decoded.
    pub key_suffix: Option<String>,
    /// EventBridge `source`.
    pub event_source: Option<String>,
    /// EventBridge `detail-type`.
    pub detail_type: Option<String>,
    /// `ses`: a recipient.
    pub recipient: Option<String>,
    /// `kafka`: a topic.
    pub topic: Option<String>,
    /// `cloudwatch-logs`: a log group.
    pub log_group: Option<String>,
    /// `authorizer`: `TOKEN` or `REQUEST`.
    pub kind: Option<String>,
    /// `websocket`: the route key.
    pub route_key: Option<String>,
    /// `bedrock-agent`: the action group.
    pub action_group: Option<String>,
    /// `cognito`: the trigger source.
    pub trigger: Option<String>,
    /// `cloudformation`: the resource type.
    pub resource_type: Option<String>,
    /// `secrets-rotation`: the step.
    pub step: Option<String>,
    /// `lex`: the intent.
    pub intent: Option<String>,
    /// `lex`: the invocation source.
    pub invocation_source: Option<String>,
    /// `appsync-events`: the channel.
    pub channel: Option<String>,
    /// `appsync`: the parent type's name.
    pub type_name: Option<String>,
    /// `appsync`: the field's name.
    pub field: Option<String>,
    /// JSON pointers into the event, and what must stand there.
    #[serde(rename = "where")]
    pub wheres: Option<BTreeMap<String, Where>>,
    /// HTTP replies: collected, or streamed as they are produced.
    pub reply: Option<Reply>,
    /// HTTP: what a failed handler becomes.
    pub on_failure: Option<OnFailure>,
    /// Queues and streams: the whole batch, or one record at a time.
    pub batch: Option<Batch>,
    /// The owner's word that the event source mapping has `ReportBatchItemFailures`.
    pub report_batch_item_failures: Option<bool>,
}

/// How an HTTP reply is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// One JSON object; a streamed body is collected first, up to 6 MB.
    #[default]
    Buffered,
    /// With the streaming prelude; must match the invoke mode of the integration.
    Stream,
}

/// What a failed handler becomes under an HTTP source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// An invocation error, which the service answers with 502 and counts.
    #[default]
    Error,
    /// A 500 in the source's own shape, with the request id and no detail.
    Respond,
}

/// What one call of a handler gets of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Batch {
    /// The event as it came.
    #[default]
    Whole,
    /// One record at a time, in the source's own envelope.
    Each,
}
