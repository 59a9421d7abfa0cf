//! A handler of batches that does with each record what the record's own `do` says, and logs its `n` before and after.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lambda_plugin_abi::Error;
use serde_json::{Value, json};

/// Works on all records that it is given, one after the other. Those that `report` stand in its reply.
pub(crate) async fn records(event: Value) -> Result<Value, Error> {
    let lists: Vec<&Value> = match &event["records"] {
        Value::Object(partitions) => partitions.values().collect(),
        _ => vec![&event["Records"]],
    };
    let mut failures = Vec::new();
    for record in lists.into_iter().filter_map(Value::as_array).flatten() {
        log::info!("begins {}", record["n"]);
        if let Some(identifier) = work(record).await? {
            failures.push(json!({ "itemIdentifier": identifier }));
        }
        log::info!("ends {}", record["n"]);
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn work(record: &Value) -> Result<Option<Value>, Error> {
    static HERE: AtomicUsize = AtomicUsize::new(0);
    match record["do"].as_str().unwrap_or_default() {
        "error" => return Err(Error::new("OutOfStock", "nothing left")),
        "panic" => panic!("record went wrong"),
        "sleep" => tokio::time::sleep(Duration::from_secs(600)).await,
        "nap" => tokio::time::sleep(Duration::from_millis(50)).await,
        "block" => std::thread::sleep(Duration::from_secs(600)),
        // More than Lambda takes, as the reply for one record.
        "huge" => return Ok(Some(json!("x".repeat(7 << 20)))),
        // Until as many records as it wants are worked on at once.
        "meet" => {
            HERE.fetch_add(1, Ordering::SeqCst);
            while (HERE.load(Ordering::SeqCst) as u64) < record["at"].as_u64().unwrap_or(2) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        "report" => return Ok(Some(identifier(record))),
        "stray" => return Ok(Some(json!("none of the batch"))),
        "empty" => return Ok(Some(json!(""))),
        _ => {}
    }
    Ok(None)
}

fn identifier(record: &Value) -> Value {
    if let Some(offset) = record["offset"].as_u64() {
        let partition = format!("{}-{}", record["topic"].as_str().unwrap_or_default(), record["partition"]);
        return json!({ "partition": partition, "offset": offset });
    }
    let places = ["/messageId", "/kinesis/sequenceNumber", "/dynamodb/SequenceNumber"];
    places.iter().find_map(|place| record.pointer(place)).cloned().unwrap_or_default()
}
