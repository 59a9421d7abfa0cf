//! What a handler answered.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::ops::Deref;

use crate::{Error, Prelude};

/// A handler's reply: its bytes, and of a [`StreamReply`](crate::StreamReply) the pieces they came in.
///
/// ```standalone_crate
/// use lambda_plugin_abi::{Error, StreamReply, testing};
/// use futures_util::stream::iter;
///
/// fn lines(_event: ()) -> Result<StreamReply, Error> {
///     Ok(StreamReply::new(iter([Ok("one\n".into()), Ok("two\n".into())])))
/// }
/// lambda_plugin_abi::export! { handlers: { lines } }
///
/// # fn main() -> Result<(), Error> {
/// let reply = testing::start(())?.invoke("lines", "null")?;
/// assert_eq!(*reply, *b"one\ntwo\n");
/// assert_eq!(reply.pieces(), ["one\n", "two\n"]);
/// assert_eq!(reply.prelude().unwrap().status_code, 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reply {
    prelude: Option<Prelude>,
    pieces: Vec<Bytes>,
    bytes: Bytes,
}

impl Reply {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Reply { prelude: None, pieces: vec![bytes.clone()], bytes }
    }

    pub(super) fn streamed(prelude: Prelude, pieces: Vec<Bytes>) -> Self {
        let bytes = pieces.concat().into();
        Reply { prelude: Some(prelude), pieces, bytes }
    }

    /// The reply read as a value.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// fn nothing(_event: ()) -> Result<(), Error> {
    ///     Ok(())
    /// }
    /// lambda_plugin_abi::export! { handlers: { nothing } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let reply = testing::start(())?.invoke("nothing", "null")?;
    /// assert_eq!(reply.json::<serde_json::Value>()?, serde_json::Value::Null);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where it is not one of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.bytes)?)
    }

    /// The whole reply.
    ///
    /// ```standalone_crate
    /// # use lambda_plugin_abi::{Error, testing};
    /// use bytes::Bytes;
    ///
    /// fn echo(event: Bytes) -> Result<Bytes, Error> {
    ///     Ok(event)
    /// }
    /// lambda_plugin_abi::export! { handlers: { echo } }
    ///
    /// # fn main() -> Result<(), Error> {
    /// assert_eq!(testing::start(())?.invoke("echo", "[1, 2]")?.bytes(), "[1, 2]");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The pieces of a streamed reply as they came; a reply that is not streamed is one piece. See [`Reply`].
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// Status, headers and cookies of a streamed reply. See [`Reply`].
    #[must_use]
    pub fn prelude(&self) -> Option<&Prelude> {
        self.prelude.as_ref()
    }
}

impl Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
