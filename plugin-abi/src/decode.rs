//! Events as the types that handlers take. The types are told apart by method lookup: the more special traits are for `&Probe`.

use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::context::Handle;
use crate::export::Probe;

/// Events that are passed on as they came.
pub trait DecodeBytes {
    /// The event as bytes, without a copy.
    fn decode(self, event: v1::Buffer, invocation: &Handle) -> Result<Bytes, Error>;
}

impl DecodeBytes for &Probe<Bytes> {
    fn decode(self, event: v1::Buffer, _invocation: &Handle) -> Result<Bytes, Error> {
        Ok(Bytes::from_owner(event))
    }
}

/// Events that serde reads. The bound is the method's, so that a type without it gets serde's own advice.
pub trait DecodeJson<T> {
    /// The event as a value.
    fn decode(self, event: v1::Buffer, invocation: &Handle) -> Result<T, Error>
    where
        T: for<'de> Deserialize<'de>;
}

impl<T> DecodeJson<T> for Probe<T> {
    fn decode(self, event: v1::Buffer, _invocation: &Handle) -> Result<T, Error>
    where
        T: for<'de> Deserialize<'de>,
    {
        read(event.as_ref())
    }
}

/// Events of a `lambda_runtime` handler: the payload that serde reads, and its own context.
#[cfg(feature = "lambda_runtime")]
pub trait DecodeLambda<T> {
    /// The event as `lambda_runtime` would have made it.
    fn decode(self, event: v1::Buffer, invocation: &Handle) -> Result<lambda_runtime::LambdaEvent<T>, Error>;
}

#[cfg(feature = "lambda_runtime")]
impl<T: DeserializeOwned> DecodeLambda<T> for &Probe<lambda_runtime::LambdaEvent<T>> {
    fn decode(self, event: v1::Buffer, invocation: &Handle) -> Result<lambda_runtime::LambdaEvent<T>, Error> {
        Ok(lambda_runtime::LambdaEvent::new(read(event.as_ref())?, crate::moved::context(invocation)?))
    }
}

/// Reads an event.
pub(crate) fn read<T: DeserializeOwned>(event: &[u8]) -> Result<T, Error> {
    read_borrowed(event)
}

/// Reads an event as something that borrows from it.
pub(crate) fn read_borrowed<'e, T: Deserialize<'e>>(event: &'e [u8]) -> Result<T, Error> {
    // serde_json's message names line and column, and of the event's contents at most the kind of a value.
    serde_json::from_slice(event).map_err(|error| Error::new("EventDecode", format_args!("event: {}", without_values(&error))))
}

/// serde's message without the values it quotes: `invalid type: string "secret", expected u32` keeps the kind alone. Names of
/// fields stay.
pub(crate) fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['"', '`']) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        // What follows `expected` is the author's own types.
        if before.contains("expected ") || before.ends_with("field ") || out.ends_with("field ") {
            break;
        }
        let quote = if quoted.starts_with('"') { '"' } else { '`' };
        let mut escaped = false;
        let end = quoted[1..].find(|c| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        out.push('…');
        match end {
            Some(end) => rest = &quoted[end + 2..],
            None => return out,
        }
        if rest.starts_with(", expected ") {
            break;
        }
    }
    match rest.find(['"', '`']) {
        Some(at) if !out.is_empty() && (out.ends_with("field ") || out.contains("expected ")) => out.push_str(&rest[at..]),
        _ => out.push_str(rest),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Order {
        id: u32,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Book,
    }

    #[test]
    fn decode_errors_name_fields_and_never_values() {
        for (json, expected) in [
            (r#"{"id":"se, expected cret"}"#, "event: invalid type: string …, expected u32 at line 1 column 25"),
            (r#"{"id":1,"kind":"secret"}"#, "event: unknown variant …, expected `book` at line 1 column 23"),
            (r#"{"id":-5}"#, "event: invalid value: integer …, expected u32 at line 1 column 8"),
            (r#"{"id":1}"#, "event: missing field `kind` at line 1 column 8"),
            (r#"{"idd":1}"#, "event: unknown field `idd`, expected `id` or `kind` at line 1 column 6"),
            ("{", "event: EOF while parsing an object at line 1 column 1"),
        ] {
            let error = super::read::<Order>(json.as_bytes()).unwrap_err();
            assert_eq!(error.message(), expected, "{json}");
        }
    }
}
