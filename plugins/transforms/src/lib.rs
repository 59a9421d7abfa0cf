//! Data on its way to somewhere else: records of Firehose, log events of CloudWatch Logs, objects of S3 Batch Operations.

#![deny(unsafe_code)]

use serde::Deserialize;

mod batch;
mod delivery;
mod logs;

use batch::objects;
use delivery::records;
use logs::errors;

/// What all of it is about.
#[derive(Deserialize)]
struct Order {
    order: u64,
    #[serde(default)]
    test: bool,
}

lambda_plugin_abi::export! { handlers: { records, errors, objects } }

#[cfg(test)]
mod tests;
