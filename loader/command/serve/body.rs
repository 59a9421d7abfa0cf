//! What an answer consists of: bytes that are there, or a stream that comes.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::mpsc;

/// A response of the front.
pub(super) type Reply = Response<Content>;

pub(super) enum Content {
    Whole(Full<Bytes>),
    /// An error breaks the connection: what has been sent is not to pass for all there is.
    Live(mpsc::UnboundedReceiver<io::Result<Bytes>>),
}

impl Content {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Content::Whole(Full::new(bytes.into()))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Content::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never: Infallible| match never {}),
            Content::Live(live) => live.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::Whole(whole) => whole.is_end_stream(),
            Content::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(whole) => whole.size_hint(),
            Content::Live(_) => SizeHint::default(),
        }
    }
}
