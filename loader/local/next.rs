//! `GET …/invocation/next`: the long poll.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::Full;

use super::raw::{self, Cut};
use super::reply::{self, Reply};
use super::server::Wire;
use super::state::{Delivery, Poll, Shared};
use super::{Deadline, Event, How, Options, random};

/// Answers a poll as soon as there is an event.
pub(super) async fn next(shared: &Arc<Shared>, wire: &Wire) -> Option<Reply> {
    let mut again = false;
    loop {
        let delivery = match shared.poll(again) {
            Poll::Event(delivery) => delivery,
            Poll::Parked(event) => match event.await {
                Ok(delivery) => delivery,
                // The server is being stopped.
                Err(_) => return None,
            },
            Poll::TooMany => return Some(reply::forbidden("the runtime has to answer the invocation that it has first")),
            Poll::Fault(How::Delay(time)) => {
                tokio::time::sleep(time).await;
                again = true;
                continue;
            }
            Poll::Fault(how) => return misbehave(&how, wire, &HeaderMap::new(), &Bytes::new()),
        };
        let mut headers = headers(&shared.options, &delivery);
        match &delivery.fault {
            Some(How::Omit(name)) => {
                headers.remove(*name);
            }
            Some(how) => return misbehave(how, wire, &headers, &delivery.event.body),
            None => {}
        }
        let mut reply = Response::new(Full::new(delivery.event.body));
        *reply.headers_mut() = headers;
        return Some(reply);
    }
}

/// Does what a fault says. `None`: the connection is closed after what has been sent.
pub(super) fn misbehave(how: &How, wire: &Wire, headers: &HeaderMap, body: &Bytes) -> Option<Reply> {
    let bytes = match how {
        How::Status(status) => return Some(reply::scripted(*status)),
        How::Garbage => raw::GARBAGE.to_vec(),
        How::CloseInHeaders => raw::part(Cut::Headers, 200, headers, body),
        How::CloseInBody => raw::part(Cut::Body, 200, headers, body),
        How::Close | How::Omit(_) | How::Delay(_) => Vec::new(),
    };
    wire.write_and_close(bytes);
    None
}

/// The headers of an event. One that no HTTP header can hold is left out.
fn headers(options: &Options, delivery: &Delivery) -> HeaderMap {
    let Event { client_context, cognito_identity, tenant_id, trace_id, invocation_id, .. } = &delivery.event;
    let timeout = delivery.event.timeout.unwrap_or(options.timeout);
    let since = match delivery.event.deadline.unwrap_or(options.deadline) {
        Deadline::Real => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        Deadline::Epoch => Duration::ZERO,
    };
    let deadline = since.saturating_add(timeout).as_millis().to_string();
    let mut headers = HeaderMap::with_capacity(9);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("lambda-runtime-aws-request-id", &delivery.request_id);
    set("lambda-runtime-deadline-ms", &deadline);
    set("lambda-runtime-invoked-function-arn", &options.function_arn());
    match trace_id {
        Some(trace_id) => set("lambda-runtime-trace-id", trace_id),
        None => set("lambda-runtime-trace-id", &random::trace_id()),
    }
    for (name, value) in [
        ("lambda-runtime-client-context", client_context),
        ("lambda-runtime-cognito-identity", cognito_identity),
        ("lambda-runtime-aws-tenant-id", tenant_id),
        ("lambda-runtime-invocation-id", invocation_id),
    ] {
        if let Some(value) = value {
            set(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(event: Event) -> HeaderMap {
        headers(&Options::default(), &Delivery { request_id: "id-1".into(), event, fault: None })
    }

    #[test]
    fn an_event_carries_the_headers_that_the_service_sends() {
        let plain = sent(Event::new("{}"));
        let value = |name: &str| plain.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(value("lambda-runtime-aws-request-id"), Some("id-1"));
        assert_eq!(value("lambda-runtime-invoked-function-arn"), Some("arn:aws:lambda:us-east-1:123456789012:function:local"));
        assert!(value("lambda-runtime-trace-id").unwrap().starts_with("Root=1-"));
        for absent in ["client-context", "cognito-identity", "aws-tenant-id", "invocation-id"] {
            assert_eq!(value(&format!("lambda-runtime-{absent}")), None, "{absent}");
        }
        let full = sent(Event {
            client_context: Some(r#"{"custom":{"é":"1"}}"#.into()),
            tenant_id: Some("t-1".into()),
            trace_id: Some("Root=1".into()),
            invocation_id: Some("a\nb".into()),
            ..Event::new("{}")
        });
        assert_eq!(full["lambda-runtime-client-context"].as_bytes(), r#"{"custom":{"é":"1"}}"#.as_bytes());
        assert_eq!(full["lambda-runtime-aws-tenant-id"], "t-1");
        assert_eq!(full["lambda-runtime-trace-id"], "Root=1");
        assert!(!full.contains_key("lambda-runtime-invocation-id"), "a line feed cannot be a header");
    }

    #[test]
    fn the_deadline_is_in_the_future_or_in_1970() {
        let deadline = |deadline| {
            let event = Event { timeout: Some(Duration::from_secs(3)), deadline, ..Event::default() };
            sent(event)["lambda-runtime-deadline-ms"].to_str().unwrap().parse::<u128>().unwrap()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert!(deadline(None) >= now + 3000);
        assert_eq!(deadline(Some(Deadline::Epoch)), 3000);
    }
}
