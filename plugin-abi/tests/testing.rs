//! What an author's own tests can rely on: a plugin in this very crate, called as the loader calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambda_plugin_abi::testing::{self, Invocation, Plugin};
use lambda_plugin_abi::{Context, Error, Host, Level, Prelude, StreamReply};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    table: String,
    #[serde(default)]
    fail: Option<String>,
}

struct State {
    table: String,
    plugin: &'static str,
    calls: AtomicUsize,
}

async fn start(config: Config, host: Host) -> Result<State, Error> {
    tokio::task::yield_now().await;
    host.log(Level::Info, "starts");
    assert!(!host.query("log", 1).is_null() && host.query("nothing", 1).is_null());
    match config.fail.as_deref() {
        None => Ok(State { table: config.table, plugin: host.plugin_name(), calls: AtomicUsize::new(0) }),
        Some("panic") => panic!("start went wrong"),
        Some(why) => Err(Error::new("NoDatabase", why)),
    }
}

fn count(_event: (), cx: Context<State>) -> Result<usize, Error> {
    Ok(cx.state().calls.fetch_add(1, Ordering::SeqCst) + 1)
}

fn told(_event: Value, cx: Context<State>) -> Result<Value, Error> {
    Ok(json!({
        "table": cx.state().table, "plugin": cx.state().plugin, "request_id": cx.request_id(), "source": cx.source(),
        "route": cx.route(), "trace_id": cx.trace_id(), "resource": cx.resource(),
    }))
}

/// Needs the plugin's own runtime.
async fn spawned(event: u32) -> Result<u32, Error> {
    let task = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        event + 1
    });
    Ok(task.await?)
}

fn panics(_event: Bytes) -> Result<(), Error> {
    panic!("out of {}", "cheese")
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

async fn hangs(_event: Bytes) -> Result<(), Error> {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            tokio::spawn(async {});
            DROPPED.fetch_add(1, Ordering::SeqCst);
        }
    }
    let _guard = Guard;
    std::future::pending().await
}

fn blocks(_event: Bytes) -> Result<(), Error> {
    std::thread::sleep(Duration::from_millis(120));
    Ok(())
}

fn same(event: Bytes) -> Result<Bytes, Error> {
    Ok(event)
}

fn huge(_event: Bytes) -> Result<String, Error> {
    Ok("x".repeat(7 << 20))
}

fn boxed(_event: Bytes) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err("from a box".into())
}

async fn any(_event: Bytes) -> Result<(), anyhow::Error> {
    anyhow::bail!("from anyhow")
}

/// Pieces, then the end or an error.
async fn pieces(event: Option<String>) -> Result<StreamReply, Error> {
    let end = event.map(|why| Err(Error::new("BrokenPipe", why)));
    let pieces = [Ok(Bytes::from("a")), Ok(Bytes::from("b"))].into_iter().chain(end);
    let prelude = Prelude { status_code: 201, ..Prelude::default() };
    Ok(StreamReply::new(futures_util::stream::iter(pieces)).prelude(prelude))
}

async fn endless(_event: Bytes) -> Result<StreamReply, Error> {
    Ok(StreamReply::new(futures_util::stream::pending()))
}

async fn shutdown(state: Arc<State>) -> Result<(), Error> {
    Err(Error::new("Flush", &state.table))
}

lambda_plugin_abi::export! {
    start,
    handlers: { count, told, spawned, panics, hangs, blocks, same, huge, boxed, any, pieces, endless },
    shutdown: shutdown
}

fn started() -> Plugin {
    testing::start(json!({ "table": "t" })).unwrap()
}

fn soon() -> Invocation {
    Invocation::new().timeout(Duration::from_millis(100))
}

#[test]
fn each_start_has_a_state_of_its_own_and_knows_its_host() {
    let (one, two) = (started(), started());
    for expected in ["1", "2"] {
        assert_eq!(one.invoke("count", "null").unwrap().bytes(), expected);
    }
    assert_eq!(two.invoke("count", "null").unwrap().bytes(), "1");
    let invocation = Invocation::new().request_id("r-9").source("sqs").route("queue").trace_id("Root=1");
    let told: Value = one.invoke_as(invocation, "told", "{}").unwrap().json().unwrap();
    let expected = json!({
        "table": "t", "plugin": "test", "request_id": "r-9", "source": "sqs", "route": "queue", "trace_id": "Root=1",
        "resource": null,
    });
    assert_eq!(told, expected);
}

