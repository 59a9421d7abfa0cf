struct Failure;

fn take(_order: u32) -> Result<(), Failure> {
    Err(Failure)
}

lambda_plugin_abi::export! { handlers: { take } }

fn main() {}
