use lambda_plugin_abi::{Context, Error};

struct State;
struct Other;

fn start() -> Result<State, Error> {
    Ok(State)
}

async fn greet(_name: String, _cx: Context<Other>) -> Result<(), Error> {
    Ok(())
}

lambda_plugin_abi::export! { start, handlers: { greet } }

fn main() {}
