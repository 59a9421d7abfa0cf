//! A handler written for `lambda_runtime`, taken over as it is.

use lambda_plugin_abi::testing::{self, Invocation};

/// The source as it was, its own imports included.
mod handler {
    use std::pin::Pin;

    use futures_util::stream::{self, Stream};
    use lambda_runtime::streaming::{Body, Response, channel};
    use lambda_runtime::{Error, FunctionResponse, LambdaEvent};
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

    /// As the documentation of `Diagnostic` has it: an error that nothing else can be made of.
    #[derive(Debug)]
    pub(crate) struct ErrorResponse(&'static str);

    impl From<ErrorResponse> for lambda_runtime::Diagnostic {
        fn from(error: ErrorResponse) -> Self {
            lambda_runtime::Diagnostic { error_type: "MyError".into(), error_message: error.0.to_owned() }
        }
    }

    pub(crate) async fn own_error(_event: LambdaEvent<()>) -> Result<(), ErrorResponse> {
        Err(ErrorResponse("this is an error response"))
    }

    /// A `std::error::Error` besides: what it says of itself as a `Diagnostic` counts.
    #[derive(Debug)]
    pub(crate) enum Stock {
        Empty,
    }

    impl std::fmt::Display for Stock {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("for the log")
        }
    }

    impl std::error::Error for Stock {}

    impl From<Stock> for lambda_runtime::Diagnostic {
        fn from(Stock::Empty: Stock) -> Self {
            lambda_runtime::Diagnostic { error_type: "Stock.Empty".into(), error_message: "for the caller".to_owned() }
        }
    }

    pub(crate) async fn both_errors(_event: LambdaEvent<()>) -> Result<(), Stock> {
        Err(Stock::Empty)
    }

    /// What no author wrote: `lambda_runtime`'s own conversions, and one that is none of them but an error like any other.
    pub(crate) async fn text(_event: LambdaEvent<()>) -> Result<(), String> {
        Err("only text".to_owned())
    }

    pub(crate) async fn unsent(_event: LambdaEvent<()>) -> Result<(), Box<dyn std::error::Error>> {
        Err("not Send".into())
    }

    pub(crate) async fn plain(event: LambdaEvent<String>) -> Result<u8, std::num::ParseIntError> {
        event.payload.parse()
    }

    /// The example of `lambda_runtime::streaming::channel`, with a prelude.
    pub(crate) async fn streamed(event: LambdaEvent<Vec<String>>) -> Result<Response<Body>, Error> {
        let (mut sender, body) = channel();
        tokio::spawn(async move {
            for message in event.payload {
                sender.send_data((message + "\n").into()).await.unwrap();
            }
        });
        let mut response = Response::from(body);
        response.metadata_prelude.status_code = "201".parse()?;
        let headers = &mut response.metadata_prelude.headers;
        for (name, value) in [("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=b; Path=/"), ("set-cookie", "c=d")] {
            headers.append(name, value.parse()?);
        }
        response.metadata_prelude.cookies.push("e=f".to_owned());
        Ok(response)
    }

    type Pieces = Pin<Box<dyn Stream<Item = Result<&'static str, Error>> + Send>>;

    /// Any stream, of any pieces that become bytes.
    pub(crate) async fn broken_stream(_event: LambdaEvent<()>) -> Result<Response<Pieces>, Error> {
        let pieces: Pieces = Box::pin(stream::iter([Ok("half"), Err("the source ran dry".into())]));
        Ok(Response::from(pieces))
    }

    /// Streamed or not, as the event says.
    pub(crate) async fn either(event: LambdaEvent<bool>) -> Result<FunctionResponse<Value, Body>, Error> {
        if !event.payload {
            return Ok(FunctionResponse::BufferedResponse(json!({ "streamed": false })));
        }
        Ok(FunctionResponse::StreamingResponse(Response::from(Body::from("a stream"))))
    }

    pub(crate) async fn deadline(event: LambdaEvent<()>) -> Result<u64, Error> {
        Ok(event.context.deadline().duration_since(std::time::SystemTime::now())?.as_secs())
    }
}

lambda_plugin_abi::export! {
    handlers: {
        moved: handler::moved,
        parsed: handler::parsed,
        diagnosed: handler::diagnosed,
        own_error: handler::own_error,
        both_errors: handler::both_errors,
        text: handler::text,
        unsent: handler::unsent,
        plain: handler::plain,
        streamed: handler::streamed,
        broken_stream: handler::broken_stream,
        either: handler::either,
        deadline: handler::deadline,
    }
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
    assert_eq!(fails("own_error", "null"), "MyError: this is an error response");
    assert_eq!(fails("both_errors", "null"), "Stock.Empty: for the caller");
    assert_eq!(fails("text", "null"), "Error: only text");
    assert_eq!(fails("unsent", "null"), "Error: not Send");
    assert_eq!(fails("plain", r#""x""#), "ParseIntError: invalid digit found in string");
    let broken = Invocation::new().client_context("{");
    let error = plugin.invoke_as(broken, "moved", "{}").unwrap_err();
    assert_eq!(error.kind(), "ContextDecode");
    assert!(error.message().starts_with("client context of the invocation: EOF"), "{error}");
}

#[test]
fn its_streams_go_out_with_status_headers_and_cookies() {
    let plugin = testing::start(()).unwrap();
    let reply = plugin.invoke("streamed", r#"["one","two"]"#).unwrap();
    assert_eq!(reply.pieces(), ["one\n", "two\n"]);
    let prelude = reply.prelude().unwrap();
    assert_eq!(prelude.status_code, 201);
    assert_eq!(prelude.headers.get("x-a").map(String::as_str), Some("1, 2"));
    assert_eq!(prelude.headers.len(), 1, "{prelude:?}");
    assert_eq!(prelude.cookies, ["e=f", "a=b; Path=/", "c=d"]);

    let error = plugin.invoke("broken_stream", "null").unwrap_err();
    assert!(error.message().contains("the source ran dry"), "{error}");
}

#[test]
fn it_may_decide_by_the_event_whether_it_streams() {
    let plugin = testing::start(()).unwrap();
    let whole = plugin.invoke("either", "false").unwrap();
    assert_eq!((whole.bytes().as_ref(), whole.prelude()), (&br#"{"streamed":false}"#[..], None));
    let streamed = plugin.invoke("either", "true").unwrap();
    assert_eq!((streamed.bytes().as_ref(), streamed.prelude().map(|prelude| prelude.status_code)), (&b"a stream"[..], Some(200)));
}
