//! The Invoke API, as AWS's own clients call it
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::access::Access;
use super::body::{Content, Reply};
use super::recent;
use super::report::Report;
use super::site::{self, ASYNCHRONOUS_LIMIT, EVENT_LIMIT, Site};
use crate::local::{Answer, Event};

/// Waits before the second and the third attempt of an event that nobody waits for. Lambda waits one and two minutes.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// The function that a path of the Lambda API names; `None`: the path is not one of it.
pub(super) fn function(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/2015-03-31/functions/")?;
    let name = rest.strip_suffix("/invocations").unwrap_or(rest);
    Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
}

/// What a caller is told instead of a reply.
pub(super) struct Refused {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Refused { status, name, message: message.into() }
    }

    /// For the access line.
    pub(super) fn told(self) -> (String, String) {
        (self.name.to_owned(), self.message)
    }

    pub(super) fn reply(&self) -> Reply {
        let body = json!({ "Type": "User", "Message": self.message, "message": self.message });
        let mut reply = Reply::new(Content::whole(body.to_string()));
        *reply.status_mut() = self.status;
        set(reply.headers_mut(), "content-type", "application/json");
        set(reply.headers_mut(), "x-amzn-errortype", self.name);
        reply
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    RequestResponse,
    Event,
    DryRun,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::RequestResponse => "RequestResponse",
            Type::Event => "Event",
            Type::DryRun => "DryRun",
        }
    }
}

/// Answers one request of the Lambda API.
pub(super) async fn serve(site: &Arc<Site>, function: &str, request: Request<Incoming>) -> Reply {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let (path, method) = (head.uri.path().to_owned(), head.method.clone());
    let mut kind = "Invoke";
    let mut done = None;
    let taken = taken(site, function, &head, body, &[Type::RequestResponse, Type::Event, Type::DryRun]).await;
    let (reply, error) = match taken {
        Err(refused) => (refused.reply(), Some(refused.told())),
        Ok((wanted, event)) => {
            kind = wanted.name();
            let reply = match wanted {
                Type::DryRun => empty(StatusCode::NO_CONTENT),
                Type::Event => {
                    drop(tokio::spawn(unattended(Arc::clone(site), event, path.clone())));
                    empty(StatusCode::ACCEPTED)
                }
                Type::RequestResponse => match site.ask(event, wants_tail(&head.headers)).await {
                    Some((answer, peak)) => {
                        let reply = answered(site, &head.headers, &answer, peak).await;
                        done = Some(answer);
                        reply
                    }
                    None => going_down().reply(),
                },
            };
            (reply, done.as_ref().and_then(site::error))
        }
    };
    site.printer.access(&Access {
        method: method.as_str(),
        path: &path,
        status: reply.status().as_u16(),
        request_id: done.as_ref().map(|answer| answer.request_id.as_str()),
        kind,
        error,
        took: begun.elapsed(),
    });
    reply
}

fn going_down() -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceException", "the local Lambda is shutting down")
}

/// The event of an invocation of this function, and its type, one of `types`.
pub(super) async fn taken(
    site: &Site,
    function: &str,
    head: &http::request::Parts,
    body: Incoming,
    types: &[Type],
) -> Result<(Type, Event), Refused> {
    match wanted(site, function, head, types) {
        Ok(wanted) => Ok((wanted, event(&head.headers, wanted, body).await?)),
        Err(refused) => {
            // A client that is still sending would not see the answer.
            let _unread = site::read(body, EVENT_LIMIT).await;
            Err(refused)
        }
    }
}

/// Whether the request is an invocation of this function, and of which type.
fn wanted(site: &Site, function: &str, head: &http::request::Parts, types: &[Type]) -> Result<Type, Refused> {
    if head.method != Method::POST || !head.uri.path().ends_with("invocations") {
        return Err(Refused::new(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "only Invoke is served here: POST /2015-03-31/functions/NAME/invocations, and InvokeWithResponseStream",
        ));
    }
    let options = site.lambda.options();
    let query = head.uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier="));
    let asked = asked.map(|qualifier| percent_decode_str(qualifier).decode_utf8_lossy().into_owned());
    let (name, qualifier) = taken_apart(function);
    let qualifier = qualifier.map(str::to_owned).or(asked);
    if name != options.function_name || qualifier.as_deref().is_some_and(|qualifier| qualifier != options.function_version) {
        let arn = options.function_arn();
        let arn = arn.strip_suffix(&options.function_name).unwrap_or(&arn);
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        return Err(Refused::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            format!("Function not found: {arn}{name}{qualifier} (hint: {} is served here)", options.function_name),
        ));
    }
    let Some(asked) = head.headers.get("x-amz-invocation-type") else { return Ok(Type::RequestResponse) };
    types.iter().copied().find(|known| asked == known.name()).ok_or_else(|| {
        let names: Vec<_> = types.iter().map(|known| known.name()).collect();
        let what = format!("{:?} is not one of {}", String::from_utf8_lossy(asked.as_bytes()), names.join(", "));
        Refused::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", what)
    })
}

