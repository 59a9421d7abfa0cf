#[allow(non_snake_case)]
fn onMessage(_event: u32) -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { onMessage } }

fn main() {}
