//! What a handler that was moved over from `lambda_runtime` finds in its context.

use lambda_plugin_abi_v1::{Slice, service::InvocationV1};
use lambda_runtime::{Config, Context};
use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::context::Handle;

/// The invocation in `lambda_runtime`'s words.
pub(crate) fn context(invocation: &Handle) -> Result<Context, Error> {
    let text = |pick: fn(&InvocationV1) -> Slice| invocation.text(pick).map(str::to_owned);
    let mut context = Context::default();
    context.request_id = text(|facts| facts.request_id).unwrap_or_default();
    context.deadline = invocation.deadline_ms();
    context.invoked_function_arn = text(|facts| facts.function_arn).unwrap_or_default();
    context.xray_trace_id = text(|facts| facts.trace_id);
    context.client_context = json(invocation.text(|facts| facts.client_context), "client context")?;
    context.identity = json(invocation.text(|facts| facts.identity), "Cognito identity")?;
    context.tenant_id = text(|facts| facts.tenant_id);
    context.env_config = environment();
    Ok(context)
}

/// `lambda_runtime` fails an invocation that has something else there, too.
fn json<T: serde::de::DeserializeOwned>(text: Option<&str>, what: &str) -> Result<Option<T>, Error> {
    let read = text.map(serde_json::from_str).transpose();
    read.map_err(|error| {
        Error::new("ContextDecode", format_args!("{what} of the invocation: {}", crate::decode::without_values(&error)))
    })
}

/// The function's own settings, which stay the same as long as the process lives.
fn environment() -> Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    // Not `Config::from_env`: that panics where a variable is missing, as it is in a test.
    let read = || {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Arc::new(Config {
            function_name: variable("AWS_LAMBDA_FUNCTION_NAME"),
            memory: variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").parse().unwrap_or_default(),
            version: variable("AWS_LAMBDA_FUNCTION_VERSION"),
            log_stream: variable("AWS_LAMBDA_LOG_STREAM_NAME"),
            log_group: variable("AWS_LAMBDA_LOG_GROUP_NAME"),
        })
    };
    Arc::clone(CONFIG.get_or_init(read))
}