/// Name and qualifier of `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME…`, `arn:aws:lambda:REGION:ACCOUNT:function:NAME…`.
fn taken_apart(function: &str) -> (&str, Option<&str>) {
    let rest = match function.split_once(":function:") {
        Some((_, rest)) => rest,
        None => function.strip_prefix("function:").unwrap_or(function),
    };
    match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    }
}

async fn event(headers: &HeaderMap, wanted: Type, body: Incoming) -> Result<Event, Refused> {
    let limit = if wanted == Type::Event { ASYNCHRONOUS_LIMIT } else { EVENT_LIMIT };
    let body = site::read(body, limit).await.map_err(|size| match size {
        Some(size) => {
            let kind = wanted.name();
            let what = format!("{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)");
            Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", what)
        }
        None => invalid("the request broke off"),
    })?;
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        return Err(invalid(format!("Could not parse request body into json: {error}")));
    }
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let client_context = text("x-amz-client-context").map(|encoded| {
        let decoded = BASE64_STANDARD.decode(encoded).ok();
        // Written anew: no header holds a line feed.
        let object = decoded.and_then(|bytes| serde_json::from_slice::<serde_json::Map<_, _>>(&bytes).ok());
        object.map(|object| serde_json::Value::Object(object).to_string())
    });
    let client_context = match client_context {
        Some(None) => return Err(invalid("Client context must be a valid Base64-encoded JSON object.")),
        Some(context) => context,
        None => None,
    };
    Ok(Event { client_context, tenant_id: text("x-amz-tenant-id"), trace_id: text("x-amzn-trace-id"), ..Event::new(body) })
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message)
}

pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Content::whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// The answer to whoever waited for it.
async fn answered(site: &Site, asked: &HeaderMap, answer: &Answer, peak: Option<u64>) -> Reply {
    let mut reply = Reply::new(Content::whole(answer.payload()));
    let from = Site::delivered(answer);
    let headers = reply.headers_mut();
    set(headers, "content-type", "application/json");
    set(headers, "x-amz-executed-version", &site.lambda.options().function_version);
    set(headers, "x-amzn-requestid", &answer.request_id);
    if site::error(answer).is_some() {
        set(headers, "x-amz-function-error", "Unhandled");
    }
    if wants_tail(asked) {
        set(headers, "x-amz-log-result", &log_tail(site, answer, peak, from).await);
    }
    reply
}

/// Whether the caller wants the end of the log.
pub(super) fn wants_tail(asked: &HeaderMap) -> bool {
    asked.get("x-amz-log-type").is_some_and(|value| value == "Tail")
}

/// The end of an invocation's log, as Base64. `from`: when it began.
pub(super) async fn log_tail(site: &Site, answer: &Answer, peak: Option<u64>, from: Instant) -> String {
    site.recent.settle().await;
    let options = site.lambda.options();
    let lines = site.recent.lines(from, &answer.request_id, options.concurrency == 1);
    let text = Report { answer, options, peak }.log(&lines, site.json_log);
    BASE64_STANDARD.encode(recent::tail(&text))
}

/// An event that nobody waits for: a second and a third attempt where the first fails, as Lambda makes them.
async fn unattended(site: Arc<Site>, event: Event, path: String) {
    let mut again = AGAIN.into_iter();
    loop {
        let begun = Instant::now();
        let Some((answer, _)) = site.ask(event.clone(), false).await else { return };
        let error = site::error(&answer);
        let failed = error.is_some();
        site.printer.access(&Access {
            method: "-",
            path: &path,
            status: 200,
            request_id: Some(&answer.request_id),
            kind: "Event",
            error,
            took: begun.elapsed(),
        });
        match again.next() {
            Some(wait) if failed => {
                let wait_s = wait.as_secs();
                site.printer.note(&format!("an event failed: another attempt in {wait_s} s, where Lambda waits {wait_s} min"));
                tokio::time::sleep(wait).await;
            }
            _ => {
                if failed {
                    site.printer
                        .note("an event failed three times: Lambda would give it to its dead-letter queue or destination now");
                }
                return;
            }
        }
    }
}

/// Sets a header; one whose value no header can hold is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(header::HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_known_by_its_name_and_its_arns() {
        let check = |path: &str, expected: Option<(&str, Option<&str>)>| {
            let found = function(path);
            assert_eq!(found.as_deref().map(taken_apart), expected, "{path}");
        };
        check("/2015-03-31/functions/f/invocations", Some(("f", None)));
        check("/2015-03-31/functions/f%3A1/invocations", Some(("f", Some("1"))));
        check("/2015-03-31/functions/1234:function:f/invocations", Some(("f", None)));
        check(
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af%3A%24LATEST/invocations",
            Some(("f", Some("$LATEST"))),
        );
        check("/2015-03-31/functions/f", Some(("f", None)));
        check("/2015-03-31/other", None);
        check("/", None);
    }
}
