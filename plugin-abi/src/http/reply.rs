//! Responses to the reply objects of the sources.

use ::http::{HeaderMap, HeaderValue, Response, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which reply object the source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// API Gateway REST, and HTTP APIs with payload 1.0.
    PayloadV1,
    /// HTTP APIs with payload 2.0, and function URLs.
    PayloadV2,
    /// Application Load Balancer; with multi-value headers where its target group has them on, which the event tells.
    Alb { multi_value: bool },
    /// VPC Lattice.
    Lattice,
}

/// The reply object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    body: String,
    is_base64_encoded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
}

impl Reply {
    pub(super) fn new(response: Response<Bytes>, form: Form) -> Self {
        let (parts, body) = response.into_parts();
        let text = if is_text(&parts.headers) { std::str::from_utf8(&body).ok() } else { None };
        let (body, is_base64_encoded) = match text {
            Some(text) => (text.to_owned(), false),
            None => (BASE64_STANDARD.encode(&body), true),
        };
        let mut reply = Reply {
            status_code: parts.status.as_u16(),
            status_description: None,
            body,
            is_base64_encoded,
            headers: None,
            multi_value_headers: None,
            cookies: Vec::new(),
        };
        if let Form::Alb { .. } = form {
            reply.status_description =
                Some(format!("{} {}", parts.status.as_u16(), parts.status.canonical_reason().unwrap_or("Unknown")));
        }
        match form {
            Form::PayloadV1 | Form::Alb { multi_value: true } => reply.multi_value_headers = Some(multi(&parts.headers)),
            Form::PayloadV2 => {
                reply.headers = Some(single(&parts.headers));
                reply.cookies = values(&parts.headers, header::SET_COOKIE.as_str());
            }
            Form::Alb { multi_value: false } | Form::Lattice => {
                let mut headers = single(&parts.headers);
                // One value a name: so each cookie has a name of its own, which differs in case only.
                let cookies = values(&parts.headers, header::SET_COOKIE.as_str());
                headers.extend(cookies.into_iter().enumerate().map(|(number, cookie)| (spelling(number), cookie)));
                reply.headers = Some(headers);
            }
        }
        reply
    }
}

/// `set-cookie` with the letters in upper case that `number` has bits for.
fn spelling(number: usize) -> String {
    let mut left = number;
    let mut spell = |letter: char| {
        let upper = letter.is_ascii_alphabetic() && left & 1 == 1;
        left >>= usize::from(letter.is_ascii_alphabetic());
        if upper { letter.to_ascii_uppercase() } else { letter }
    };
    "set-cookie".chars().map(&mut spell).collect()
}

/// All headers but cookies, the values of one name in one.
fn single(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers.keys().filter(|name| **name != header::SET_COOKIE);
    names.map(|name| (name.as_str().to_owned(), values(headers, name.as_str()).join(", "))).collect()
}

fn multi(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    headers.keys().map(|name| (name.as_str().to_owned(), values(headers, name.as_str()))).collect()
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(text).collect()
}

/// A value as text: UTF-8, else Latin-1, which is what bytes above 127 once were in HTTP.
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// Whether the body may be text, by its headers.
fn is_text(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = text(kind).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let text = ["json", "javascript", "xml", "yaml", "x-www-form-urlencoded", "graphql", "toml"];
    match kind.split_once('/') {
        Some(("text", _)) => true,
        Some((_, kind)) => text.contains(&kind.rsplit(['+', '.']).next().unwrap_or(kind)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn response(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> Response<Bytes> {
        let builder =
            headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Bytes::from_static(body)).unwrap()
    }

    fn check(form: Form, response: Response<Bytes>, expected: Value) {
        assert_eq!(serde_json::to_value(Reply::new(response, form)).unwrap(), expected, "{form:?}");
    }

    #[test]
    fn each_source_gets_status_headers_and_cookies_in_its_own_form() {
        let created = || {
            let headers = [("x-a", "1"), ("set-cookie", "a=b; Path=/"), ("x-a", "2"), ("set-cookie", "c=d"), ("location", "/é")];
            response(201, &headers, b"made")
        };
        let common = |rest: Value| {
            let mut all = json!({ "statusCode": 201, "body": "made", "isBase64Encoded": false });
            all.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            all
        };
        let many = json!({ "x-a": ["1", "2"], "set-cookie": ["a=b; Path=/", "c=d"], "location": ["/é"] });
        let one = json!({ "x-a": "1, 2", "location": "/é", "set-cookie": "a=b; Path=/", "Set-cookie": "c=d" });
        check(Form::PayloadV1, created(), common(json!({ "multiValueHeaders": many })));
        let headers = json!({ "x-a": "1, 2", "location": "/é" });
        check(Form::PayloadV2, created(), common(json!({ "headers": headers, "cookies": ["a=b; Path=/", "c=d"] })));
        let alb = json!({ "statusDescription": "201 Created", "multiValueHeaders": many });
        check(Form::Alb { multi_value: true }, created(), common(alb));
        check(Form::Alb { multi_value: false }, created(), common(json!({ "statusDescription": "201 Created", "headers": one })));
        check(Form::Lattice, created(), common(json!({ "headers": one })));
    }

    #[test]
    fn no_two_cookies_share_a_name() {
        let names: std::collections::BTreeSet<_> = (0..512).map(spelling).collect();
        assert_eq!(names.len(), 512);
        assert!(names.iter().all(|name| name.eq_ignore_ascii_case("set-cookie")));
    }

    #[test]
    fn what_is_not_text_goes_in_base64() {
        #[track_caller]
        fn check(headers: &[(&str, &str)], body: &'static [u8], expected: (&str, bool)) {
            let reply = Reply::new(response(200, headers, body), Form::PayloadV2);
            assert_eq!((reply.body.as_str(), reply.is_base64_encoded), expected, "{headers:?}");
        }
        let of = |kind: &'static str| [("content-type", kind)];
        for kind in ["text/html", "TEXT/plain; charset=utf-8", "application/json", "application/problem+json", "image/svg+xml"] {
            check(&of(kind), b"hi", ("hi", false));
        }
        for kind in ["image/png", "application/octet-stream", "application/zip", "font/woff2", "nonsense", ""] {
            check(&of(kind), b"hi", ("aGk=", true));
        }
        check(&[], b"hi", ("hi", false));
        check(&[], b"", ("", false));
        check(&[], b"\xff", ("/w==", true));
        check(&of("text/plain"), b"\xff", ("/w==", true));
        check(&[("content-type", "text/plain"), ("content-encoding", "gzip")], b"hi", ("aGk=", true));
        check(&[("content-type", "text/plain"), ("content-encoding", "identity")], b"hi", ("hi", false));
    }
}
