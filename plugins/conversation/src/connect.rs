//! Contact flows of Amazon Connect. <https://docs.aws.amazon.com/connect/latest/adminguide/connect-lambda-functions.html>

use std::collections::BTreeMap;

use aws_lambda_events::event::connect::ConnectEvent;
use lambda_plugin_abi::{Context, Error};

use super::{Config, say};

/// The flow finds what is replied under `$.External`: strings by name, nothing deeper unless the block is set to JSON.
pub(super) fn contact(event: ConnectEvent, cx: Context<Config>) -> Result<BTreeMap<&'static str, String>, Error> {
    let order = event.details.parameters.get("order").ok_or("the flow's block has no parameter `order`")?;
    Ok(BTreeMap::from([("prompt", say(order, &cx))]))
}
