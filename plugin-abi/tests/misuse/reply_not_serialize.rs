use lambda_plugin_abi::Error;

struct Reply;

fn take(_order: u32) -> Result<Reply, Error> {
    Ok(Reply)
}

lambda_plugin_abi::export! { handlers: { take } }

fn main() {}
