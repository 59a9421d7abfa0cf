//! A transformation of Firehose. <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html>

use aws_lambda_events::event::firehose::{KinesisFirehoseEvent, KinesisFirehoseResponse, KinesisFirehoseResponseRecord};
use lambda_plugin_abi::Error;

use super::Order;

/// One record a line, without those of tests. Every record is answered for, by its id: one that is no order fails alone, and Firehose
/// keeps it apart.
pub(super) fn records(event: KinesisFirehoseEvent) -> Result<KinesisFirehoseResponse, Error> {
    let mut response = KinesisFirehoseResponse::default();
    response.records = event
        .records
        .into_iter()
        .map(|record| {
            let mut answer = KinesisFirehoseResponseRecord::default();
            let result = match serde_json::from_slice::<Order>(&record.data) {
                Ok(order) if order.test => "Dropped",
                Ok(order) => {
                    // What dynamic partitioning makes folders of.
                    answer.metadata.partition_keys.insert("hundred".to_owned(), (order.order / 100).to_string());
                    "Ok"
                }
                Err(_) => "ProcessingFailed",
            };
            answer.record_id = record.record_id;
            answer.result = Some(result.to_owned());
            answer.data = record.data;
            if result == "Ok" {
                answer.data.push(b'\n');
            }
            answer
        })
        .collect();
    Ok(response)
}
