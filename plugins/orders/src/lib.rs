//! A plugin as a team would write it: typed events, configuration, state, and a batch in which single records may fail.

#![deny(unsafe_code)]

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Table that orders go to.
    table: String,
    /// Orders of more pieces than this are refused.
    #[serde(default = "most_pieces")]
    most_pieces: u32,
}

fn most_pieces() -> u32 {
    100
}

/// Lives from the start to the end of the process, shared by all invocations.
#[derive(Debug)]
struct Orders {
    config: Config,
    accepted: AtomicU64,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    pieces: u32,
}

async fn start(config: Config) -> Result<Orders, Error> {
    if config.table.is_empty() {
        return Err(Error::new("ConfigInvalid", "`table` is empty"));
    }
    tracing::info!(table = config.table, "orders started");
    Ok(Orders { config, accepted: AtomicU64::new(0) })
}

/// Takes what it can of a batch, and reports the rest, so that SQS delivers only that again.
async fn on_message(event: SqsEvent, cx: Context<Orders>) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let orders = cx.state();
        let order = message
            .body
            .as_deref()
            .ok_or("empty")
            .and_then(|body| serde_json::from_str::<Order>(body).map_err(|_| "not an order"));
        let refused = match order {
            Ok(order) if order.id.is_empty() => "no id",
            Ok(order) if order.pieces > orders.config.most_pieces => "too many pieces",
            Ok(_) => {
                orders.accepted.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            Err(why) => why,
        };
        let id = message.message_id.ok_or_else(|| Error::new("MessageIdMissing", "a record has no messageId"))?;
        tracing::warn!(message_id = id, refused, "message not taken");
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

/// Reports, once a night, how much was taken.
fn nightly(_event: EventBridgeEvent, cx: Context<Orders>) -> Result<serde_json::Value, Error> {
    let orders = cx.state();
    let accepted = orders.accepted.swap(0, Ordering::Relaxed);
    tracing::info!(accepted, "nightly report");
    Ok(serde_json::json!({ "table": orders.config.table, "accepted": accepted }))
}

lambda_plugin_abi::export! { start, handlers: { on_message, nightly } }
