fn greet(name: String) -> String {
    name
}

lambda_plugin_abi::export! { handlers: { greet } }

fn main() {}
