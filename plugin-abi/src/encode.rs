//! Replies as what crosses to the host. The types are told apart by method lookup: the more special traits are for `&Probe`.

use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use serde::Serialize;

use crate::export::Probe;
use crate::{Error, StreamReply};

/// Replies that are sent as they are.
pub trait EncodeBytes {
    /// The reply as an outcome, without a copy.
    fn encode(self, reply: Bytes) -> Result<v1::Outcome, Error>;
}

impl EncodeBytes for &Probe<Bytes> {
    fn encode(self, reply: Bytes) -> Result<v1::Outcome, Error> {
        Ok(v1::Outcome::value(v1::Buffer::new(reply), 0))
    }
}

/// Replies that are sent in pieces.
pub trait EncodeStream {
    /// The reply as an outcome.
    fn encode(self, reply: StreamReply) -> Result<v1::Outcome, Error>;
}

impl EncodeStream for &Probe<StreamReply> {
    fn encode(self, reply: StreamReply) -> Result<v1::Outcome, Error> {
        reply.outcome()
    }
}

/// Replies that serde writes. The bound is the method's, so that a type without it gets serde's own advice.
pub trait EncodeJson<T> {
    /// The reply as an outcome.
    fn encode(self, reply: T) -> Result<v1::Outcome, Error>
    where
        T: Serialize;
}

impl<T> EncodeJson<T> for Probe<T> {
    fn encode(self, reply: T) -> Result<v1::Outcome, Error>
    where
        T: Serialize,
    {
        let json = serde_json::to_vec(&reply).map_err(|error| Error::new("ReplyEncode", format_args!("reply: {error}")))?;
        Ok(v1::Outcome::value(v1::Buffer::new(json), v1::Outcome::JSON))
    }
}
