use lambda_plugin_abi::{Context, Error};

struct State;

fn greet(_name: String, _cx: Context<State>) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { handlers: { greet } }

fn main() {}
