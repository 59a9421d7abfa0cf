//! Lex, version 2 and version 1. <https://docs.aws.amazon.com/lexv2/latest/dg/lambda-response-format.html>,
//! <https://docs.aws.amazon.com/lex/latest/dg/lambda-input-response-format.html>

use aws_lambda_events::event::lex::LexEvent;
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Config, say};

/// A turn of a version 2 bot: what of it this handler reads. `aws_lambda_events` has version 1 alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Turn {
    session_state: SessionState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionState {
    intent: Intent,
    #[serde(default)]
    session_attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct Intent {
    name: String,
    #[serde(default)]
    slots: Map<String, Value>,
}

/// Version 2: asks for the order while there is none, then ends the intent.
pub(super) fn bot(event: Turn, cx: Context<Config>) -> Result<Value, Error> {
    let SessionState { intent: Intent { name, slots }, session_attributes } = event.session_state;
    let order = slots.get("Order").and_then(|slot| slot.pointer("/value/interpretedValue")?.as_str());
    let (action, state, text) = match order {
        Some(order) => (json!({ "type": "Close" }), "Fulfilled", say(order, &cx)),
        None => (json!({ "type": "ElicitSlot", "slotToElicit": "Order" }), "InProgress", "Which order is it?".to_owned()),
    };
    Ok(json!({
        "sessionState": {
            "dialogAction": action,
            "intent": { "name": name, "slots": slots, "state": state },
            // What is not sent back is forgotten.
            "sessionAttributes": session_attributes,
        },
        "messages": [{ "contentType": "PlainText", "content": text }],
    }))
}

/// Version 1.
pub(super) fn bot_v1(event: LexEvent, cx: Context<Config>) -> Result<Value, Error> {
    let intent = event.current_intent.ok_or("the event has no intent")?;
    let order = intent.slots.as_ref().and_then(|slots| slots.get("Order")?.as_deref());
    let message = |text: String| json!({ "contentType": "PlainText", "content": text });
    let action = match order {
        Some(order) => json!({ "type": "Close", "fulfillmentState": "Fulfilled", "message": message(say(order, &cx)) }),
        None => json!({
            "type": "ElicitSlot",
            "intentName": intent.name,
            "slots": intent.slots,
            "slotToElicit": "Order",
            "message": message("Which order is it?".to_owned()),
        }),
    };
    Ok(json!({ "sessionAttributes": event.session_attributes.unwrap_or_default(), "dialogAction": action }))
}
