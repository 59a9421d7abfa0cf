//! A request as an event of an HTTP API.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::log::timestamp;

/// The event. `address` is where the request came in, `peer` where it came from.
pub(super) fn of(head: &Parts, body: &Bytes, function: &str, address: SocketAddr, peer: SocketAddr) -> String {
    let uri = &head.uri;
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let host = head.headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let host = host.unwrap_or_else(|| address.to_string());
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host.as_str(), |(name, _)| name);
    let (headers, cookies) = headers(&head.headers, peer, address);
    let now = SystemTime::now();
    let epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": function,
            "domainName": name,
            "domainPrefix": name.split('.').next().unwrap_or(name),
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", head.version),
                "sourceIp": peer.ip().to_string(),
                "userAgent": user_agent,
            },
            "requestId": format!("local-{epoch}"),
            "routeKey": "$default",
            "stage": "$default",
            "time": clf(&timestamp(now)),
            "timeEpoch": u64::try_from(epoch).unwrap_or(u64::MAX),
        },
        "isBase64Encoded": false,
    });
    if let Value::Object(event) = &mut event {
        let query = parameters(query);
        if !cookies.is_empty() {
            event.insert("cookies".into(), cookies.into());
        }
        if !query.is_empty() {
            event.insert("queryStringParameters".into(), query.into());
        }
        if !body.is_empty() {
            let text = is_text(&head.headers).then(|| std::str::from_utf8(body).ok()).flatten();
            event.insert("isBase64Encoded".into(), text.is_none().into());
            event.insert("body".into(), text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned).into());
        }
    }
    event.to_string()
}

/// Headers in lower case, repeated ones joined; cookies apart.
fn headers(given: &HeaderMap, peer: SocketAddr, address: SocketAddr) -> (BTreeMap<String, String>, Vec<String>) {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut cookies = Vec::new();
    for (name, value) in given {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::COOKIE {
            cookies.extend(value.split("; ").map(str::to_owned));
        } else if !matches!(name.as_str(), "connection" | "transfer-encoding" | "keep-alive" | "upgrade" | "te" | "trailer") {
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|known| *known = format!("{known},{value}"))
                .or_insert(value.into());
        }
    }
    let before = headers.get("x-forwarded-for").map(|before| format!("{before}, ")).unwrap_or_default();
    headers.insert("x-forwarded-for".into(), format!("{before}{}", peer.ip()));
    headers.insert("x-forwarded-port".into(), address.port().to_string());
    headers.insert("x-forwarded-proto".into(), "http".into());
    (headers, cookies)
}

/// The query decoded, values of one name joined.
fn parameters(query: &str) -> Map<String, Value> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut found: Map<String, Value> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        let joined = match found.get(&name).and_then(Value::as_str) {
            Some(known) => format!("{known},{value}"),
            None => value,
        };
        found.insert(name, joined.into());
    }
    found
}

/// Whether the service passes such a body as text.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    let known = ["application/json", "application/javascript", "application/xml"];
    !encoded && (kind.starts_with("text/") || known.contains(&kind.as_str()) || kind.ends_with("+json") || kind.ends_with("+xml"))
}

/// `2020-03-12T19:03:58.390Z` as `12/Mar/2020:19:03:58 +0000`.
fn clf(timestamp: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let part = |range: std::ops::Range<usize>| timestamp.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).copied().unwrap_or_default();
    format!("{}/{month}/{}:{} +0000", part(8..10), part(0..4), part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: http::request::Builder, body: &'static [u8]) -> Value {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let (address, peer) = (SocketAddr::from(([127, 0, 0, 1], 9000)), SocketAddr::from(([10, 0, 0, 7], 5)));
        serde_json::from_str(&of(&head, &Bytes::from_static(body), "orders", address, peer)).unwrap()
    }

    #[test]
    fn a_request_becomes_what_an_http_api_sends() {
        let request = http::Request::put("/a%20b/c?x=1&x=2&y=%C3%A9+e&z")
            .header("Host", "shop.example:9000")
            .header("cookie", "a=1; b=2")
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("connection", "close")
            .header("user-agent", "test")
            .header("content-type", "application/json; charset=utf-8");
        let mut event = event(request, b"{\"a\":1}");
        let context = event["requestContext"].take();
        assert_eq!(
            event,
            json!({
                "version": "2.0", "routeKey": "$default", "rawPath": "/a%20b/c", "rawQueryString": "x=1&x=2&y=%C3%A9+e&z",
                "cookies": ["a=1", "b=2"], "queryStringParameters": { "x": "1,2", "y": "é e", "z": "" },
                "headers": {
                    "host": "shop.example:9000", "x-two": "1,2", "user-agent": "test",
                    "content-type": "application/json; charset=utf-8",
                    "x-forwarded-for": "10.0.0.7", "x-forwarded-port": "9000", "x-forwarded-proto": "http",
                },
                "requestContext": null, "body": "{\"a\":1}", "isBase64Encoded": false,
            })
        );
        assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!("shop.example"), &json!("shop")));
        let http =
            json!({ "method": "PUT", "path": "/a%20b/c", "protocol": "HTTP/1.1", "sourceIp": "10.0.0.7", "userAgent": "test" });
        assert_eq!(context["http"], http);
    }

    #[test]
    fn a_body_that_is_not_text_is_base64_and_none_is_left_out() {
        let binary = |kind: &str, body| {
            let event = event(http::Request::post("/").header("content-type", kind), body);
            (event["isBase64Encoded"].as_bool().unwrap(), event["body"].as_str().map(str::to_owned))
        };
        assert_eq!(binary("application/octet-stream", b"abc"), (true, Some("YWJj".into())));
        assert_eq!(binary("application/x-www-form-urlencoded", b"a=b"), (true, Some("YT1i".into())));
        assert_eq!(binary("text/plain", b"\xff"), (true, Some("/w==".into())));
        assert_eq!(binary("text/plain", b"abc"), (false, Some("abc".into())));
        assert_eq!(binary("text/plain", b""), (false, None));
    }

    #[test]
    fn the_time_is_that_of_the_common_log_format() {
        assert_eq!(clf("2020-03-12T19:03:58.390Z"), "12/Mar/2020:19:03:58 +0000");
    }
}
