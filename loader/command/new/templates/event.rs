//! A plugin: what it does with an event.

use lambda_plugin_abi::Error;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Greeting {
    hello: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Reply {
    message: String,
}

async fn handle(event: Greeting) -> Result<Reply, Error> {
    Ok(Reply { message: format!("hello, {}", event.hello) })
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_event_is_answered() {
        let event = serde_json::from_str(include_str!("../event.json")).unwrap();
        assert_eq!(handle(event).await.unwrap(), Reply { message: "hello, world".to_owned() });
    }
}
