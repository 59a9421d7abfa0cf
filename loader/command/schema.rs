//! `schema`: the manifest's JSON Schema, for editors and other validators.

use clap::Args;

use super::{Output, print_json};
use crate::Refusal;
use crate::manifest::schema;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) output: Output,
}

pub(super) fn run(_: &Arguments) -> Result<u8, Refusal> {
    print_json(&schema::schema()?);
    Ok(0)
}
