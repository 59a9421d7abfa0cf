//! A plugin: what it does with an event.

use lambda_plugin_abi::Error;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Greeting {
    hello: String,
}

#[derive(Serialize)]
struct Reply {
    message: String,
}

async fn handle(event: Greeting) -> Result<Reply, Error> {
    Ok(Reply { message: format!("hello, {}", event.hello) })
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use lambda_plugin_abi::testing;
    use serde_json::{Value, json};

    #[test]
    fn the_sample_event_is_answered() {
        let plugin = testing::start(()).unwrap();
        let reply = plugin.invoke("handle", include_bytes!("../event.json")).unwrap();
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "message": "hello, world" }));
    }

    #[test]
    fn an_event_without_a_name_is_an_error() {
        let error = testing::start(()).unwrap().invoke("handle", "{}").unwrap_err();
        assert_eq!(error.kind(), "EventDecode");
    }
}
