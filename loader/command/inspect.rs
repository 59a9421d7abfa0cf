//! `inspect`: what one file is, without running any of it.

use clap::Args;
use std::path::PathBuf;

use super::Output;
use crate::Refusal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The plugin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

pub(super) fn run(_arguments: &Arguments) -> Result<u8, Refusal> {
    Ok(0)
}
