//! WebSocket APIs: their events come one by one to ordinary handlers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::Error;

/// One event of a WebSocket API
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>).
///
/// The handler stands under `handlers`, and routes lead to it by `route_key` and `stage`. It answers with an object that has a
/// `statusCode`: other than 2xx to `Connect`, and the client is not let in. What it sends to clients goes through the API's own
/// endpoint, from whatever AWS SDK the plugin has.
///
/// ```
/// use lambda_plugin_abi::Error;
/// use lambda_plugin_abi::http::{WebsocketEvent, WebsocketEventType};
/// use serde_json::{Value, json};
///
/// fn chat(event: WebsocketEvent) -> Result<Value, Error> {
///     let status = match event.request_context.event_type {
///         WebsocketEventType::Connect if event.query("room").is_none() => 403,
///         WebsocketEventType::Message if event.body()?.len() > 1000 => 413,
///         _ => 200,
///     };
///     Ok(json!({ "statusCode": status }))
/// }
/// lambda_plugin_abi::export! { handlers: { chat } }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebsocketEvent {
    /// Which connection, and what of it.
    pub request_context: WebsocketContext,
    /// Headers of `Connect` and `Disconnect`, in order, repeated ones repeated. Names keep the client's letters.
    #[serde(default, rename = "multiValueHeaders", deserialize_with = "pairs")]
    pub headers: Vec<(String, String)>,
    /// The query of `Connect`, decoded, in order.
    #[serde(default, rename = "multiValueQueryStringParameters", deserialize_with = "pairs")]
    pub query: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// What a WebSocket API says of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebsocketContext {
    /// What has happened.
    pub event_type: WebsocketEventType,
    /// The connection: stays the same from `Connect` to `Disconnect`, and is where messages to the client are sent.
    pub connection_id: String,
    /// `$connect`, `$disconnect`, `$default`, or one of the API's own.
    pub route_key: String,
    /// The API.
    pub api_id: String,
    /// The API's stage.
    pub stage: String,
    /// The API's host: with the stage the endpoint for messages to clients, `https://HOST/STAGE`.
    #[serde(default)]
    pub domain_name: Option<String>,
    /// When the client connected, in milliseconds since 1970.
    #[serde(default)]
    pub connected_at: Option<u64>,
    /// Of `Disconnect`: the WebSocket status code.
    #[serde(default)]
    pub disconnect_status_code: Option<i32>,
    /// Of `Disconnect`: why.
    #[serde(default)]
    pub disconnect_reason: Option<String>,
    /// What the authorizer of `Connect` has said.
    #[serde(default)]
    pub authorizer: Option<serde_json::Value>,
}

/// What has happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WebsocketEventType {
    /// A client asks to be let in.
    Connect,
    /// It has sent something.
    Message,
    /// It has gone.
    Disconnect,
}

impl WebsocketEvent {
    /// What the client has sent; empty but for `Message`.
    ///
    /// # Errors
    /// It is said to be base64 and is not.
    pub fn body(&self) -> Result<Bytes, Error> {
        let Some(body) = &self.body else { return Ok(Bytes::new()) };
        if !self.is_base64_encoded {
            return Ok(Bytes::copy_from_slice(body.as_bytes()));
        }
        let body = BASE64_STANDARD.decode(body).map_err(|_| Error::new("EventDecode", "event: its body is not base64"))?;
        Ok(body.into())
    }

    /// The first value of a header, whatever the letters of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of that name in the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn pairs<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let pairs = Option::<super::request::Pairs<'de>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(pairs.0.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_that_the_tool_hands_out_is_read() {
        let sample = include_str!("../../../loader/command/event/samples/websocket.json");
        let event: WebsocketEvent = serde_json::from_str(sample).unwrap();
        assert_eq!(event.request_context.event_type, WebsocketEventType::Message);
        assert!(!event.request_context.connection_id.is_empty() && !event.body().unwrap().is_empty());
    }

    #[test]
    fn an_event_of_each_kind_is_read() {
        let connect: WebsocketEvent = serde_json::from_value(serde_json::json!({
            "headers": { "Host": "h" }, "multiValueHeaders": { "Host": ["h"], "X-Many": ["1", "2"] },
            "multiValueQueryStringParameters": { "room": ["a b"] }, "isBase64Encoded": false,
            "requestContext": {
                "routeKey": "$connect", "eventType": "CONNECT", "stage": "prod", "connectedAt": 1_700_000_000_000_u64,
                "connectionId": "c-1", "apiId": "a-1", "domainName": "a-1.execute-api.eu-west-1.amazonaws.com",
            },
        }))
        .unwrap();
        assert_eq!(connect.request_context.event_type, WebsocketEventType::Connect);
        assert_eq!((connect.header("x-many"), connect.query("room"), connect.query("Room")), (Some("1"), Some("a b"), None));
        assert_eq!(connect.body().unwrap(), "");
        let message = |body: &str, base64: bool| -> WebsocketEvent {
            let context = serde_json::json!({
                "routeKey": "$default", "eventType": "MESSAGE", "stage": "prod", "connectionId": "c-1", "apiId": "a-1",
            });
            let event = serde_json::json!({ "requestContext": context, "body": body, "isBase64Encoded": base64 });
            serde_json::from_value(event).unwrap()
        };
        assert_eq!(message("hi", false).body().unwrap(), "hi");
        assert_eq!(message("aGk=", true).body().unwrap(), "hi");
        assert_eq!(message("%", true).body().unwrap_err().message(), "event: its body is not base64");
    }
}
