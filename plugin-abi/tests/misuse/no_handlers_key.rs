async fn greet(name: String) -> Result<String, lambda_plugin_abi::Error> {
    Ok(name)
}

lambda_plugin_abi::export! { greet }

fn main() {}
