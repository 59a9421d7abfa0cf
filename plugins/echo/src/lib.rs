//! The smallest plugin: returns the event unchanged. The measuring stick of the benchmarks.

#![deny(unsafe_code)]

use bytes::Bytes;
use lambda_plugin_abi::Error;

fn echo(event: Bytes) -> Result<Bytes, Error> {
    Ok(event)
}

lambda_plugin_abi::export! { handlers: { echo } }

#[cfg(test)]
mod tests;
