use axum::Router;

fn web() -> Router {
    Router::new()
}

fn nightly(_event: ()) -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { http: { web }, handlers: { nightly } }

fn main() {}
