//! Events whose answer is not the reply: CloudFormation and S3 Object Lambda wait for a request of the handler's own.
//!
//! Where it goes stands in the event, and whoever may invoke the function can forge one. So each handler knows the names that AWS waits
//! under, in the function's own region, and asks no other.

#![deny(unsafe_code)]

use aws_credential_types::Credentials;
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;

mod client;
mod object;
mod stack;

use client::Https;
use object::object;
use stack::stack;

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Port of the servers, where it is not 443.
    #[serde(default)]
    port: Option<u16>,
}

struct Aws {
    config: Config,
    https: Https,
    /// Of the function's role, as Lambda puts them into its environment. They last longer than an environment does.
    credentials: Option<Credentials>,
}

fn start(config: Config) -> Result<Aws, Error> {
    let [id, key, token] =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| std::env::var(name).ok());
    let credentials = id.zip(key).map(|(id, key)| Credentials::new(id, key, token, None, "environment"));
    Ok(Aws { config, https: Https::new()?, credentials })
}

/// The region of the function, which is that of the stack or the bucket: `arn:aws:lambda:REGION:…`.
fn region(cx: &Context<Aws>) -> Result<&str, Error> {
    cx.function_arn().split(':').nth(3).ok_or_else(|| Error::new("RegionUnknown", "the function's ARN has no region"))
}

lambda_plugin_abi::export! { start, handlers: { stack, object } }

#[cfg(test)]
mod tests;
