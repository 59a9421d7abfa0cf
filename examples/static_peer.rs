//! An independent peer for the local Lambda's tests: the official runtime, with a handler that does what the event says.
//!
//! `{"do": "error" | "panic" | "big" | "stream" | "context" | "exit" | "together"}`; any other event comes back as it is.

use std::sync::LazyLock;

use lambda_runtime::streaming::{Body, channel};
use lambda_runtime::{Context, Error, FunctionResponse, LambdaEvent, StreamResponse, service_fn};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Barrier;

#[derive(Deserialize)]
struct Order {
    r#do: String,
    /// `big`: the reply's length in bytes, its two quotes among them.
    #[serde(default)]
    size: usize,
}

/// Lets two invocations go on only when both are there.
static TOGETHER: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

async fn handle(event: LambdaEvent<Box<RawValue>>) -> Result<FunctionResponse<Box<RawValue>, Body>, Error> {
    let LambdaEvent { payload, context } = event;
    let Ok(order) = serde_json::from_str::<Order>(payload.get()) else {
        return Ok(FunctionResponse::BufferedResponse(payload));
    };
    let reply = match order.r#do.as_str() {
        "error" => return Err("it went wrong".into()),
        "panic" => panic!("it went very wrong"),
        "big" => to_raw_value(&"x".repeat(order.size.saturating_sub(2)))?,
        "stream" => return Ok(FunctionResponse::StreamingResponse(stream())),
        "context" => to_raw_value(&seen(&context))?,
        "exit" => std::process::exit(7),
        "together" => {
            TOGETHER.wait().await;
            payload
        }
        _ => payload,
    };
    Ok(FunctionResponse::BufferedResponse(reply))
}

/// What the handler sees of the invocation's headers.
fn seen(context: &Context) -> serde_json::Value {
    serde_json::json!({
        "request_id": context.request_id,
        "deadline": context.deadline,
        "function_arn": context.invoked_function_arn,
        "trace_id": context.xray_trace_id,
        "tenant_id": context.tenant_id,
        "client": context.client_context.as_ref().map(|client| &client.custom),
        "identity": context.identity.as_ref().map(|identity| &identity.identity_id),
        "function_name": context.env_config.function_name,
        "memory": context.env_config.memory,
    })
}

fn stream() -> StreamResponse<Body> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for part in ["one ", "two ", "three"] {
            if sender.send_data(part.into()).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    StreamResponse::from(body)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run_concurrent(service_fn(handle)).await
}
