fn start() -> u32 {
    7
}

fn take(_order: u32) -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { take } }

fn main() {}
