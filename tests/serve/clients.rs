//! Clients from elsewhere: boto3, the AWS CLI, cargo-lambda.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{SOON, bootstrap_path};
use crate::world::{Serve, client, folder, manifest, until};

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
fn boto3_invokes_with_a_response_stream() {
    let Some(python) = client("python3", &["-c", "import boto3"]) else { return };
    let serve = Serve::start(manifest(), &[]);
    let script = r#"
import base64, boto3, json, os
client = boto3.client("lambda", endpoint_url=os.environ["ENDPOINT"])
def call(event, **more):
    reply = client.invoke_with_response_stream(FunctionName="function", Payload=json.dumps(event), **more)
    assert (reply["StatusCode"], reply["ExecutedVersion"]) == (200, "$LATEST"), reply
    assert len(reply["ResponseMetadata"]["RequestId"]) == 36
    *chunks, last = list(reply["EventStream"])
    return [chunk["PayloadChunk"]["Payload"] for chunk in chunks], last["InvokeComplete"]
http = lambda **query: {
    "version": "2.0", "rawPath": "/stream", "rawQueryString": "&".join(f"{k}={v}" for k, v in query.items()), "headers": {},
    "requestContext": {"http": {"method": "GET", "path": "/stream"}, "stage": "$default"}, "queryStringParameters": query,
}
assert call({"a": 1}) == ([b'{"a": 1}'], {})
chunks, end = call(http(chunks="3"))
prelude, body = b"".join(chunks).split(b"\0" * 8)
assert json.loads(prelude)["statusCode"] == 201 and body.startswith(b"chunk 0") and b"chunk 2" in body, body
assert len(chunks) > 1 and end == {}, (chunks, end)
chunks, end = call(http(chunks="1", end="error"))
assert b"chunk 0" in b"".join(chunks) and end["ErrorCode"] == "Function.BrokenPipe", end
assert json.loads(end["ErrorDetails"]) == {"errorType": "BrokenPipe", "errorMessage": "the source ran dry"}
chunks, end = call({"operation": "error"}, LogType="Tail")
assert chunks == [] and end["ErrorCode"] == "OutOfStock", end
assert json.loads(end["ErrorDetails"])["errorMessage"] == "nothing left"
assert "REPORT RequestId: " in base64.b64decode(end["LogResult"]).decode()
chunks, end = call("x" * 3_000_000)
assert b"".join(chunks) == json.dumps("x" * 3_000_000).encode() and end == {}
assert client.invoke_with_response_stream(FunctionName="function", InvocationType="DryRun")["StatusCode"] == 204
try:
    client.invoke_with_response_stream(FunctionName="other")
    raise SystemExit("it is not there")
except client.exceptions.ResourceNotFoundException as error:
    assert "Function not found" in error.response["Error"]["Message"]
print("all of it")
"#;
    assert_eq!(run(&python, &serve, &["-c", script]), "all of it\n");
    serve.printed(&["POST /2021-11-15/functions/function/response-streaming-invocations 200 ResponseStream", "OutOfStock"]);
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

/// A package as `cargo lambda watch` runs one: its program is `bootstrap`.
const PACKAGE: [(&str, &str); 2] = [
    ("Cargo.toml", "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n"),
    (
        "src/main.rs",
        r#"use std::os::unix::process::CommandExt as _;

fn main() {
    let mut bootstrap = std::process::Command::new(std::env::var_os("BOOTSTRAP").unwrap());
    // `cargo run` sets it to folders that anybody may build into: bootstrap refuses that.
    panic!("{}", bootstrap.env_remove("LD_LIBRARY_PATH").exec());
}
"#,
    ),
];

/// `cargo lambda watch`, ended with all that it has started.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if begun.elapsed() > SOON {
                self.0.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn bootstrap_runs_under_the_runtime_api_of_cargo_lambda_watch() {
    let Some(cargo_lambda) = client("cargo-lambda", &["lambda", "--version"]) else { return };
    let folder = folder(manifest());
    let package = folder.path().join("orders");
    std::fs::create_dir_all(package.join("src")).unwrap();
    PACKAGE.iter().for_each(|(name, text)| std::fs::write(package.join(name), text).unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut command = Command::new(cargo_lambda);
    command.args(["lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", &port]);
    command.current_dir(&package).env("CARGO_TARGET_DIR", package.join("target"));
    command.env("BOOTSTRAP", bootstrap_path()).env("LOADER_MANIFEST", folder.manifest());
    command.env("LOADER_MANIFEST_SHA256", &folder.pin).env_remove("LD_LIBRARY_PATH").stdin(Stdio::null());
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    command.stdout(file.try_clone().unwrap()).stderr(file);
    let _watch = Watch(command.spawn().unwrap());
    let log = || std::fs::read_to_string(&log).unwrap();
    let connect = || TcpStream::connect(format!("127.0.0.1:{port}")).ok();
    let ask = |event: &str| {
        let mut stream = until("it listens", connect);
        stream.set_read_timeout(Some(4 * SOON)).unwrap();
        let head = "POST /2015-03-31/functions/orders/invocations HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{event}", event.len()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap_or_else(|error| panic!("{error}\n{}", log()));
        reply
    };
    // The first one waits until the package is built.
    let reply = ask(r#"{"from":"a stranger"}"#);
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with(r#"{"from":"a stranger"}"#), "{reply}\n{}", log());
    let failed = ask(r#"{"operation":"error"}"#);
    assert!(failed.contains(r#""errorType":"OutOfStock""#), "{failed}\n{}", log());
    let context = ask(r#"{"operation":"context"}"#);
    // Its deadlines are of 1970.
    assert!(context.contains(r#""has_deadline":false"#), "{context}\n{}", log());
    assert!(log().contains("deadlines in the past, as local emulators do"), "{}", log());
}
