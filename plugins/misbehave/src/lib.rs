//! Everything a handler should not do, for the loader's own tests. Each handler is named for what it does.

use bytes::Bytes;
use lambda_plugin_abi::{Context, Error, Prelude, StreamReply};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What `start` should do wrong, and what a run without the loader's consent would leave behind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// `error`, `panic`, `hang`, or nothing.
    start: Option<String>,
}

#[derive(Debug)]
struct State;

/// Leaves a mark as soon as any code of the library runs: tests of refusals look for the file.
#[used]
#[expect(unsafe_code, reason = "a constructor has no safe spelling")]
#[unsafe(link_section = ".init_array")]
static MARK: extern "C" fn() = {
    extern "C" fn mark() {
        if let Some(path) = std::env::var_os("MISBEHAVE_MARK") {
            let _ = std::fs::write(path, "plugin code ran");
        }
    }
    mark
};

async fn start(config: Option<Config>) -> Result<State, Error> {
    match config.unwrap_or_default().start.as_deref() {
        None => Ok(State),
        Some("error") => Err(Error::new("NoDatabase", "the database is not there")),
        Some("panic") => panic!("start went wrong"),
        Some("hang") => std::future::pending().await,
        Some(_) => Err(Error::new("ConfigInvalid", "unknown `start`")),
    }
}

fn error(_event: Value) -> Result<(), Error> {
    Err(Error::new("OutOfStock", "nothing left"))
}

async fn parse_error(_event: Value) -> Result<u32, Error> {
    Ok("seven".parse::<u32>()?)
}

fn panic(_event: Bytes) -> Result<(), Error> {
    panic!("handler went wrong");
}

async fn panic_later(_event: Bytes) -> Result<(), Error> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    panic!("handler went wrong later");
}

struct PanicInDrop;

impl Drop for PanicInDrop {
    fn drop(&mut self) {
        // Spawning needs the plugin's runtime around the drop too.
        tokio::spawn(async {});
        panic!("drop went wrong");
    }
}

/// Ready, with a local whose destructor panics.
async fn panic_in_drop(_event: Bytes) -> Result<(), Error> {
    let _local = PanicInDrop;
    Ok(())
}

/// Never ready, with a local whose destructor panics when the loader gives up.
async fn panic_in_drop_after_deadline(_event: Bytes) -> Result<(), Error> {
    let _local = PanicInDrop;
    std::future::pending::<()>().await;
    Ok(())
}

async fn sleep(event: Value, cx: Context<State>) -> Result<Value, Error> {
    struct Guard(Context<State>);
    impl Drop for Guard {
        fn drop(&mut self) {
            log::info!("sleep was dropped for {}", self.0.request_id());
        }
    }
    let _guard = Guard(cx);
    let ms = event["input"]["ms"].as_u64().unwrap_or(60_000);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(Value::from(ms))
}

fn block(event: Value) -> Result<(), Error> {
    std::thread::sleep(Duration::from_millis(event["input"]["ms"].as_u64().unwrap_or(60_000)));
    Ok(())
}

fn huge(event: Value) -> Result<Bytes, Error> {
    let size = event["input"]["bytes"].as_u64().unwrap_or(7 << 20) as usize;
    let mut reply = vec![b'x'; size.max(2)];
    reply[0] = b'"';
    reply[size.max(2) - 1] = b'"';
    Ok(reply.into())
}

fn not_json(_event: Bytes) -> Result<Bytes, Error> {
    Ok(Bytes::from_static(b"{\"half\":"))
}

async fn spawn(_event: Bytes) -> Result<u32, Error> {
    let task = tokio::spawn(async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        42
    });
    Ok(task.await?)
}

async fn spawn_panic(_event: Bytes) -> Result<(), Error> {
    tokio::spawn(async { panic!("background went wrong") }).await?;
    Ok(())
}

/// `{"chunks": 3, "fail": true, "ms": 10}`: that many chunks, that far apart, then an error or the end.
async fn stream(event: Value) -> Result<StreamReply, Error> {
    let input = &event["input"];
    let chunks = input["chunks"].as_u64().unwrap_or(3);
    let pause = Duration::from_millis(input["ms"].as_u64().unwrap_or(1));
    let fail = input["fail"].as_bool().unwrap_or(false);
    let body = futures_util::stream::unfold(0, move |index| async move {
        if index > chunks || (index == chunks && !fail) {
            return None;
        }
        tokio::time::sleep(pause).await;
        if index == chunks {
            return Some((Err(Error::new("BrokenPipe", "the source ran dry")), index + 1));
        }
        Some((Ok(Bytes::from(format!("chunk {index}\n"))), index + 1))
    });
    let mut prelude = Prelude { status_code: 201, ..Prelude::default() };
    prelude.headers.insert("content-type".into(), "text/plain".into());
    prelude.cookies.push("a=b".into());
    Ok(StreamReply::new(body).prelude(prelude))
}

/// What the context holds, and one record through each logging crate.
async fn context(_event: Bytes, cx: Context<State>) -> Result<Value, Error> {
    log::warn!("through log");
    tracing::info!(answer = 42, "through tracing");
    tokio::task::yield_now().await;
    Ok(serde_json::json!({
        "request_id": cx.request_id(),
        "function_arn": cx.function_arn(),
        "remaining_ms": cx.remaining().map(|left| left.as_millis() as u64),
        "has_deadline": cx.deadline().is_some(),
        "trace_id": cx.trace_id(),
        "tenant_id": cx.tenant_id(),
        "client_context": cx.client_context(),
        "identity": cx.identity(),
        "source": cx.source(),
        "resource": cx.resource(),
        "route": cx.route(),
        "trace_variable": std::env::var("_X_AMZN_TRACE_ID").ok(),
    }))
}

/// What `on_error` gets, given back.
fn report(event: Value) -> Result<Value, Error> {
    log::info!("reported {}", event["error"]["errorType"]);
    Ok(match event["error"]["errorType"].as_str() {
        Some("OutOfStock") => serde_json::json!({ "handled": true, "response": { "sorry": true } }),
        Some("Panic") => panic!("on_error went wrong too"),
        _ => Value::Null,
    })
}

async fn shutdown(_state: Arc<State>) -> Result<(), Error> {
    log::info!("misbehave was told to shut down");
    Ok(())
}

lambda_plugin_abi::export! {
    start,
    handlers: {
        error, parse_error, panic, panic_later, panic_in_drop, panic_in_drop_after_deadline, sleep, block, huge, not_json, spawn,
        spawn_panic, stream, context, report
    },
    shutdown: shutdown
}
