//! A streamed reply on its way out: prelude, pieces as the plugin makes them, and a trailer where it fails in the middle.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::time::Sleep;

use crate::Code;
use crate::invoke::Failure;
use crate::invoke::future::TaskStream;
use crate::respond::shape::base64;
use crate::runtime_api::error_body;

/// What became of a stream, for whoever posted it.
#[derive(Clone, Debug, Default)]
pub struct StreamEnd(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    bytes: u64,
    failure: Option<Failure>,
}

impl StreamEnd {
    /// Body bytes handed to the connection so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Why it broke off, where it did.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }
}

/// The body of the POST.
#[derive(Debug)]
pub struct StreamBody {
    /// Goes first.
    prelude: Option<Bytes>,
    /// A body that is there already, before anything of `stream`.
    whole: Option<Bytes>,
    stream: Option<TaskStream>,
    /// When to give up on the plugin.
    give_up: Option<Pin<Box<Sleep>>>,
    end: StreamEnd,
}

impl StreamBody {
    /// `prelude` in the form that Lambda's integrations read: the JSON, eight NUL bytes, then the body
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>).
    #[must_use]
    pub fn new(
        prelude: &[u8],
        whole: Option<Bytes>,
        stream: Option<TaskStream>,
        give_up: Option<std::time::Instant>,
    ) -> (Self, StreamEnd) {
        let mut head = BytesMut::with_capacity(prelude.len() + 8);
        head.extend_from_slice(prelude);
        head.put_bytes(0, 8);
        let end = StreamEnd::default();
        let give_up = give_up.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
        (
            StreamBody {
                prelude: Some(head.freeze()),
                whole: whole.filter(|whole| !whole.is_empty()),
                stream,
                give_up,
                end: end.clone(),
            },
            end,
        )
    }

    fn item(&self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.end.0.lock().unwrap_or_else(PoisonError::into_inner).bytes += bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    /// Ends the reply with what the service reads as "broken off": an error is never text in the body.
    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.stream = None;
        let mut trailers = HeaderMap::with_capacity(2);
        let error = error_body(&failure.error_type, &failure.message);
        for (name, value) in
            [("lambda-runtime-function-error-type", failure.header()), ("lambda-runtime-function-error-body", base64(&error))]
        {
            if let Ok(value) = HeaderValue::from_str(&value) {
                trailers.insert(name, value);
            }
        }
        self.end.0.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        if let Some(whole) = self.whole.take() {
            return self.item(whole);
        }
        if self.stream.is_none() {
            return Poll::Ready(None);
        }
        // First: a stream that always has more would never be asked to stop.
        if self.give_up.as_mut().is_some_and(|give_up| give_up.as_mut().poll(cx).is_ready()) {
            return self.fail(Failure::new(Code::DeadlineExceeded, "the reply's stream did not end before the deadline"));
        }
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(None) };
        match stream.poll_next(cx) {
            Poll::Ready(Some(Ok(buffer))) => self.item(Bytes::from_owner(buffer)),
            Poll::Ready(Some(Err(error))) => {
                let failure = Failure::of_plugin(lambda_plugin_abi_v1::Outcome::ERROR, error.as_ref());
                self.fail(failure)
            }
            Poll::Ready(None) => {
                self.stream = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
