//! Messages of an AWS event stream: lengths, checksum of the lengths, headers, payload, checksum of all
//! (<https://smithy.io/2.0/aws/amazon-eventstream.html>).

use bytes::{BufMut as _, Bytes, BytesMut};

/// The lengths and their checksum.
const PRELUDE: usize = 12;

/// A header's value is text.
const TEXT: u8 = 7;

/// An event of the stream.
pub(super) fn event(name: &'static str, content_type: &'static str, payload: &[u8]) -> Bytes {
    message(&[(":message-type", "event"), (":event-type", name), (":content-type", content_type)], payload)
}

/// `payload` is at most a reply, which its length has room for.
fn message(headers: &[(&'static str, &'static str)], payload: &[u8]) -> Bytes {
    let mut coded = BytesMut::new();
    for (name, value) in headers {
        // Both are short: they are written in this program.
        coded.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        coded.put_slice(name.as_bytes());
        coded.put_u8(TEXT);
        coded.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        coded.put_slice(value.as_bytes());
    }
    let total = PRELUDE + coded.len() + payload.len() + size_of::<u32>();
    let mut message = BytesMut::with_capacity(total);
    message.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
    message.put_u32(u32::try_from(coded.len()).unwrap_or(u32::MAX));
    message.put_u32(crc32fast::hash(&message));
    message.put_slice(&coded);
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_published_vectors() {
        let check = |payload: &[u8], expected: &str| {
            let hex: String = message(&[], payload).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        };
        check(b"", "000000100000000005c248eb7d98c8ff");
        check(b"{'foo':'bar'}", "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936");
    }

    #[test]
    fn a_header_is_its_name_and_a_text() {
        let message = event("A", "b/c", b"p");
        let headers = b"\x0d:message-type\x07\x00\x05event\x0b:event-type\x07\x00\x01A\x0d:content-type\x07\x00\x03b/c";
        assert_eq!(&message[PRELUDE..message.len() - 4], [headers.as_slice(), b"p"].concat());
    }
}
