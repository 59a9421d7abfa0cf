use lambda_plugin_abi::Error;
use std::cell::Cell;

fn start() -> Result<Cell<u32>, Error> {
    Ok(Cell::new(0))
}

fn take(_order: u32) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { take } }

fn main() {}
