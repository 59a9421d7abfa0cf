//! A plugin: work by hand, asked for by an event `{"operation": "migrate", "input": …}`.

use lambda_plugin_abi::Error;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Operation {
    #[serde(default)]
    input: Input,
}

#[derive(Default, Deserialize)]
struct Input {
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Done {
    changed: bool,
}

async fn handle(event: Operation) -> Result<Done, Error> {
    Ok(Done { changed: !event.input.dry_run })
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use lambda_plugin_abi::testing;
    use serde_json::{Value, json};

    #[test]
    fn the_sample_operation_is_done() {
        let plugin = testing::start(()).unwrap();
        let reply = plugin.invoke("handle", include_bytes!("../event.json")).unwrap();
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "changed": true }));
    }

    #[test]
    fn a_dry_run_changes_nothing() {
        let plugin = testing::start(()).unwrap();
        let reply = plugin.invoke("handle", r#"{"operation":"migrate","input":{"dry_run":true}}"#).unwrap();
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "changed": false }));
    }
}
