//! A plugin: what it does when its time has come.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_plugin_abi::Error;
use serde_json::{Value, json};

async fn handle(event: EventBridgeEvent<Value>) -> Result<Value, Error> {
    let rule = event.resources.into_iter().flatten().next().ok_or_else(|| Error::new("RuleMissing", "the event names no rule"))?;
    Ok(json!({ "done": rule }))
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_event_is_handled() {
        let event = serde_json::from_str(include_str!("../event.json")).unwrap();
        let done = handle(event).await.unwrap();
        assert_eq!(done["done"], "arn:aws:events:us-east-1:123456789012:rule/nightly");
    }
}
