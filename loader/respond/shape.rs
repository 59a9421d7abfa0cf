//! HTTP replies in the shape that each source expects, for the answers that the loader gives itself.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::Code;
use crate::invoke::Failure;
use crate::route::Phase;

/// Which reply object the source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// API Gateway REST, and HTTP APIs with payload 1.0.
    PayloadV1,
    /// HTTP APIs with payload 2.0, and function URLs.
    PayloadV2,
    /// Application Load Balancer; with multi-value headers where the target group has them on, which the event tells.
    Alb {
        /// The event came with `multiValueHeaders`, so the reply must as well.
        multi_value: bool,
    },
    /// VPC Lattice.
    Lattice,
    /// A WebSocket API.
    Websocket(Phase),
}

/// A reply to an HTTP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Headers, each with its values, except cookies.
    pub headers: Vec<(String, Vec<String>)>,
    /// `Set-Cookie` values.
    pub cookies: Vec<String>,
    /// Body.
    pub body: Bytes,
}

impl HttpReply {
    /// A reply whose body is `{"message": …}`, as API Gateway's own errors are.
    #[must_use]
    pub fn message(status: u16, message: &str, request_id: Option<&str>) -> Self {
        let mut body = json!({ "message": message });
        if let Some(request_id) = request_id {
            body["requestId"] = request_id.into();
        }
        HttpReply {
            status,
            headers: vec![("content-type".into(), vec!["application/json".into()])],
            cookies: Vec::new(),
            body: body.to_string().into(),
        }
    }

    /// The reply object of the source.
    #[must_use]
    pub fn object(&self, shape: Shape) -> Bytes {
        let mut head = Map::new();
        head.insert("statusCode".into(), self.status.into());
        if let Shape::Alb { .. } = shape {
            let reason =
                http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown");
            head.insert("statusDescription".into(), format!("{} {reason}", self.status).into());
        }
        match shape {
            Shape::PayloadV1 | Shape::Alb { multi_value: true } => {
                let mut multi: Map<_, _> =
                    self.headers.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect();
                if !self.cookies.is_empty() {
                    multi.insert("set-cookie".into(), self.cookies.clone().into());
                }
                head.insert("multiValueHeaders".into(), multi.into());
            }
            _ => {
                let mut single = self.joined();
                match shape {
                    Shape::PayloadV2 if self.cookies.is_empty() => {}
                    Shape::PayloadV2 => _ = head.insert("cookies".into(), self.cookies.clone().into()),
                    // Cookies cannot be joined: each has a name of its own, which differs in case only.
                    _ => single.extend(self.cookies.iter().enumerate().map(|(n, cookie)| (spelling(n), cookie.clone().into()))),
                }
                head.insert("headers".into(), single.into());
            }
        }
        let text = std::str::from_utf8(&self.body).ok();
        head.insert("isBase64Encoded".into(), text.is_none().into());
        with_body(&Value::Object(head).to_string(), &self.body, text)
    }

    /// Each header with its values in one.
    fn joined(&self) -> Map<String, Value> {
        self.headers.iter().map(|(name, values)| (name.clone(), values.join(", ").into())).collect()
    }

    /// The prelude of a streamed reply: everything but the body.
    #[must_use]
    pub fn prelude(&self) -> Bytes {
        json!({ "statusCode": self.status, "headers": self.joined(), "cookies": self.cookies }).to_string().into()
    }

    /// A streamed reply's prelude, with the body still to come. An empty prelude is a 200.
    ///
    /// # Errors
    /// Where the prelude is not an object with a status code.
    pub fn of_prelude(prelude: &[u8]) -> Result<Self, Failure> {
        if prelude.is_empty() {
            return Ok(HttpReply { status: 200, headers: Vec::new(), cookies: Vec::new(), body: Bytes::new() });
        }
        match serde_json::from_slice(prelude) {
            Ok(Value::Object(prelude)) => Self::of_object(prelude),
            _ => Err(malformed("the streamed reply's prelude is not a JSON object")),
        }
    }

