//! HTTP events, of whatever source, to requests.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

use super::Body;
use super::reply::Form;
use super::text;
use crate::Error;

/// All that is read of an HTTP event, whatever its source. `null` is the same as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Incoming {
    version: Option<String>,
    http_method: Option<String>,
    method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    #[serde(rename = "raw_path")]
    lattice_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<Pairs>,
    multi_value_headers: Option<Pairs>,
    #[serde(alias = "query_string_parameters")]
    query_string_parameters: Option<Pairs>,
    multi_value_query_string_parameters: Option<Pairs>,
    body: Option<String>,
    #[serde(alias = "is_base64_encoded")]
    is_base64_encoded: Option<bool>,
    request_context: Option<RequestContext>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    http: Option<Http>,
    elb: Option<IgnoredAny>,
    service_network_arn: Option<IgnoredAny>,
    stage: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    method: Option<String>,
}

impl Incoming {
    /// The request, and the form that its reply is to have.
    pub(super) fn into_request(mut self) -> Result<(Request<Body>, Form), Error> {
        let context = self.request_context.take().unwrap_or_default();
        let form = self.form(&context)?;
        let method = match (&form, context.http) {
            (Form::PayloadV2, http) => http.and_then(|http| http.method),
            (Form::Lattice, _) => self.method.take(),
            _ => self.http_method.take(),
        };
        let method = method.ok_or_else(|| wrong("it has no method"))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("its method is not one of HTTP"))?;
        let uri = self.uri(form, context.stage.as_deref())?;
        let headers = self.headers()?;
        let body = match (self.body, self.is_base64_encoded) {
            (None, _) => Bytes::new(),
            (Some(body), Some(true)) => BASE64_STANDARD.decode(body).map_err(|_| wrong("its body is not base64"))?.into(),
            (Some(body), _) => body.into(),
        };
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, form))
    }

    fn form(&self, context: &RequestContext) -> Result<Form, Error> {
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
        let given = given.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        // Lattice leaves the query on its path; the stage stands before the path of HTTP APIs, of either payload.
        let (given, query) = match given.split_once('?') {
            Some((path, query)) if form == Form::Lattice => (path, Some(query)),
            _ => (given, None),
        };
        let of_http_api = form == Form::PayloadV2 || (form == Form::PayloadV1 && self.version.as_deref() == Some("1.0"));
        let given = if of_http_api { text::without_stage(given, stage) } else { given };
        let mut uri = text::path(given);
        let query = match (query, form) {
            (Some(query), _) => text::query(query),
            (None, Form::PayloadV2) => text::query(self.raw_query_string.as_deref().unwrap_or_default()),
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
        let mut headers = HeaderMap::new();
        for (name, value) in self.multi_value_headers.take().unwrap_or_default().0 {
            headers.append(header_name(&name)?, header_value(&name, &value)?);
        }
        let multi = headers.clone();
        for (name, value) in self.headers.take().unwrap_or_default().0 {
            let header = header_name(&name)?;
            if !multi.contains_key(&header) {
                headers.append(header, header_value(&name, &value)?);
            }
        }
        let cookies = self.cookies.take().unwrap_or_default();
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, header_value("cookie", &cookies.join("; "))?);
        }
        Ok(headers)
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
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Values {
            One(String),
            Many(Vec<String>),
            None(()),
        }

        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings or arrays of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or_default());
                while let Some(name) = map.next_key::<String>()? {
                    match map.next_value()? {
                        Values::One(value) => pairs.push((name, value)),
                        Values::Many(values) => pairs.extend(values.into_iter().map(|value| (name.clone(), value))),
                        Values::None(()) => {}
                    }
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests;
