//! Who may come in: authorizers of API Gateway, AppSync, IoT Core and Client VPN, and triggers of a Cognito user pool.
//!
//! What a handler fails with denies as well; only an error with the message `Unauthorized` is a 401 to API Gateway's client.

#![deny(unsafe_code)]

use std::collections::HashMap;

use aws_lambda_events::event::iam::{IamPolicyDocument, IamPolicyEffect, IamPolicyStatement};
use lambda_plugin_abi::Error;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

mod api;
mod app_sync;
mod device;
mod user_pool;
mod vpn;

use api::{policy, request, simple, token, websocket};
use app_sync::graphql;
use device::device;
use user_pool::{claims, sign_up};
use vpn::vpn;

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Principal by token, the token as its SHA-256 in hex: a manifest is no place for secrets. A real one asks who issues the
    /// tokens, or checks their signature.
    tokens: HashMap<String, String>,
    /// Domain of the addresses that people may sign up with.
    domain: String,
}

fn start(config: Config) -> Result<Config, Error> {
    Ok(config)
}

impl Config {
    /// Whose token it is. Looked up by its digest, so that the time it takes says nothing about the tokens there are.
    fn principal(&self, token: &str) -> Option<&str> {
        let token = token.strip_prefix("Bearer ").unwrap_or(token);
        let digest: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        self.tokens.get(&digest).map(String::as_str)
    }
}

fn document(effect: IamPolicyEffect, action: &str, resource: String) -> IamPolicyDocument {
    let mut statement = IamPolicyStatement::default();
    statement.effect = effect;
    statement.action = vec![action.to_owned()];
    statement.resource = vec![resource];
    let mut document = IamPolicyDocument::default();
    document.version = Some("2012-10-17".to_owned());
    document.statement = vec![statement];
    document
}

lambda_plugin_abi::export! { start, handlers: { token, request, websocket, simple, policy, graphql, device, vpn, sign_up, claims } }

#[cfg(test)]
mod tests;