    /// A handler's whole reply, read as an HTTP one: an object with `statusCode`, or else any JSON as a 200, as function URLs do it.
    ///
    /// # Errors
    /// Where the object has parts of the wrong type.
    pub fn of_reply(reply: &Bytes) -> Result<Self, Failure> {
        match serde_json::from_slice(reply) {
            Ok(Value::Object(object)) if object.contains_key("statusCode") => Self::of_object(object),
            _ => Ok(HttpReply {
                status: 200,
                headers: vec![("content-type".into(), vec!["application/json".into()])],
                cookies: Vec::new(),
                body: reply.clone(),
            }),
        }
    }

    fn of_object(mut object: Map<String, Value>) -> Result<Self, Failure> {
        let status = object.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let status =
            status.filter(|status| (100..=599).contains(status)).ok_or_else(|| malformed("`statusCode` is not a status code"))?;
        let mut headers = Vec::new();
        for (key, many) in [("headers", false), ("multiValueHeaders", true)] {
            match object.remove(key) {
                None | Some(Value::Null) => {}
                Some(Value::Object(map)) => {
                    for (name, value) in map {
                        let values = if many { texts(value) } else { text(value).map(|text| vec![text]) };
                        let values = values.ok_or_else(|| malformed("a header's value is not a string"))?;
                        // Where both are given, API Gateway takes the multi-value one.
                        headers.retain(|(known, _): &(String, Vec<String>)| !known.eq_ignore_ascii_case(&name));
                        headers.push((name.to_ascii_lowercase(), values));
                    }
                }
                Some(_) => return Err(malformed("`headers` is not an object")),
            }
        }
        let mut cookies = match object.remove("cookies") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => texts(value).ok_or_else(|| malformed("`cookies` is not an array of strings"))?,
        };
        if let Some(at) = headers.iter().position(|(name, _)| name == "set-cookie") {
            cookies.extend(headers.remove(at).1);
        }
        let body = match object.remove("body") {
            None | Some(Value::Null) => Bytes::new(),
            Some(Value::String(body)) if object.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
                use base64::Engine as _;
                base64::prelude::BASE64_STANDARD.decode(body).map_err(|_| malformed("`body` is not base64"))?.into()
            }
            Some(Value::String(body)) => body.into(),
            Some(_) => return Err(malformed("`body` is not a string")),
        };
        Ok(HttpReply { status, headers, cookies, body })
    }
}

/// The object with its body, which may have megabytes and is written once.
fn with_body(head: &str, body: &[u8], text: Option<&str>) -> Bytes {
    use base64::Engine as _;
    let mut object = Vec::with_capacity(head.len() + body.len() / 3 * 4 + 32);
    object.extend_from_slice(head.strip_suffix('}').unwrap_or(head).as_bytes());
    object.extend_from_slice(b",\"body\":");
    match text {
        // Text is written to memory: nothing of it can fail.
        Some(text) => _ = serde_json::to_writer(&mut object, text),
        None => {
            object.push(b'"');
            let start = object.len();
            object.resize(start + base64::encoded_len(body.len(), true).unwrap_or(0), 0);
            if let Some(room) = object.get_mut(start..) {
                // Made to fit.
                _ = base64::prelude::BASE64_STANDARD.encode_slice(body, room);
            }
            object.push(b'"');
        }
    }
    object.push(b'}');
    object.into()
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

fn malformed(what: &str) -> Failure {
    Failure::new(Code::ReplyMalformed, what)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        _ => None,
    }
}

