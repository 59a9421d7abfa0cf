fn web() -> String {
    "<h1>hello</h1>".to_owned()
}

lambda_plugin_abi::export! { http: { web } }

fn main() {}
