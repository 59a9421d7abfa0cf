use axum::Router;
use axum::extract::State;
use axum::routing::get;
use std::sync::Arc;

struct Site;

fn start() -> Result<Site, lambda_plugin_abi::Error> {
    Ok(Site)
}

async fn home(_site: State<Arc<Site>>) {}

fn web(_site: Arc<Site>) -> Router<Arc<Site>> {
    Router::new().route("/", get(home))
}

lambda_plugin_abi::export! { start, http: { web } }

fn main() {}
