//! Action groups of Bedrock agents, defined by an API schema or by function details.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html>

use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Config, say};

/// Of `aws_lambda_events` there is the event of an API schema alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    action_group: String,
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    session_attributes: Map<String, Value>,
    #[serde(default)]
    prompt_session_attributes: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Function {
        function: String,
    },
    #[serde(rename_all = "camelCase")]
    Api {
        api_path: String,
        http_method: String,
    },
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    value: String,
}

/// What the agent makes its answer of.
pub(super) fn agent(event: Action, cx: Context<Config>) -> Result<Value, Error> {
    let order = event.parameters.iter().find(|parameter| parameter.name == "id").ok_or("the agent gave no `id`")?;
    let text = say(&order.value, &cx);
    let mut response = match event.asked {
        Asked::Function { function } => {
            json!({ "function": function, "functionResponse": { "responseBody": { "TEXT": { "body": text } } } })
        }
        Asked::Api { api_path, http_method } => json!({
            "apiPath": api_path,
            "httpMethod": http_method,
            "httpStatusCode": 200,
            // JSON inside of a string.
            "responseBody": { "application/json": { "body": json!({ "state": text }).to_string() } },
        }),
    };
    response["actionGroup"] = event.action_group.into();
    Ok(json!({
        "messageVersion": "1.0",
        "response": response,
        "sessionAttributes": event.session_attributes,
        "promptSessionAttributes": event.prompt_session_attributes,
    }))
}
