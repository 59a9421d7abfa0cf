//! `bootstrap`: what Lambda starts. It takes no options; its environment says where the manifest is.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Without anything that fetches: linking the SDK alone would cost every start page faults and relocations.
    lambda_loader::start::main("bootstrap", None)
}
