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

#[derive(Debug, PartialEq, Serialize)]
struct Done {
    changed: bool,
}

async fn handle(event: Operation) -> Result<Done, Error> {
    Ok(Done { changed: !event.input.dry_run })
}

lambda_plugin_abi::export! { handlers: { handle } }

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_operation_is_done() {
        let event = serde_json::from_str(include_str!("../event.json")).unwrap();
        assert_eq!(handle(event).await.unwrap(), Done { changed: true });
    }

    #[tokio::test]
    async fn a_dry_run_changes_nothing() {
        let event = serde_json::from_str(r#"{"operation":"migrate","input":{"dry_run":true}}"#).unwrap();
        assert_eq!(handle(event).await.unwrap(), Done { changed: false });
    }
}
