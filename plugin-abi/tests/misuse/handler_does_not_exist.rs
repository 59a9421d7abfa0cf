fn take(_event: u32) -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { took } }

fn main() {
    let _ = take(1);
}
