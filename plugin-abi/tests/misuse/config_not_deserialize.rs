use lambda_plugin_abi::Error;

struct Config;

fn start(_config: Config) -> Result<(), Error> {
    Ok(())
}

fn take(_order: u32) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { take } }

fn main() {}