/// Standard base64, as the Runtime API and HTTP sources want it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_s_own_answers_have_the_shape_of_their_source() {
        for (shape, expected) in [
            (
                Shape::PayloadV1,
                json!({"statusCode":404,"multiValueHeaders":{"content-type":["application/json"]},"body":"{\"message\":\"Not Found\"}","isBase64Encoded":false}),
            ),
            (
                Shape::PayloadV2,
                json!({"statusCode":404,"headers":{"content-type":"application/json"},"body":"{\"message\":\"Not Found\"}","isBase64Encoded":false}),
            ),
            (
                Shape::Alb { multi_value: false },
                json!({"statusCode":404,"statusDescription":"404 Not Found","headers":{"content-type":"application/json"},"body":"{\"message\":\"Not Found\"}","isBase64Encoded":false}),
            ),
            (
                Shape::Alb { multi_value: true },
                json!({"statusCode":404,"statusDescription":"404 Not Found","multiValueHeaders":{"content-type":["application/json"]},"body":"{\"message\":\"Not Found\"}","isBase64Encoded":false}),
            ),
            (
                Shape::Lattice,
                json!({"statusCode":404,"headers":{"content-type":"application/json"},"body":"{\"message\":\"Not Found\"}","isBase64Encoded":false}),
            ),
        ] {
            let reply = HttpReply::message(404, "Not Found", None);
            let object: Value = serde_json::from_slice(&reply.object(shape)).unwrap();
            assert_eq!(object, expected, "{shape:?}");
        }
    }

    #[test]
    fn a_reply_goes_through_the_prelude_and_back() {
        let reply = json!({"statusCode":201,"headers":{"X-A":"1"},"multiValueHeaders":{"x-b":["2","3"],"Set-Cookie":["a=b"]},"cookies":["c=d"],"body":"aGk=","isBase64Encoded":true});
        let reply = HttpReply::of_reply(&reply.to_string().into()).unwrap();
        assert_eq!(reply.status, 201);
        assert_eq!(reply.body, "hi");
        let prelude: Value = serde_json::from_slice(&reply.prelude()).unwrap();
        assert_eq!(prelude, json!({"statusCode":201,"headers":{"x-a":"1","x-b":"2, 3"},"cookies":["c=d","a=b"]}));
        assert_eq!(HttpReply::of_prelude(&reply.prelude()).unwrap().cookies, ["c=d", "a=b"]);
        let plain = HttpReply::of_reply(&Bytes::from_static(b"[1]")).unwrap();
        assert_eq!((plain.status, &plain.body[..]), (200, &b"[1]"[..]));
    }

    #[test]
    fn malformed_replies_are_named() {
        for (reply, what) in [
            (json!({"statusCode":"x"}), "`statusCode` is not a status code"),
            (json!({"statusCode":99}), "`statusCode` is not a status code"),
            (json!({"statusCode":200,"headers":[]}), "`headers` is not an object"),
            (json!({"statusCode":200,"headers":{"a":{}}}), "a header's value is not a string"),
            (json!({"statusCode":200,"cookies":"a"}), "`cookies` is not an array of strings"),
            (json!({"statusCode":200,"body":{}}), "`body` is not a string"),
            (json!({"statusCode":200,"body":"%","isBase64Encoded":true}), "`body` is not base64"),
        ] {
            let failure = HttpReply::of_reply(&reply.to_string().into()).unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (Code::ReplyMalformed, what));
        }
    }

    #[test]
    fn a_body_that_is_not_text_is_base64() {
        let reply =
            HttpReply { status: 200, headers: Vec::new(), cookies: vec!["a=b".into()], body: Bytes::from_static(&[0xff]) };
        let object: Value = serde_json::from_slice(&reply.object(Shape::PayloadV2)).unwrap();
        assert_eq!(object, json!({"statusCode":200,"headers":{},"cookies":["a=b"],"body":"/w==","isBase64Encoded":true}));
        let object: Value = serde_json::from_slice(&reply.object(Shape::PayloadV1)).unwrap();
        assert_eq!(object["multiValueHeaders"], json!({"set-cookie":["a=b"]}));
        let reply = HttpReply { cookies: vec!["a=b".into(), "c=d".into()], ..reply };
        let object: Value = serde_json::from_slice(&reply.object(Shape::Lattice)).unwrap();
        assert_eq!(object["headers"], json!({"set-cookie":"a=b","Set-cookie":"c=d"}), "no cookie is lost");
    }
}
