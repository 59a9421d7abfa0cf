//! A WebSocket API of API Gateway. <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html>

use lambda_plugin_abi::http::{WebsocketEvent, WebsocketEventType};
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Config, say};

#[derive(Deserialize)]
struct Question {
    order: u64,
}

/// Answers on the connection itself, where the API's route has a route response; other messages take the API's own endpoint.
pub(super) fn socket(event: WebsocketEvent, cx: Context<Config>) -> Result<Value, Error> {
    Ok(match event.request_context.event_type {
        WebsocketEventType::Connect | WebsocketEventType::Disconnect => json!({ "statusCode": 200 }),
        WebsocketEventType::Message => match serde_json::from_slice::<Question>(&event.body()?) {
            Ok(question) => json!({ "statusCode": 200, "body": say(&question.order.to_string(), &cx) }),
            Err(_) => json!({ "statusCode": 400, "body": "Write {\"order\":1}." }),
        },
    })
}
