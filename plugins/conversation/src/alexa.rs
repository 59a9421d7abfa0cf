//! Alexa: skills with words of their own, and smart homes.
//! <https://developer.amazon.com/en-US/docs/alexa/custom-skills/request-and-response-json-reference.html>,
//! <https://developer.amazon.com/en-US/docs/alexa/device-apis/alexa-response.html>

use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Config, say};

#[derive(Deserialize)]
pub(super) struct Said {
    request: Request,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Request {
    #[serde(rename = "LaunchRequest")]
    Launch,
    #[serde(rename = "IntentRequest")]
    Intent { intent: Value },
    #[serde(other)]
    Other,
}

/// A skill.
pub(super) fn skill(event: Said, cx: Context<Config>) -> Result<Value, Error> {
    let (text, ended) = match event.request {
        Request::Launch => ("Which order is it?".to_owned(), false),
        Request::Intent { intent } => match intent.pointer("/slots/Order/value").and_then(Value::as_str) {
            Some(order) => (say(order, &cx), true),
            None => ("Which order is it?".to_owned(), false),
        },
        // The end of a session, for one, to which nothing may be said.
        Request::Other => return Ok(json!({ "version": "1.0", "response": {} })),
    };
    let speech = json!({ "type": "PlainText", "text": text });
    Ok(json!({ "version": "1.0", "response": { "outputSpeech": speech, "shouldEndSession": ended } }))
}

#[derive(Deserialize)]
pub(super) struct Smart {
    directive: Directive,
}

#[derive(Deserialize)]
struct Directive {
    header: Header,
    endpoint: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    name: String,
    message_id: String,
    correlation_token: String,
}

/// A smart home with one lamp, which is told "on" and "off".
pub(super) fn home(event: Smart) -> Result<Value, Error> {
    let Directive { header, endpoint } = event.directive;
    let state = match header.name.as_str() {
        "TurnOn" => "ON",
        "TurnOff" => "OFF",
        _ => return Err(Error::new("DirectiveUnknown", "the lamp can be turned on and off")),
    };
    let response = json!({
        "namespace": "Alexa",
        "name": "Response",
        "messageId": format!("{}-reply", header.message_id),
        "correlationToken": header.correlation_token,
        "payloadVersion": "3",
    });
    Ok(json!({
        "event": { "header": response, "endpoint": endpoint, "payload": {} },
        "context": { "properties": [{ "namespace": "Alexa.PowerController", "name": "powerState", "value": state }] },
    }))
}
