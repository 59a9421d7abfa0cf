mod site {
    pub fn orders() -> axum::Router {
        axum::Router::new()
    }
}

fn orders(_event: ()) -> Result<(), lambda_plugin_abi::Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { orders }, http: { orders: site::orders } }

fn main() {}
