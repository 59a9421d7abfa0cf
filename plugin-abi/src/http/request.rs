//! HTTP events, of whatever source, to requests.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

use super::reply::Form;
use super::{Body, client, text};
use crate::Error;

/// All that is read of an HTTP event, whatever its source. `null` is the same as absent. Text is borrowed from the event where
/// nothing in it is escaped.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Incoming<'e> {
    #[serde(borrow)]
    version: Option<Text<'e>>,
    #[serde(borrow)]
    http_method: Option<Text<'e>>,
    #[serde(borrow)]
    method: Option<Text<'e>>,
    #[serde(borrow)]
    path: Option<Text<'e>>,
    #[serde(borrow)]
    raw_path: Option<Text<'e>>,
    #[serde(borrow, rename = "raw_path")]
    lattice_path: Option<Text<'e>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'e>>,
    #[serde(borrow)]
    cookies: Option<Vec<Text<'e>>>,
    #[serde(borrow)]
    headers: Option<Pairs<'e>>,
    #[serde(borrow)]
    multi_value_headers: Option<Pairs<'e>>,
    #[serde(borrow, alias = "query_string_parameters")]
    query_string_parameters: Option<Pairs<'e>>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<Pairs<'e>>,
    #[serde(borrow)]
    body: Option<Text<'e>>,
    #[serde(alias = "is_base64_encoded")]
    is_base64_encoded: Option<bool>,
    #[serde(borrow)]
    request_context: Option<RequestContext<'e>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext<'e> {
    #[serde(borrow)]
    http: Option<Http<'e>>,
    elb: Option<IgnoredAny>,
    service_network_arn: Option<IgnoredAny>,
    #[serde(borrow)]
    stage: Option<Text<'e>>,
    #[serde(borrow)]
    identity: Option<Identity<'e>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Http<'e> {
    #[serde(borrow)]
    method: Option<Text<'e>>,
    #[serde(borrow)]
    source_ip: Option<Text<'e>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity<'e> {
    #[serde(borrow)]
    source_ip: Option<Text<'e>>,
}

/// A string. By itself, because serde borrows a `Cow` only where it is not inside anything.
#[derive(Debug, Default, Deserialize)]
struct Text<'e>(#[serde(borrow)] Cow<'e, str>);

impl<'e> Incoming<'e> {
    /// The request, and the form that its reply is to have. `event` is what this was read from: a body that is text is a part of it.
    pub(super) fn into_request(mut self, event: &Bytes) -> Result<(Request<Body>, Form), Error> {
        let context = self.request_context.take().unwrap_or_default();
        let form = self.form(&context)?;
        let (method, source_ip) = match (&form, context.http) {
            (Form::PayloadV2, http) => http.map_or((None, None), |http| (http.method, http.source_ip)),
            (Form::Lattice, _) => (self.method.take(), None),
            (Form::PayloadV1, _) => (self.http_method.take(), context.identity.and_then(|identity| identity.source_ip)),
            (Form::Alb { .. }, _) => (self.http_method.take(), None),
        };
        let method = method.ok_or_else(|| wrong("it has no method"))?;
        let method = Method::from_bytes(method.0.as_bytes()).map_err(|_| wrong("its method is not one of HTTP"))?;
        let uri = self.uri(form, context.stage.as_ref().map(|stage| &*stage.0))?;
        let mut headers = self.headers()?;
        let body = match (self.body, self.is_base64_encoded) {
            (None, _) => Bytes::new(),
            (Some(body), Some(true)) => {
                BASE64_STANDARD.decode(body.0.as_bytes()).map_err(|_| wrong("its body is not base64"))?.into()
            }
            (Some(Text(Cow::Borrowed(body))), _) => event.slice_ref(body.as_bytes()),
            (Some(Text(Cow::Owned(body))), _) => body.into(),
        };
        of_this_body(&mut headers, body.len());
        let client = match form {
            Form::PayloadV1 | Form::PayloadV2 => source_ip.and_then(|ip| ip.0.parse().ok()),
            Form::Alb { .. } | Form::Lattice => client::last_forwarded(&headers),
        };
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if let Some(client) = client {
            request.extensions_mut().insert(client::ClientIp(client));
        }
        Ok((request, form))
    }

    fn form(&self, context: &RequestContext<'_>) -> Result<Form, Error> {
        if context.http.is_some() {
            Ok(Form::PayloadV2)
        } else if context.elb.is_some() {
            Ok(Form::Alb { multi_value: self.multi_value_headers.is_some() })
        } else if context.service_network_arn.is_some() || self.lattice_path.is_some() {
            Ok(Form::Lattice)
        } else if self.http_method.is_some() {
            Ok(Form::PayloadV1)
        } else {
            let what = "event: it is no HTTP request of API Gateway, a function URL, a load balancer or VPC Lattice";
            Err(Error::new("EventDecode", format_args!("{what} (hint: route only sources of HTTP to a name under `http`)")))
        }
    }

    fn uri(&self, form: Form, stage: Option<&str>) -> Result<Uri, Error> {
        let given = match form {
            Form::PayloadV2 => &self.raw_path,
            Form::Lattice if self.lattice_path.is_some() => &self.lattice_path,
            _ => &self.path,
        };
        let given = given.as_ref().map(|path| &*path.0).filter(|path| !path.is_empty()).unwrap_or("/");
        // Lattice leaves the query on its path; the stage stands before the path of HTTP APIs, of either payload.
        let (given, query) = match given.split_once('?') {
            Some((path, query)) if form == Form::Lattice => (path, Some(query)),
            _ => (given, None),
        };
        let of_http_api = match form {
            Form::PayloadV1 => self.version.as_ref().is_some_and(|version| version.0 == "1.0"),
            form => form == Form::PayloadV2,
        };
        let given = if of_http_api { text::without_stage(given, stage) } else { given };
        let mut uri = text::path(given);
        let query = match (query, form) {
            (Some(query), _) => text::query(query),
            (None, Form::PayloadV2) => text::query(self.raw_query_string.as_ref().map_or("", |query| &query.0)),
            // API Gateway has decoded them, the others have not.
            (None, Form::PayloadV1) => self.query(text::parameter),
            (None, Form::Alb { .. } | Form::Lattice) => self.query(text::query),
        };
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(&query);
        }
        if !uri.starts_with('/') {
            return Err(wrong("its path does not begin with `/`"));
        }
        Uri::try_from(uri).map_err(|error| wrong(&format!("its path and query: {error}")))
    }

    fn query(&self, encode: fn(&str) -> String) -> String {
        let multi = self.multi_value_query_string_parameters.as_ref().filter(|multi| !multi.0.is_empty());
        let pairs = multi.or(self.query_string_parameters.as_ref()).map(|pairs| pairs.0.as_slice()).unwrap_or_default();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.join("&")
    }

    fn headers(&mut self) -> Result<HeaderMap, Error> {
        let multi = self.multi_value_headers.take().unwrap_or_default().0;
        let single = self.headers.take().unwrap_or_default().0;
        let mut headers = HeaderMap::with_capacity(multi.len().max(single.len()) + 1);
        for (name, value) in &multi {
            headers.append(header_name(name)?, header_value(name, value)?);
        }
        // The same as one value each, where there are both.
        let mut alone = HeaderMap::with_capacity(if multi.is_empty() { 0 } else { single.len() });
        for (name, value) in &single {
            let header = header_name(name)?;
            match multi.is_empty() {
                true => _ = headers.append(header, header_value(name, value)?),
                false if !headers.contains_key(&header) => _ = alone.append(header, header_value(name, value)?),
                false => {}
            }
        }
        headers.extend(alone);
        let cookies = self.cookies.take().unwrap_or_default();
        if !cookies.is_empty() {
            let cookies: Vec<_> = cookies.iter().map(|cookie| &*cookie.0).collect();
            headers.insert(header::COOKIE, header_value("cookie", &cookies.join("; "))?);
        }
        Ok(headers)
    }
}

