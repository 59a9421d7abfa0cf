//! What a handler that was moved over from `lambda_runtime` finds in its context, may fail with, and may answer.

use bytes::Bytes;
use futures_core::Stream;
use lambda_plugin_abi_v1::{Outcome, Slice, service::InvocationV1};
use lambda_runtime::{Config, Context, Diagnostic, FunctionResponse, LambdaEvent, MetadataPrelude, StreamResponse};
use serde::Serialize;
use std::any::{Any, type_name};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};

use crate::context::Handle;
use crate::encode::EncodeJson as _;
use crate::error::short_name;
use crate::export::Probe;
use crate::{Error, Prelude, StartRuntime, StreamReply, runtime};

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

/// Handlers of `lambda_runtime`: they may fail with whatever that crate takes, which is `Into<Diagnostic>`.
pub trait AnswerLambda<A> {
    /// What the handler gives when it goes well.
    type Value;

    /// What the plugin needs for the answer.
    fn __lambda_plugin_needs(self) -> Option<StartRuntime>;

    /// Waits for the answer.
    fn __lambda_plugin_answer(self, answer: A) -> impl Future<Output = Result<Self::Value, Error>> + Send;
}

impl<P, A, T, E> AnswerLambda<A> for &Probe<(LambdaEvent<P>, A)>
where
    A: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: Into<Diagnostic> + 'static,
{
    type Value = T;

    fn __lambda_plugin_needs(self) -> Option<StartRuntime> {
        Some(runtime::start)
    }

    async fn __lambda_plugin_answer(self, answer: A) -> Result<T, Error> {
        answer.await.map_err(diagnosed)
    }
}

/// Type and message as the author's `From<…> for Diagnostic` chose them. `lambda_runtime`'s own conversions take the whole path of the
/// error's type, of which the name is kept, as for other handlers.
fn diagnosed<E: Into<Diagnostic> + 'static>(error: E) -> Error {
    let mut error = Some(error);
    if let Some(boxed) = (&mut error as &mut dyn Any).downcast_mut::<Option<lambda_runtime::Error>>().and_then(Option::take) {
        // With its causes.
        return Error::from(boxed);
    }
    let Some(error) = error else { return Error::new("Internal", "the error is gone") };
    let Diagnostic { error_type, error_message } = error.into();
    let name = type_name::<E>();
    // Theirs is the name of a reference to it.
    let theirs = error_type == name || error_type.strip_prefix('&') == Some(name);
    let kind = if theirs { short_name(name).to_owned() } else { error_type };
    Error::new(kind, error_message)
}

/// The streamed replies of `lambda_runtime`.
pub trait EncodeLambda<R> {
    /// The reply as an outcome.
    fn encode(self, reply: R) -> Result<Outcome, Error>;
}

impl<S, D, E> EncodeLambda<StreamResponse<S>> for &Probe<StreamResponse<S>>
where
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes>,
    E: Into<lambda_runtime::Error>,
{
    fn encode(self, reply: StreamResponse<S>) -> Result<Outcome, Error> {
        StreamReply::new(Pieces(reply.stream)).prelude(prelude(&reply.metadata_prelude)).outcome()
    }
}

impl<B, S, D, E> EncodeLambda<FunctionResponse<B, S>> for &Probe<FunctionResponse<B, S>>
where
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes>,
    E: Into<lambda_runtime::Error>,
{
    fn encode(self, reply: FunctionResponse<B, S>) -> Result<Outcome, Error> {
        match reply {
            FunctionResponse::BufferedResponse(reply) => Probe::new().encode(reply),
            FunctionResponse::StreamingResponse(reply) => (&Probe::new()).encode(reply),
        }
    }
}

fn prelude(metadata: &MetadataPrelude) -> Prelude {
    let mut prelude =
        Prelude { status_code: metadata.status_code.as_u16(), cookies: metadata.cookies.clone(), ..Prelude::default() };
    for name in metadata.headers.keys() {
        let values = metadata.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if name == "set-cookie" {
            // The one header whose values cannot stand in one line (<https://www.rfc-editor.org/rfc/rfc9110#section-5.3>).
            prelude.cookies.extend(values);
        } else {
            prelude.headers.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(", "));
        }
    }
    prelude
}

/// A body as the kit takes it.
struct Pieces<S>(S);

impl<S, D, E> Stream for Pieces<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: Into<lambda_runtime::Error>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = Pin::new(&mut self.0).poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Into::into).map_err(|error| Error::from(error.into()))))
    }
}
