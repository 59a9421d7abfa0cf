use lambda_plugin_abi::{Context, Error};

async fn greet(_name: String, _cx: Context, _more: u32) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { greet } }

fn main() {}
