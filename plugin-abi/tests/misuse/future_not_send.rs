use lambda_plugin_abi::Error;
use std::rc::Rc;

async fn greet(name: String) -> Result<String, Error> {
    let name = Rc::new(name);
    std::future::ready(()).await;
    Ok(name.to_string())
}

lambda_plugin_abi::export! { handlers: { greet } }

fn main() {}
