//! The entries of `routes`: which events, to which handler, answered how.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// One entry of `routes`. Which keys an entry may have depends on its `source`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The event source: `sqs`, `http`, `operation`, ….
    pub source: String,
    /// `plugin` (its only handler) or `plugin.handler`.
    pub to: String,
    /// A full ARN, a pattern of one, or a bare name.
    pub resource: Option<String>,
    /// HTTP: the method, upper case.
    pub method: Option<String>,
    /// HTTP: a path pattern: `/users/{id}`, `/{*rest}`.
    pub path: Option<String>,
    /// HTTP: the host.
    pub host: Option<String>,
    /// API Gateway, WebSocket: the API's stage.
    pub stage: Option<String>,
    /// `operation`: its name.
    pub name: Option<String>,
    /// `s3`: the event's name: `ObjectCreated:*`.
    pub event: Option<String>,
    /// `s3`: how the object's key begins, URL-decoded.
    pub key_prefix: Option<String>,
    /// `s3`: how the object's key ends, URL-decoded.
    pub key_suffix: Option<String>,
    /// `eventbridge`: the event's `source`.
    pub event_source: Option<String>,
    /// `eventbridge`: the event's `detail-type`.
    pub detail_type: Option<String>,
    /// `ses`: the recipient.
    pub recipient: Option<String>,
    /// `kafka`: the topic.
    pub topic: Option<String>,
    /// `cloudwatch-logs`: the log group.
    pub log_group: Option<String>,
    /// `authorizer`: `TOKEN` or `REQUEST`.
    pub kind: Option<String>,
    /// `websocket`: the route key: `$connect`.
    pub route_key: Option<String>,
    /// `bedrock-agent`: the action group.
    pub action_group: Option<String>,
    /// `cognito`: the trigger: `PreSignUp_SignUp`.
    pub trigger: Option<String>,
    /// `cloudformation`: the resource's type: `Custom::Thing`.
    pub resource_type: Option<String>,
    /// `secrets-rotation`: the step: `createSecret`.
    pub step: Option<String>,
    /// `lex`: the intent's name.
    pub intent: Option<String>,
    /// `lex`: `DialogCodeHook`, `FulfillmentCodeHook`.
    pub invocation_source: Option<String>,
    /// `appsync-events`: the channel.
    pub channel: Option<String>,
    /// `appsync`: the parent type's name.
    pub type_name: Option<String>,
    /// `appsync`: the field's name.
    pub field: Option<String>,
    /// `eventbridge`, `direct`: JSON pointers into the event, and what must stand there: a string, or `true` for anything.
    #[serde(rename = "where")]
    pub wheres: Option<BTreeMap<String, Where>>,
    /// HTTP: replies are collected, or streamed as they are produced.
    pub reply: Option<Reply>,
    /// HTTP: what a failed handler becomes.
    pub on_failure: Option<OnFailure>,
    /// Queues and streams: the whole batch, or one record at a time.
    pub batch: Option<Batch>,
    /// Queues and streams: the owner's word that the event source mapping has `ReportBatchItemFailures`.
    pub report_batch_item_failures: Option<bool>,
    /// Queues and streams, `"batch": "each"`: how many records that have no order are worked on at once, 1 to 1000. Left out: one.
    pub concurrency: Option<u32>,
}

/// What a `where` key asks of one place in the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// `true`: the place holds anything but `null`. Never `false`.
    Present(bool),
    /// The place holds exactly this string.
    Equals(String),
}

impl<'de> Deserialize<'de> for Where {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Where;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or true")
            }

            fn visit_bool<E: Error>(self, present: bool) -> Result<Where, E> {
                if present { Ok(Where::Present(true)) } else { Err(E::invalid_value(Unexpected::Bool(false), &self)) }
            }

            fn visit_str<E>(self, text: &str) -> Result<Where, E> {
                Ok(Where::Equals(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// How an HTTP reply is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Batch {
    /// The event as it came.
    #[default]
    Whole,
    /// One record at a time, in the source's own envelope.
    Each,
}

#[cfg(feature = "tool")]
impl schemars::JsonSchema for Where {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Where".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The string that must stand there, or true for anything but null.",
            "anyOf": [{ "type": "string" }, { "const": true }],
        })
    }
}
