//! The bytes of an object as the body of a request, piece by piece, and told of as they go.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use http_body::{Body, Frame, SizeHint};

use super::bars::Bars;
use super::object::Bytes;

/// The most bytes of one piece.
const PIECE: u64 = 64 << 10;

struct Pieces {
    bytes: Bytes,
    at: u64,
    /// The object's number.
    index: usize,
    bars: Arc<Mutex<Bars>>,
}

/// A body that can be sent again, from its beginning, where an attempt failed.
pub(super) fn of(bytes: &Bytes, index: usize, bars: &Arc<Mutex<Bars>>) -> ByteStream {
    let (bytes, bars) = (bytes.clone(), Arc::clone(bars));
    let again = move || SdkBody::from_body_1_x(Pieces { bytes: bytes.clone(), at: 0, index, bars: Arc::clone(&bars) });
    ByteStream::new(SdkBody::retryable(again))
}

impl Pieces {
    fn next(&mut self) -> io::Result<Option<bytes::Bytes>> {
        let left = self.bytes.size().saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        let length = usize::try_from(left.min(PIECE)).unwrap_or_default();
        let piece = match &self.bytes {
            Bytes::Memory(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.slice_ref(bytes.get(at..at.saturating_add(length)).unwrap_or_default())
            }
            Bytes::Sealed { file, .. } => {
                let mut piece = vec![0; length];
                // Memory, or a file on a read-only mount that was just read: nothing to wait for.
                file.read_exact_at(&mut piece, self.at)?;
                piece.into()
            }
        };
        self.at += piece.len() as u64;
        self.bars.lock().unwrap_or_else(PoisonError::into_inner).sent(self.index, self.at);
        Ok(Some(piece))
    }
}

impl Body for Pieces {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, io::Error>>> {
        Poll::Ready(self.next().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.bytes.size()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.size().saturating_sub(self.at))
    }
}
