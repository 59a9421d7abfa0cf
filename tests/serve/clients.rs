//! Clients from elsewhere: boto3, the AWS CLI, cargo-lambda.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{Serve, client, manifest};

fn run(program: &Path, serve: &Serve, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).env("ENDPOINT", format!("http://{}", serve.address)).current_dir(serve.folder.path());
    command.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x").env("AWS_DEFAULT_REGION", "us-east-1");
    let output = command.env_remove("AWS_PROFILE").env_remove("HTTP_PROXY").env_remove("http_proxy").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}\n{}", String::from_utf8_lossy(&output.stderr), serve.errors());
    text
}

#[test]
fn boto3_invokes() {
    let Some(python) = client("python3", &["-c", "import boto3"]) else { return };
    let serve = Serve::start(manifest(), &[]);
    let script = r#"
import base64, boto3, botocore, json, os
client = boto3.client("lambda", endpoint_url=os.environ["ENDPOINT"])
context = base64.b64encode(b'{"custom":{"a":"1"}}').decode()
call = lambda **more: client.invoke(FunctionName="function", **more)
reply = call(Payload=b'{"a":1}')
assert (reply["StatusCode"], json.load(reply["Payload"]), reply["ExecutedVersion"]) == (200, {"a": 1}, "$LATEST")
assert "FunctionError" not in reply and len(reply["ResponseMetadata"]["RequestId"]) == 36
reply = call(Payload=b'{"operation":"context"}', LogType="Tail", ClientContext=context)
assert json.loads(json.load(reply["Payload"])["client_context"])["custom"]["a"] == "1"
assert "through log" in base64.b64decode(reply["LogResult"]).decode()
reply = call(Payload=b'{"operation":"error"}')
assert reply["FunctionError"] == "Unhandled" and json.load(reply["Payload"])["errorType"] == "OutOfStock"
assert call(InvocationType="Event")["StatusCode"] == 202
assert call(InvocationType="DryRun")["StatusCode"] == 204
arn = "arn:aws:lambda:us-east-1:123456789012:function:function:$LATEST"
assert client.invoke(FunctionName=arn)["StatusCode"] == 200
try:
    client.invoke(FunctionName="other")
    raise SystemExit("it is not there")
except client.exceptions.ResourceNotFoundException as error:
    assert "Function not found" in error.response["Error"]["Message"]
try:
    call(Payload=b'"' + b"x" * 6291456 + b'"')
    raise SystemExit("it is too large")
except botocore.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "RequestEntityTooLargeException", error.response
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 413
print("all of it")
"#;
    assert_eq!(run(&python, &serve, &["-c", script]), "all of it\n");
}

#[test]
fn the_aws_cli_invokes() {
    let Some(aws) = client("aws", &["--version"]) else { return };
    let serve = Serve::start(manifest(), &[]);
    std::fs::write(serve.folder.path().join("event.json"), r#"{"operation":"error"}"#).unwrap();
    let endpoint = format!("http://{}", serve.address);
    let arguments = ["lambda", "invoke", "--endpoint-url", &endpoint, "--function-name", "function"];
    let more = ["--payload", "fileb://event.json", "--output", "json", "reply.json"];
    let told: Value = serde_json::from_str(&run(&aws, &serve, &[&arguments[..], &more].concat())).unwrap();
    assert_eq!((&told["StatusCode"], &told["FunctionError"]), (&200.into(), &"Unhandled".into()));
    let reply: Value = serde_json::from_slice(&std::fs::read(serve.folder.path().join("reply.json")).unwrap()).unwrap();
    assert_eq!(reply["errorMessage"], "nothing left");
}

#[test]
fn cargo_lambda_invokes() {
    let Some(cargo_lambda) = client("cargo-lambda", &["lambda", "--version"]) else { return };
    let serve = Serve::start(manifest(), &[]);
    let port = serve.address.rsplit(':').next().unwrap();
    let arguments = ["lambda", "invoke", "function", "--invoke-address", "127.0.0.1", "--invoke-port", port];
    let reply = run(&cargo_lambda, &serve, &[&arguments[..], &["--data-ascii", r#"{"from":"cargo-lambda"}"#]].concat());
    assert_eq!(reply.trim(), r#"{"from":"cargo-lambda"}"#);
}
