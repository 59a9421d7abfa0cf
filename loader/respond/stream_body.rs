//! A streamed reply on its way out: prelude, pieces as the plugin makes them, and a trailer where it fails in the middle.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::time::Sleep;

use crate::Code;
use crate::invoke::Failure;
use crate::invoke::future::TaskStream;
use crate::respond::shape::base64;
use crate::runtime_api::error_body;

/// What becomes of a stream, for whoever posts it.
#[derive(Clone, Debug, Default)]
pub struct StreamEnd(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    /// Here and not in the body, which the connection owns and drops when it comes to it: plugin code may not run so late.
    stream: Option<TaskStream>,
    /// The stream was dropped before its end.
    cut: bool,
    failure: Option<Failure>,
}

impl StreamEnd {
    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the plugin's stream, whatever the connection still holds, and says why the reply broke off, where it did.
    pub fn close(&self) -> Option<Failure> {
        let mut sent = self.lock();
        sent.cut |= sent.stream.take().is_some();
        sent.failure.clone()
    }
}

/// The body of the POST.
#[derive(Debug)]
pub struct StreamBody {
    /// Goes first.
    prelude: Option<Bytes>,
    /// A body that is there already, before anything of the plugin's stream.
    whole: Option<Bytes>,
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
        end.lock().stream = stream;
        let give_up = give_up.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
        (
            StreamBody {
                prelude: Some(head.freeze()),
                whole: whole.filter(|whole| !whole.is_empty()),
                give_up,
                end: end.clone(),
            },
            end,
        )
    }

    fn item(&self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    /// Ends the reply with what the service reads as "broken off": an error is never text in the body.
    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut trailers = HeaderMap::with_capacity(2);
        let error = error_body(&failure.error_type, &failure.message);
        for (name, value) in
            [("lambda-runtime-function-error-type", failure.header()), ("lambda-runtime-function-error-body", base64(&error))]
        {
            if let Ok(value) = HeaderValue::from_str(&value) {
                trailers.insert(name, value);
            }
        }
        let mut sent = self.end.lock();
        sent.stream = None;
        sent.failure = Some(failure);
        drop(sent);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        if let Some(whole) = self.whole.take() {
            return self.item(whole);
        }
        {
            let sent = self.end.lock();
            if sent.cut {
                // Not the end: what has been sent must not pass for a whole reply.
                return Poll::Ready(Some(Err(io::Error::other("the reply was given up"))));
            }
            if sent.stream.is_none() {
                return Poll::Ready(None);
            }
        }
        // First: a stream that always has more would never be asked to stop. By the clock: while there is more, the runtime does not
        // come to its timers.
        if self.give_up.as_mut().is_some_and(|at| at.deadline() <= tokio::time::Instant::now() || at.as_mut().poll(cx).is_ready())
        {
            return self.fail(Failure::new(Code::DeadlineExceeded, "the reply's stream did not end before the deadline"));
        }
        let next = match self.end.lock().stream.as_mut() {
            Some(stream) => stream.poll_next(cx),
            None => return Poll::Ready(None),
        };
        match next {
            Poll::Ready(Some(Ok(buffer))) => self.item(Bytes::from_owner(buffer)),
            Poll::Ready(Some(Err(failure))) => self.fail(failure),
            Poll::Ready(None) => {
                self.end.lock().stream = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// The frames until the body ends, breaks or waits; `None` for its end.
    fn frames(body: &mut StreamBody) -> Vec<Option<String>> {
        let mut found = Vec::new();
        loop {
            match Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(frame))) => {
                    found.push(frame.into_data().ok().map(|data| String::from_utf8(data.to_vec()).unwrap()));
                }
                Poll::Ready(Some(Err(error))) => {
                    found.push(Some(error.to_string()));
                    return found;
                }
                Poll::Ready(None) => {
                    found.push(None);
                    return found;
                }
                Poll::Pending => return found,
            }
        }
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn a_stream_that_is_given_up_breaks_the_reply_and_does_not_end_it() {
        let subject = crate::crash::Subject::leak(crate::verify::Kind::Plugin, "test", "", &[]);
        let work = crate::crash::Work::new(subject, crate::crash::Phase::Handler(0));
        let stream = || Some(TaskStream::new(lambda_plugin_abi_v1::Stream::EMPTY, work));
        let (mut body, end) = StreamBody::new(b"{}", Some("whole".into()), stream(), None);
        assert_eq!(frames(&mut body), [some(&["{}\0\0\0\0\0\0\0\0", "whole"]), vec![None]].concat());
        assert_eq!(end.close(), None);
        assert_eq!(frames(&mut body), [None], "closed after its end");
        let (mut body, end) = StreamBody::new(b"{}", None, stream(), None);
        assert_eq!(end.close(), None);
        assert_eq!(frames(&mut body), some(&["{}\0\0\0\0\0\0\0\0", "the reply was given up"]));
    }
}
