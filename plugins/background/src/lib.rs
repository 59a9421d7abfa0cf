//! Work that goes on after the reply: events are answered at once, and a task in the background writes them to a file in batches.
//!
//! Lambda freezes a process between two events, so the task only gets on while some event is being handled, or while the function
//! shuts down (Lambda sends SIGTERM only where an extension is registered). What must not be lost belongs in a queue or a database.

#![deny(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// File that records are appended to, one a line.
    file: PathBuf,
    /// How long the first record of a batch waits for others.
    #[serde(default = "flush_ms")]
    flush_ms: u64,
}

fn flush_ms() -> u64 {
    1_000
}

enum Order {
    Write(Value),
    /// Write what there is, then say how that went.
    Flush(oneshot::Sender<std::io::Result<usize>>),
}

/// The way to the task.
struct Recorder {
    orders: mpsc::Sender<Order>,
}

async fn start(config: Config) -> Result<Recorder, Error> {
    let (orders, queue) = mpsc::channel(1_000);
    // On the plugin's own runtime, whose one thread is not the one that handlers run on.
    tokio::spawn(record_all(config, queue));
    Ok(Recorder { orders })
}

async fn record_all(config: Config, mut queue: mpsc::Receiver<Order>) {
    let (mut batch, mut wait) = (Vec::new(), None);
    loop {
        let due = async {
            match wait {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let flushed = tokio::select! {
            order = queue.recv() => match order {
                Some(Order::Write(record)) => {
                    batch.push(record);
                    wait.get_or_insert(tokio::time::Instant::now() + Duration::from_millis(config.flush_ms));
                    continue;
                }
                Some(Order::Flush(done)) => Some(done),
                None => return,
            },
            () = due => None,
        };
        let written = write(&config, &mut batch);
        wait = written.is_err().then(|| tokio::time::Instant::now() + Duration::from_millis(config.flush_ms));
        match (&written, batch.len()) {
            (Ok(0), _) => {}
            (Ok(records), _) => tracing::info!(records, "written in the background"),
            (Err(error), left) => tracing::error!(%error, left, "records are not written, and kept for the next try"),
        }
        if let Some(done) = flushed {
            // Nobody waits any more: then nobody asks.
            let _ = done.send(written);
        }
    }
}

/// Appends the batch and empties it; where that fails it is kept.
fn write(config: &Config, batch: &mut Vec<Value>) -> std::io::Result<usize> {
    if batch.is_empty() {
        return Ok(0);
    }
    let lines: String = batch.iter().map(|record| format!("{record}\n")).collect();
    OpenOptions::new().create(true).append(true).open(&config.file)?.write_all(lines.as_bytes())?;
    let records = batch.len();
    batch.clear();
    Ok(records)
}

/// Answers as soon as the record is queued. Where the queue is full, it waits.
async fn record(event: Value, cx: Context<Recorder>) -> Result<&'static str, Error> {
    cx.state().orders.send(Order::Write(event)).await.map_err(|_| Error::new("RecorderGone", "the background task has ended"))?;
    Ok("queued")
}

/// Called when the process is told to end.
async fn flush(recorder: Arc<Recorder>) -> Result<(), Error> {
    let (done, flushed) = oneshot::channel();
    let gone = || Error::new("RecorderGone", "the background task has ended");
    recorder.orders.send(Order::Flush(done)).await.map_err(|_| gone())?;
    let records = flushed.await.map_err(|_| gone())??;
    tracing::info!(records, "flushed");
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { record }, shutdown: flush }

#[cfg(test)]
mod tests;