/// What the headers say of the body's length and framing is true of the body that the application gets, whatever was sent: an
/// application that believed otherwise would wait for bytes that never come.
fn of_this_body(headers: &mut HeaderMap, length: usize) {
    headers.remove(header::TRANSFER_ENCODING);
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a header's name is not one of HTTP"))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong(&format!("the value of header `{name}` is not one of HTTP")))
}

/// An event that is no proper request. Says nothing of its values.
fn wrong(what: &str) -> Error {
    Error::new("EventDecode", format_args!("event: {what}"))
}

/// An object whose values are strings, arrays of strings, or null, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs<'e>(pub(super) Vec<(Cow<'e, str>, Cow<'e, str>)>);

impl<'de: 'e, 'e> Deserialize<'de> for Pairs<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings or arrays of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some(Text(name)) = map.next_key()? {
                    map.next_value_seed(Values { name, pairs: &mut pairs })?;
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Object).map(Pairs)
    }
}

/// What stands under one name.
struct Values<'p, 'e> {
    name: Cow<'e, str>,
    pairs: &'p mut Vec<(Cow<'e, str>, Cow<'e, str>)>,
}

impl<'de> DeserializeSeed<'de> for Values<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<(), E> {
        self.pairs.push((self.name, Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.pairs.push((self.name, Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<Option<Text<'de>>>()? {
            let Text(value) = value.ok_or_else(|| A::Error::custom("invalid type: null, expected a string"))?;
            self.pairs.push((self.name.clone(), value));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
