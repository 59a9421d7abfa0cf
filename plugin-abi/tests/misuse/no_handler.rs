lambda_plugin_abi::export! { handlers: {} }

fn main() {}
