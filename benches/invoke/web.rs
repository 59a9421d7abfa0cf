//! Events of web applications, and what is looked at in their answers.

use bytes::Bytes;
use lambda_loader::local::Answer;
use serde_json::{Value, json};

/// A GET of an HTTP API, as a browser's comes out of it.
pub(crate) fn request(path: &str, query: &str) -> Bytes {
    event("GET", path, query, None)
}

/// A POST of so many bytes of text.
pub(crate) fn posted(length: usize) -> Bytes {
    event("POST", "/echo", "", Some("x".repeat(length)))
}

fn event(method: &str, path: &str, query: &str, body: Option<String>) -> Bytes {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["session=1d2f3a", "theme=dark"],
        "headers": {
            "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "accept-encoding": "gzip, deflate, br, zstd",
            "accept-language": "en-GB,en;q=0.5",
            "content-length": body.as_ref().map_or(0, String::len).to_string(),
            "content-type": "text/plain",
            "host": "a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "domainName": "a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "a1b2c3",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "Mozilla/5.0" },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1_583_817_383_220_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    Bytes::from(event.to_string())
}

/// The time of a request that was answered well, in nanoseconds.
pub(crate) fn answered(answer: &Answer) -> u64 {
    let body = answer.payload();
    // Both write the status at the beginning; to read megabytes would be to wait.
    let status = body.windows(16).take(200).any(|part| part == b"\"statusCode\":200");
    assert!(status, "not answered well: {:.300}", String::from_utf8_lossy(&body));
    u64::try_from(answer.elapsed.as_nanos()).expect("less than 500 years")
}

/// The time until the first byte behind the prelude was there, in nanoseconds.
pub(crate) fn first_byte(answer: &Answer) -> u64 {
    let response = answer.response().unwrap_or_else(|| panic!("no reply: {answer:?}"));
    let end = response.body.windows(8).position(|window| window == [0; 8]).expect("a prelude and eight zeros") + 8;
    let prelude: Value = serde_json::from_slice(&response.body[..end - 8]).expect("JSON");
    assert_eq!((&prelude["statusCode"], &response.body[end..]), (&json!(201), &b"piece 0 "[..]));
    let mut length = 0;
    let first = response.chunks.iter().flatten().find(|chunk| {
        length += chunk.bytes.len();
        length > end
    });
    u64::try_from(first.expect("it is streamed").at.as_nanos()).expect("less than 500 years")
}
