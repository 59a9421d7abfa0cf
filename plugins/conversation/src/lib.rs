//! One question, "where is my order?", put by Lex, Alexa, Connect, a Bedrock agent and a WebSocket client: each wants another reply.

#![deny(unsafe_code)]

use std::collections::BTreeMap;

use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;

mod agent;
mod alexa;
mod connect;
mod lex;
mod socket;

use agent::agent;
use alexa::{home, skill};
use connect::contact;
use lex::{bot, bot_v1};
use socket::socket;

/// The manifest's `config`: what stands for a database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What there is to say of an order, by its number.
    orders: BTreeMap<String, String>,
}

fn start(config: Config) -> Result<Config, Error> {
    Ok(config)
}

fn say(order: &str, cx: &Context<Config>) -> String {
    match cx.state().orders.get(order) {
        Some(state) => format!("Your order is {state}."),
        None => "There is no such order.".to_owned(),
    }
}

lambda_plugin_abi::export! { start, handlers: { bot, bot_v1, skill, home, contact, agent, socket } }

#[cfg(test)]
mod tests;
