use lambda_plugin_abi::Error;

struct Order;

fn take(_order: Order) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { take } }

fn main() {}
