//! A plugin: how it answers HTTP requests, through an HTTP API, a function URL or whatever else the manifest routes to it.

use lambda_plugin_abi::Error;
use serde::Deserialize;
use serde_json::{Value, json};

/// What all HTTP sources have in common is little; each of these has one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    raw_path: Option<String>,
    path: Option<String>,
}

async fn handle(request: Request) -> Result<Value, Error> {
    let path = request.raw_path.or(request.path).unwrap_or_default();
    Ok(json!({
        "statusCode": 200,
        "headers": { "content-type": "application/json" },
        "body": json!({ "path": path }).to_string(),
    }))
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_request_is_answered_with_its_path() {
        let request = serde_json::from_str(include_str!("../event.json")).unwrap();
        let response = handle(request).await.unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(response["body"], r#"{"path":"/orders"}"#);
    }
}
