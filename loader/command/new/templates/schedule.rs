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
    use lambda_plugin_abi::testing;
    use serde_json::{Value, json};

    #[test]
    fn the_sample_event_is_handled() {
        let plugin = testing::start(()).unwrap();
        let reply = plugin.invoke("handle", include_bytes!("../event.json")).unwrap();
        let rule = "arn:aws:events:us-east-1:123456789012:rule/nightly";
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "done": rule }));
    }
}
