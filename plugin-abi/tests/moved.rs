//! A handler written for `lambda_runtime`, taken over as it is.

use lambda_plugin_abi::testing::{self, Invocation};

/// The source as it was, its own imports included.
mod handler {
    use lambda_runtime::{Error, LambdaEvent};
    use serde_json::{Value, json};

    pub(crate) async fn moved(event: LambdaEvent<Value>) -> Result<Value, Error> {
        let (payload, context) = event.into_parts();
        let name = payload["name"].as_str().ok_or("the event has no name")?;
        Ok(json!({ "name": name, "context": context }))
    }

    #[derive(Debug, serde::Deserialize)]
    pub(crate) struct Request {
        pieces: String,
    }

    pub(crate) async fn parsed(event: LambdaEvent<Request>) -> Result<u32, Error> {
        Ok(event.payload.pieces.parse()?)
    }

    pub(crate) async fn diagnosed(_event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Diagnostic> {
        Err(lambda_runtime::Diagnostic { error_type: "OutOfStock".into(), error_message: "nothing left".into() })
    }

    pub(crate) async fn deadline(event: LambdaEvent<()>) -> Result<u64, Error> {
        Ok(event.context.deadline().duration_since(std::time::SystemTime::now())?.as_secs())
    }
}

lambda_plugin_abi::export! {
    handlers: { moved: handler::moved, parsed: handler::parsed, diagnosed: handler::diagnosed, deadline: handler::deadline }
}

#[test]
fn a_lambda_runtime_handler_gets_its_event_and_all_of_its_context() {
    let plugin = testing::start(()).unwrap();
    let invocation = Invocation::new()
        .request_id("r-7")
        .function_arn("arn:f")
        .trace_id("Root=1")
        .tenant_id("blue")
        .client_context(r#"{"client":{"installation_id":"i","app_title":"t","app_version_name":"v","app_version_code":"c","app_package_name":"p"},"custom":{"k":"v"}}"#)
        .identity(r#"{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}"#)
        .without_deadline();
    let reply: serde_json::Value = plugin.invoke_as(invocation, "moved", r#"{"name":"Ada"}"#).unwrap().json().unwrap();
    assert_eq!(reply["name"], "Ada");
    // What `lambda_runtime` itself makes of the same headers.
    let headers = [
        ("lambda-runtime-deadline-ms", "0"),
        ("lambda-runtime-invoked-function-arn", "arn:f"),
        ("lambda-runtime-trace-id", "Root=1"),
        ("lambda-runtime-aws-tenant-id", "blue"),
        (
            "lambda-runtime-client-context",
            r#"{"client":{"installation_id":"i","app_title":"t","app_version_name":"v","app_version_code":"c","app_package_name":"p"},"custom":{"k":"v"}}"#,
        ),
        ("lambda-runtime-cognito-identity", r#"{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}"#),
    ];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into_iter().collect();
    let theirs = lambda_runtime::Context::new("r-7", Default::default(), &headers).unwrap();
    assert_eq!(reply["context"], serde_json::to_value(theirs).unwrap());
    let left: u64 = plugin.invoke("deadline", "null").unwrap().json().unwrap();
    assert!((20..=30).contains(&left), "{left}");
}

#[test]
fn its_errors_keep_type_and_message_where_there_are_any() {
    let plugin = testing::start(()).unwrap();
    let fails = |handler, event| plugin.invoke(handler, event).unwrap_err().to_string();
    assert_eq!(fails("moved", "{}"), "Error: the event has no name");
    assert_eq!(fails("parsed", r#"{"pieces":"x"}"#), "Error: invalid digit found in string");
    assert_eq!(
        fails("parsed", r#"{"pieces":7}"#),
        "EventDecode: event: invalid type: integer …, expected a string at line 1 column 11"
    );
    assert_eq!(fails("diagnosed", "{}"), "OutOfStock: nothing left");
    let broken = Invocation::new().client_context("{");
    let error = plugin.invoke_as(broken, "moved", "{}").unwrap_err();
    assert_eq!(error.kind(), "ContextDecode");
    assert!(error.message().starts_with("client context of the invocation: EOF"), "{error}");
}
