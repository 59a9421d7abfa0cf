//! AppSync Events. <https://docs.aws.amazon.com/appsync/latest/eventapi/direct-lambda-integrations.html>

use lambda_plugin_abi::Error;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Event {
    info: Info,
    #[serde(default)]
    events: Option<Vec<Published>>,
}

#[derive(Deserialize)]
struct Info {
    operation: Operation,
    channel: Channel,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operation {
    Publish,
    Subscribe,
}

#[derive(Deserialize)]
struct Channel {
    segments: Vec<String>,
}

#[derive(Deserialize)]
struct Published {
    id: String,
    payload: Value,
}

/// Passes on the events that are of an order, and lets nobody subscribe to everything.
pub(super) fn channel(event: Event) -> Result<Value, Error> {
    match event.info.operation {
        Operation::Publish => {
            let published = event.events.unwrap_or_default();
            let passed = published.into_iter().map(|Published { id, payload }| match payload["order"].as_u64() {
                Some(_) => json!({ "id": id, "payload": payload }),
                None => json!({ "id": id, "error": "not an order" }),
            });
            Ok(json!({ "events": passed.collect::<Vec<_>>() }))
        }
        // Nothing is a yes.
        Operation::Subscribe if event.info.channel.segments.iter().all(|segment| segment != "*") => Ok(Value::Null),
        Operation::Subscribe => Ok(json!({ "error": "subscribe to one channel" })),
    }
}
