//! The axum application of the plugin `axum` under the official `lambda_http`, linked in: what the plugin is measured against.
//!
//! With `STREAM` in its environment its replies are streamed, as under a function URL with that invoke mode.

#[path = "../tests/fixtures/router.rs"]
mod router;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    match std::env::var_os("STREAM") {
        Some(_) => lambda_http::run_with_streaming_response(router::router()).await,
        None => lambda_http::run(router::router()).await,
    }
}
