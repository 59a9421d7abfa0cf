async fn nightly() -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { nightly } }

fn main() {}
