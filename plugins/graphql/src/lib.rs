//! AppSync: a resolver, a resolver in batches, and what is published and subscribed to on channels of AppSync Events.
//!
//! The manifest's routes choose the handler by type and field, as a schema does.

#![deny(unsafe_code)]

use aws_lambda_events::event::appsync::AppSyncDirectResolverEvent;
use lambda_plugin_abi::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod channel;

use channel::channel;

#[derive(Deserialize, Serialize)]
struct ById {
    id: String,
}

#[derive(Serialize)]
struct Order {
    id: String,
    shop: &'static str,
}

/// `Query.order(id: ID!)`. An error is one of the field: GraphQL's clients read its message.
/// <https://docs.aws.amazon.com/appsync/latest/devguide/direct-lambda-reference.html>
fn order(event: AppSyncDirectResolverEvent<ById>) -> Result<Order, Error> {
    let ById { id } = event.arguments.ok_or("the field has no arguments")?;
    Ok(Order { id, shop: "main" })
}

/// `Order.price`, for the orders of a list at once: with a batch size in the resolver, AppSync sends a list of events and takes a list
/// of results, in the same order. One that fails leaves the others as they are.
/// <https://docs.aws.amazon.com/appsync/latest/devguide/tutorial-lambda-resolvers.html#advanced-use-case-batching>
fn prices(events: Vec<AppSyncDirectResolverEvent<Value, ById>>) -> Result<Vec<Value>, Error> {
    let price = |source: Option<ById>| source?.id.parse::<u32>().ok().map(|number| number.saturating_mul(10));
    let result = |event: AppSyncDirectResolverEvent<Value, ById>| match price(event.source) {
        Some(price) => json!({ "data": price, "errorMessage": null, "errorType": null }),
        None => json!({ "data": null, "errorMessage": "no such order", "errorType": "OrderMissing" }),
    };
    Ok(events.into_iter().map(result).collect())
}

lambda_plugin_abi::export! { handlers: { order, prices, channel } }

#[cfg(test)]
mod tests;
