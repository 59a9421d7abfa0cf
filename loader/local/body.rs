//! Reading what a runtime sends.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::state::Live;
use super::{Chunk, Piece, REPLY_LIMIT, STREAM_LIMIT};

/// A body that was read to its end.
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// More than the limit; the rest was read and dropped.
    TooLarge(usize),
}

/// Reads a buffered body. One that comes in one piece is not copied.
///
/// # Errors
/// The connection broke.
pub(super) async fn whole(mut body: Incoming) -> Result<Read, hyper::Error> {
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size > REPLY_LIMIT {
            // Read on: a client that is still sending would not see the answer.
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(announced.min(REPLY_LIMIT).max(first.len() + data.len()));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(match size {
        size if size > REPLY_LIMIT => Read::TooLarge(size),
        _ if rest.is_empty() => Read::Whole(first),
        _ => Read::Whole(rest.freeze()),
    })
}

/// A streamed body, as far as it came.
#[derive(Default)]
pub(super) struct Streamed {
    pub(super) chunks: Vec<Chunk>,
    pub(super) size: usize,
    pub(super) trailers: Vec<(String, String)>,
}

/// Reads a streamed body, with the time of each chunk since `invoked`, and passes each on to `live` as it comes.
///
/// # Errors
/// The connection broke.
pub(super) async fn streamed(mut body: Incoming, invoked: Instant, live: Option<&Live>) -> Result<Streamed, hyper::Error> {
    let mut streamed = Streamed::default();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(bytes) => {
                streamed.size = streamed.size.saturating_add(bytes.len());
                if streamed.size <= STREAM_LIMIT {
                    if let Some(live) = live {
                        drop(live.send(Piece::Data(bytes.clone())));
                    }
                    streamed.chunks.push(Chunk { at: invoked.elapsed(), bytes });
                } else {
                    streamed.chunks.clear();
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                streamed.trailers.extend(
                    trailers
                        .iter()
                        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())),
                );
            }
        }
    }
    Ok(streamed)
}

impl Streamed {
    /// The chunks in one piece, of which they become parts.
    pub(super) fn join(&mut self) -> Bytes {
        let mut body = BytesMut::with_capacity(self.size);
        self.chunks.iter().for_each(|chunk| body.extend_from_slice(&chunk.bytes));
        let body = body.freeze();
        let mut rest = body.clone();
        for chunk in &mut self.chunks {
            chunk.bytes = rest.split_to(chunk.bytes.len());
        }
        body
    }
}

/// Reads a body and drops it.
pub(super) async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
