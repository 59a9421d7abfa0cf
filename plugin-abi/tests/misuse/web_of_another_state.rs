use axum::Router;
use lambda_plugin_abi::Error;
use std::sync::Arc;

fn start() -> Result<String, Error> {
    Ok("a title".to_owned())
}

fn web(_state: Arc<u32>) -> Router {
    Router::new()
}

lambda_plugin_abi::export! { start, http: { web } }

fn main() {}
