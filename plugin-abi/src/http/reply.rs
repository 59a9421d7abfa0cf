//! Responses to the reply objects of the sources.

use ::http::response::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

use crate::Error;

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

/// The reply object, less its body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'r> {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Single<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<Multi<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cow<'r, str>>,
    is_base64_encoded: bool,
}

/// The reply object of the source. The body is written straight into it.
pub(super) fn object(parts: &Parts, body: &[u8], form: Form) -> Result<Vec<u8>, Error> {
    let text = if is_text(&parts.headers) || body.is_empty() { std::str::from_utf8(body).ok() } else { None };
    let headers = &parts.headers;
    let mut head = Head {
        status_code: parts.status.as_u16(),
        status_description: None,
        headers: None,
        multi_value_headers: None,
        cookies: Vec::new(),
        is_base64_encoded: text.is_none(),
    };
    if let Form::Alb { .. } = form {
        head.status_description = Some(description(parts.status));
    }
    match form {
        Form::PayloadV1 | Form::Alb { multi_value: true } => head.multi_value_headers = Some(Multi { headers, of: Which::All }),
        Form::PayloadV2 => {
            head.headers = Some(Single { headers, cookies: false });
            head.cookies = values(headers, &header::SET_COOKIE).collect();
        }
        Form::Alb { multi_value: false } | Form::Lattice => head.headers = Some(Single { headers, cookies: true }),
    }
    // A third more in base64; text may grow as well.
    let mut json = Vec::with_capacity(body.len() / 3 * 4 + 512);
    write(&mut json, &head)?;
    // `}` comes later.
    json.pop();
    json.extend_from_slice(b",\"body\":");
    match text {
        Some(text) => write(&mut json, text)?,
        None => {
            json.push(b'"');
            let start = json.len();
            json.resize(start + base64::encoded_len(body.len(), true).unwrap_or(0), 0);
            let room = json.get_mut(start..).unwrap_or_default();
            BASE64_STANDARD.encode_slice(body, room).map_err(|error| Error::new("ReplyEncode", error))?;
            json.push(b'"');
        }
    }
    json.push(b'}');
    Ok(json)
}

/// What goes before a streamed body: the host makes of it what the source reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Prelude<'r> {
    status_code: u16,
    headers: Single<'r>,
    /// Those that cannot be told from one value in `headers`.
    multi_value_headers: Multi<'r>,
    cookies: Vec<Cow<'r, str>>,
}

/// The prelude of a reply whose body is streamed.
pub(super) fn prelude(parts: &Parts) -> Result<Vec<u8>, Error> {
    let headers = &parts.headers;
    let mut json = Vec::with_capacity(512);
    let prelude = Prelude {
        status_code: parts.status.as_u16(),
        headers: Single { headers, cookies: false },
        multi_value_headers: Multi { headers, of: Which::Repeated },
        cookies: values(headers, &header::SET_COOKIE).collect(),
    };
    write(&mut json, &prelude)?;
    Ok(json)
}

fn write<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    serde_json::to_writer(json, value).map_err(|error| Error::new("ReplyEncode", format_args!("reply: {error}")))
}

fn description(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"))
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

/// The values of one name in one. Cookies cannot be joined: they are left out, or each has a name of its own, which differs in case
/// only.
struct Single<'r> {
    headers: &'r HeaderMap,
    cookies: bool,
}

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.headers.keys().filter(|name| **name != header::SET_COOKIE) {
            let mut all = values(self.headers, name);
            let first = all.next().unwrap_or_default();
            let joined = all.fold(first, |joined, next| Cow::Owned(format!("{joined}, {next}")));
            map.serialize_entry(name.as_str(), &joined)?;
        }
        if self.cookies {
            for (number, cookie) in values(self.headers, &header::SET_COOKIE).enumerate() {
                map.serialize_entry(&spelling(number), &cookie)?;
            }
        }
        map.end()
    }
}

/// Each value by itself.
struct Multi<'r> {
    headers: &'r HeaderMap,
    of: Which,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Several values of one name, cookies aside.
    Repeated,
}

impl Serialize for Multi<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.headers.keys() {
            let all: Vec<_> = values(self.headers, name).collect();
            if self.of == Which::All || (all.len() > 1 && *name != header::SET_COOKIE) {
                map.serialize_entry(name.as_str(), &all)?;
            }
        }
        map.end()
    }
}

fn values<'r>(headers: &'r HeaderMap, name: &HeaderName) -> impl Iterator<Item = Cow<'r, str>> {
    headers.get_all(name).iter().map(text)
}

/// A value as text: UTF-8, else Latin-1, which is what bytes above 127 once were in HTTP.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), Cow::Borrowed)
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
    use ::http::Response;
    use serde_json::{Value, json};

    fn response(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> Response<&'static [u8]> {
        let builder =
            headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        builder.body(body).unwrap()
    }

    fn reply(response: Response<&[u8]>, form: Form) -> Value {
        let (parts, body) = response.into_parts();
        serde_json::from_slice(&object(&parts, body, form).unwrap()).unwrap()
    }

    fn check(form: Form, response: Response<&[u8]>, expected: Value) {
        assert_eq!(reply(response, form), expected, "{form:?}");
    }

    #[test]
    fn a_streamed_reply_keeps_values_apart_that_have_one_name() {
        let headers = [("x-a", "1"), ("set-cookie", "a=b"), ("x-a", "2"), ("set-cookie", "c=d"), ("x-b", "3")];
        let (parts, _) = response(206, &headers, b"").into_parts();
        let found: Value = serde_json::from_slice(&prelude(&parts).unwrap()).unwrap();
        let expected = json!({
            "statusCode": 206, "headers": { "x-a": "1, 2", "x-b": "3" }, "multiValueHeaders": { "x-a": ["1", "2"] },
            "cookies": ["a=b", "c=d"],
        });
        assert_eq!(found, expected);
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
            let reply = reply(response(200, headers, body), Form::PayloadV2);
            assert_eq!((&reply["body"], &reply["isBase64Encoded"]), (&json!(expected.0), &json!(expected.1)), "{headers:?}");
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
        check(&of("image/png"), b"", ("", false));
        check(&[], b"\xff", ("/w==", true));
        check(&of("text/plain"), b"\xff", ("/w==", true));
        check(&[("content-type", "text/plain"), ("content-encoding", "gzip")], b"hi", ("aGk=", true));
        check(&[("content-type", "text/plain"), ("content-encoding", "identity")], b"hi", ("hi", false));
    }
}
