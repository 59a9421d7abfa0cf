//! The plugin's own tests: no loader, no manifest, the calls that the loader makes.

use lambda_plugin_abi::testing::{self, Invocation};
use serde_json::{Value, json};

// Links the plugin.
use orders as _;

fn message(id: &str, body: &str) -> Value {
    json!({ "messageId": id, "body": body, "eventSource": "aws:sqs" })
}

#[test]
fn a_batch_is_taken_but_for_the_messages_that_are_no_orders() {
    let plugin = testing::start(json!({ "table": "t", "most_pieces": 10 })).unwrap();
    let messages =
        [message("m-1", r#"{"id":"a","pieces":1}"#), message("m-2", "no order"), message("m-3", r#"{"id":"b","pieces":11}"#)];
    let invocation = Invocation::new().source("sqs").route("order-queue");
    let reply = plugin.invoke_as(invocation, "on_message", json!({ "Records": messages }).to_string()).unwrap();
    let failures = json!([{ "itemIdentifier": "m-2" }, { "itemIdentifier": "m-3" }]);
    assert_eq!(reply.json::<Value>().unwrap()["batchItemFailures"], failures);
}

#[test]
fn a_config_that_is_not_understood_is_named_by_its_place() {
    let error = testing::start(json!({ "table": "t", "most_peaces": 10 })).unwrap_err();
    assert_eq!(
        error.message(),
        "plugins.test.config.most_peaces: unknown field `most_peaces`, expected `table` or `most_pieces`"
    );
}
