lambda_plugin_abi::export! { http: {} }

fn main() {}
