use axum::Router;
use std::sync::Arc;

fn web(_state: Arc<()>, _title: String) -> Router {
    Router::new()
}

lambda_plugin_abi::export! { http: { web } }

fn main() {}
