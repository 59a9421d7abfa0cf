//! Work that runs later: a handler answers at once, and has an operation of its own function run after it.
//!
//! Lambda keeps the event of the operation until it has run, and tries a failed one twice more. So it is not lost, as a spawned task
//! is that a frozen process never finishes, and it may come more than once.

#![deny(unsafe_code)]

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use aws_config::BehaviorVersion;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_plugin_abi::{Context, Error};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Folder that receipts go to, which stands for a bucket.
    receipts: PathBuf,
}

struct Shop {
    config: Config,
    lambda: Client,
}

/// Region and credentials are in the function's environment, the rest comes from its role: `lambda:InvokeFunction` on itself.
async fn start(config: Config) -> Result<Shop, Error> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    Ok(Shop { config, lambda: Client::new(&aws) })
}

/// Has an operation of this function run later: of the version or alias that was called, so by the same code.
///
/// When this returns, Lambda has the event. At most 1 MB of it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
async fn later(operation: &str, input: impl Serialize, cx: &Context<Shop>) -> Result<(), Error> {
    let event = serde_json::to_vec(&json!({ "operation": operation, "input": input }))?;
    let invoke = cx.state().lambda.invoke().function_name(cx.function_arn()).invocation_type(InvocationType::Event);
    let mut invoke = invoke.payload(Blob::new(event)).customize();
    if let Some(trace) = cx.trace_id().map(str::to_owned) {
        // By it Lambda notices functions that call themselves without end.
        invoke = invoke.mutate_request(move |request| {
            request.headers_mut().insert("x-amzn-trace-id", trace.clone());
        });
    }
    invoke.send().await.map_err(|error| Error::new("NotDeferred", DisplayErrorContext(error)))?;
    tracing::info!(operation, "deferred");
    Ok(())
}

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    /// Names one file.
    id: u64,
}

/// The loader's own envelope for operations.
#[derive(Deserialize)]
struct Operation {
    input: Order,
}

#[derive(Serialize)]
struct Accepted {
    accepted: u64,
}

/// Answers the customer, who need not wait for the receipt.
async fn order(event: Operation, cx: Context<Shop>) -> Result<Accepted, Error> {
    later("receipt", &event.input, &cx).await?;
    Ok(Accepted { accepted: event.input.id })
}

/// The operation that runs later. It may come twice, so it is done once: the order's id is the key, and what is there already is not done again. In a
/// table that is a write on the condition that the key is new.
fn receipt(event: Operation, cx: Context<Shop>) -> Result<(), Error> {
    let order = event.input.id;
    match File::create_new(cx.state().config.receipts.join(order.to_string())) {
        Ok(_) => tracing::info!(order, "receipt written"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => tracing::info!(order, "there is a receipt already"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { order, receipt } }

#[cfg(test)]
mod tests;
