//! Everything a handler should not do, for the loader's own tests. Each handler is named for what it does.

mod crash;
mod records;

use bytes::Bytes;
use lambda_plugin_abi::{Context, Error, Prelude, StreamReply};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What `start` should do wrong, and what a run without the loader's consent would leave behind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// `error`, `panic`, `hang`, `once` (an error the first time), `wait` (for the file `at`), `crash` (as `at` says), `open` (the library
    /// `at`), or nothing.
    start: Option<String>,
    /// A path.
    at: Option<String>,
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
        if let Ok(how) = std::env::var("MISBEHAVE_CRASH") {
            let _survived = crash::crash_by(&how);
        }
    }
    mark
};

async fn start(config: Option<Config>) -> Result<State, Error> {
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    let before = STARTS.fetch_add(1, Ordering::SeqCst);
    let config = config.unwrap_or_default();
    match config.start.as_deref() {
        None => Ok(State),
        Some("once") if before > 0 => Ok(State),
        Some("once") => Err(Error::new("NotYet", "the database is still starting")),
        Some("wait") => {
            while !std::path::Path::new(config.at.as_deref().unwrap_or_default()).exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(State)
        }
        Some("error") => Err(Error::new("NoDatabase", "the database is not there")),
        Some("panic") => panic!("start went wrong"),
        Some("hang") => std::future::pending().await,
        Some("open") => open_library(config.at.as_deref().unwrap_or_default()).map(|()| State),
        Some("crash") => crash::crash_by(config.at.as_deref().unwrap_or("segv")).map(|()| State),
        Some(_) => Err(Error::new("ConfigInvalid", "unknown `start`")),
    }
}

/// Brings in code that nobody verified.
fn open_library(path: &str) -> Result<(), Error> {
    let path = std::ffi::CString::new(path)?;
    // SAFETY: its constructor leaves a mark and does nothing else (`dlopen(3)`).
    #[expect(unsafe_code, reason = "loads code")]
    let opened = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if opened.is_null() { Err(Error::new("NotOpened", "the library cannot be opened")) } else { Ok(()) }
}

/// An error whose type is the input, where that is text.
fn error(event: Value) -> Result<(), Error> {
    Err(Error::new(event["input"].as_str().unwrap_or("OutOfStock"), "nothing left"))
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

/// `{"chunks": 3, "ms": 10, "bytes": 8, "end": "error"}`, as the input or the query: that many chunks, that far apart, then an
/// `error`, a `panic`, nothing for ever (`hang`), or the end. Without `ms` the next chunk is there at once.
async fn stream(event: Value) -> Result<StreamReply, Error> {
    let input = if event["input"].is_null() { &event["queryStringParameters"] } else { &event["input"] };
    let number = |name: &str| input[name].as_u64().or_else(|| input[name].as_str()?.parse().ok());
    let chunks = number("chunks").unwrap_or(3);
    let pause = number("ms").map(Duration::from_millis);
    let filler = "\"".repeat(number("bytes").unwrap_or(0) as usize);
    let end = input["end"].as_str().unwrap_or_default().to_owned();
    let body = futures_util::stream::unfold((0, end, filler), move |(index, end, filler)| async move {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        if index < chunks {
            log::info!("chunk {index} is made");
            return Some((Ok(Bytes::from(format!("chunk {index}{filler}\n"))), (index + 1, end, filler)));
        }
        match end.as_str() {
            "error" => Some((Err(Error::new("BrokenPipe", "the source ran dry")), (index + 1, String::new(), filler))),
            "panic" => panic!("stream went wrong"),
            "hang" => std::future::pending().await,
            _ => None,
        }
    });
    let mut prelude = Prelude { status_code: 201, ..Prelude::default() };
    prelude.headers.insert("content-type".into(), "text/plain".into());
    prelude.cookies.push("a=b".into());
    Ok(StreamReply::new(body).prelude(prelude))
}

/// Waits for the file at `input`, and returns its text.
async fn wait(event: Value) -> Result<String, Error> {
    let path = event["input"].as_str().ok_or_else(|| Error::new("InputMissing", "`input` is not a path"))?;
    log::info!("waits");
    loop {
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => tokio::time::sleep(Duration::from_millis(2)).await,
            text => return Ok(text?),
        }
    }
}

/// Waits until `input` invocations of it are in flight at once.
async fn meet(event: Value) -> Result<usize, Error> {
    static HERE: AtomicUsize = AtomicUsize::new(0);
    let wanted = event["input"].as_u64().unwrap_or(2) as usize;
    HERE.fetch_add(1, Ordering::SeqCst);
    while HERE.load(Ordering::SeqCst) < wanted {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(wanted)
}

/// The variables that `input` names.
fn variables(event: Value) -> Result<Vec<Option<String>>, Error> {
    let names = event["input"].as_array().ok_or_else(|| Error::new("InputMissing", "`input` is not an array"))?;
    Ok(names.iter().map(|name| std::env::var(name.as_str()?).ok()).collect())
}

/// An error that tells the whole event.
fn tell(event: Value) -> Result<(), Error> {
    Err(Error::new("Talkative", event))
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

/// `on_error`: does with a failure what the event's `then` says.
async fn report(event: Value) -> Result<Value, Error> {
    log::info!("reported {}", event["error"]["errorType"]);
    match event["event"]["input"]["then"].as_str() {
        Some("block") => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(Value::Null)
        }
        Some("handle") => Ok(serde_json::json!({ "handled": true, "response": event })),
        Some("ignore") => Ok(serde_json::json!({ "handled": false, "response": event })),
        Some("half") => Ok(serde_json::json!({ "handled": true })),
        Some("error") => Err(Error::new("SecondError", "on_error failed")),
        Some("panic") => panic!("on_error went wrong too"),
        Some("hang") => std::future::pending().await,
        _ => Ok(Value::Null),
    }
}

async fn shutdown(_state: Arc<State>) -> Result<(), Error> {
    log::info!("misbehave was told to shut down");
    if let Ok(how) = std::env::var("MISBEHAVE_CRASH_AT_SHUTDOWN") {
        crash::crash_by(&how)?;
    }
    Ok(())
}

use crash::{crash, crash_in_drop, crash_in_reply, crash_in_thread, crash_later, crash_spawned, crash_the_loader};
use records::records;

lambda_plugin_abi::export! {
    start,
    handlers: {
        error, parse_error, panic, panic_later, panic_in_drop, panic_in_drop_after_deadline, sleep, block, huge, not_json, spawn,
        spawn_panic, records, stream, wait, meet, variables, tell, context, report, crash, crash_later, crash_in_drop, crash_spawned, crash_in_thread, crash_in_reply,
        crash_the_loader
    },
    shutdown: shutdown
}
