//! A plugin: what it does with the messages of a queue.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_plugin_abi::Error;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    order: u64,
}

/// Takes what it can of a batch, and reports the rest, so that SQS delivers only that again.
async fn handle(event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let order = message.body.as_deref().and_then(|body| serde_json::from_str::<Order>(body).ok());
        if order.is_some_and(|order| order.order > 0) {
            continue;
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message.message_id.ok_or_else(|| Error::new("MessageIdMissing", "a record has no messageId"))?;
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use lambda_plugin_abi::testing;
    use serde_json::{Value, json};

    const SAMPLE: &str = include_str!("../event.json");

    #[test]
    fn the_sample_message_is_taken() {
        let reply = testing::start(()).unwrap().invoke("handle", SAMPLE).unwrap();
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "batchItemFailures": [] }));
    }

    #[test]
    fn a_message_that_is_no_order_is_reported() {
        let mut event: Value = serde_json::from_str(SAMPLE).unwrap();
        event["Records"][0]["body"] = json!("nonsense");
        let reply = testing::start(()).unwrap().invoke("handle", event.to_string()).unwrap();
        let failed = &event["Records"][0]["messageId"];
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "batchItemFailures": [{ "itemIdentifier": failed }] }));
    }
}