#[test]
fn a_start_that_fails_says_why_and_where() {
    for (config, expected) in [
        (json!({ "tabel": "t" }), "ConfigDecode: plugins.test.config.tabel: unknown field `tabel`, expected `table` or `fail`"),
        (json!({ "table": 7 }), "ConfigDecode: plugins.test.config.table: invalid type: integer …, expected a string"),
        (json!(null), "ConfigDecode: plugins.test.config: missing field `table`"),
        (json!({ "table": "t", "fail": "it is not there" }), "NoDatabase: it is not there"),
    ] {
        assert_eq!(testing::start(config).unwrap_err().to_string(), expected);
    }
    let panic = testing::start(Config { table: "t".into(), fail: Some("panic".into()) }).unwrap_err();
    assert!(panic.message().starts_with("panicked at plugin-abi/tests/testing.rs:"), "{panic}");
    assert!(panic.message().ends_with(": start went wrong"), "{panic}");
}

#[test]
fn async_handlers_have_the_plugins_runtime_wherever_the_test_runs() {
    let plugin = started();
    assert_eq!(plugin.invoke("spawned", "41").unwrap().bytes(), "42");
    // In a runtime of the test's own, too.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async { assert_eq!(plugin.invoke("spawned", "1").unwrap().bytes(), "2") });
}

#[test]
fn events_and_errors_are_those_of_production() {
    let plugin = started();
    let fails = |handler, event: &str| plugin.invoke(handler, event).unwrap_err();
    assert_eq!(
        fails("spawned", "\"secret\"").to_string(),
        "EventDecode: event: invalid type: string …, expected u32 at line 1 column 8"
    );
    let panic = fails("panics", "{}");
    assert_eq!(panic.kind(), "Runtime.LoaderHandlerPanicked");
    assert!(panic.message().contains("plugin-abi/tests/testing.rs:") && panic.message().ends_with(": out of cheese"), "{panic}");
    assert_eq!(fails("same", "{\"half\":").to_string(), "Runtime.LoaderReplyNotJson: the handler's reply is not JSON");
    assert_eq!(fails("huge", "1").to_string(), "Runtime.LoaderReplyTooLarge: the reply has 7340034 bytes, Lambda takes 6291556");
    assert_eq!(fails("boxed", "1").to_string(), "Error: from a box");
    assert_eq!(fails("any", "1").to_string(), "Error: from anyhow");
    assert!(fails("nope", "1").to_string().starts_with("HandlerMissing: no handler `nope`; the plugin has count, told, spawned"));
    assert_eq!(plugin.shutdown().unwrap_err().to_string(), "Flush: t");
    plugin.before_snapshot().unwrap();
}

#[test]
fn a_deadline_that_passes_drops_the_handler_in_its_runtime() {
    let plugin = started();
    let begun = Instant::now();
    let error = plugin.invoke_as(soon(), "hangs", "1").unwrap_err();
    assert_eq!(error.to_string(), "Runtime.LoaderDeadlineExceeded: the handler did not answer before its deadline");
    assert!(begun.elapsed() >= Duration::from_millis(50), "{:?}", begun.elapsed());
    assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
    assert_eq!(plugin.invoke_as(soon(), "blocks", "1").unwrap_err().kind(), "Runtime.LoaderDeadlineExceeded");
    assert_eq!(plugin.invoke_as(soon(), "endless", "1").unwrap_err().kind(), "Runtime.LoaderDeadlineExceeded");
    plugin.invoke_as(Invocation::new().without_deadline(), "blocks", "1").unwrap();
}

#[test]
fn streams_come_in_their_pieces_or_with_their_error() {
    let plugin = started();
    let reply = plugin.invoke("pieces", "null").unwrap();
    assert_eq!((reply.pieces().len(), reply.bytes()), (2, &Bytes::from("ab")));
    assert_eq!(reply.prelude().unwrap().status_code, 201);
    assert_eq!(plugin.invoke("pieces", "\"dry\"").unwrap_err().to_string(), "BrokenPipe: dry");
    assert!(plugin.invoke("count", "null").unwrap().prelude().is_none());
}
