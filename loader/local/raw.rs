//! Answers that no HTTP library would give: written past hyper, to a connection that is closed after them.

use bytes::Bytes;
use http::HeaderMap;

/// Bytes that are not HTTP.
pub(super) const GARBAGE: &[u8] = b"\x00\x16\x03 this is not HTTP at all \xff\xfe\r\n\r\n";

/// Where a response breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// In the middle of its headers.
    Headers,
    /// In the middle of its body.
    Body,
}

/// The first part of a response with these headers and this body.
pub(super) fn part(cut: Cut, status: u16, headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    // A body that announces more than comes is broken off, however short it is.
    let announced = body.len().max(2);
    let mut text = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {announced}\r\n").into_bytes();
    for (name, value) in headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    match cut {
        Cut::Headers => text.truncate(text.len() - 4),
        Cut::Body => {
            text.extend_from_slice(b"\r\n");
            text.extend_from_slice(body.get(..body.len() / 2).unwrap_or_default());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_part_is_the_beginning_of_a_response_and_never_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert("a", HeaderValue::from_static("1"));
        let check = |cut, body: &'static str, expected: &str| {
            assert_eq!(String::from_utf8(part(cut, 200, &headers, &Bytes::from_static(body.as_bytes()))).unwrap(), expected);
        };
        check(Cut::Headers, "{}", "HTTP/1.1 200 Scripted\r\ncontent-length: 2\r\na:");
        check(Cut::Body, "[1,2]x", "HTTP/1.1 200 Scripted\r\ncontent-length: 6\r\na: 1\r\n\r\n[1,");
        check(Cut::Body, "", "HTTP/1.1 200 Scripted\r\ncontent-length: 2\r\na: 1\r\n\r\n");
    }
}
