//! A plugin: a web application, behind an HTTP API, a function URL, a load balancer or whatever else the manifest routes to it.

use axum::http::Uri;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Called once, at the start.
fn web() -> Router {
    Router::new().fallback(any)
}

/// Replace it by routes of your own: `.route("/orders/{id}", axum::routing::get(order))`.
async fn any(uri: Uri) -> Json<Value> {
    Json(json!({ "path": uri.path() }))
}

lambda_plugin_abi::export! { http: { web } }

#[cfg(test)]
mod tests {
    use lambda_plugin_abi::testing;
    use serde_json::{Value, json};

    #[test]
    fn the_sample_request_is_answered_with_its_path() {
        let plugin = testing::start(()).unwrap();
        let reply = plugin.invoke("web", include_bytes!("../event.json")).unwrap();
        let response: Value = reply.json().unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(response["body"], json!({ "path": "/orders" }).to_string());
    }
}
