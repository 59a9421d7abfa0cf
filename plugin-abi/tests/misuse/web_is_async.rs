use axum::Router;

async fn web() -> Router {
    Router::new()
}

lambda_plugin_abi::export! { http: { web } }

fn main() {}
