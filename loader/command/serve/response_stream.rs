//! `InvokeWithResponseStream`: a reply as it is made, in an event stream
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>).

use std::io;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::access::Access;
use super::body::{Content, Reply};
use super::event_stream;
use super::invocations::{self, Type};
use super::site::{self, Site};
use crate::local::{Answer, Kind, Piece};

/// The most bytes of a buffered reply in one message.
const PART: usize = 1 << 20;

/// The function that a path names; `None`: the path is another.
pub(super) fn function(path: &str) -> Option<String> {
    let name = path.strip_prefix("/2021-11-15/functions/")?.strip_suffix("/response-streaming-invocations")?;
    Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
}

/// Answers one request.
pub(super) async fn serve(site: &Arc<Site>, function: &str, request: Request<Incoming>) -> Reply {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let taken = invocations::taken(site, function, &head, body, &[Type::RequestResponse, Type::DryRun]).await;
    let line = {
        let (printer, method, path) = (site.printer, head.method.to_string(), head.uri.path().to_owned());
        move |status: u16, request_id: Option<&str>, error: Option<(String, String)>| {
            let (kind, took) = ("ResponseStream", begun.elapsed());
            printer.access(&Access { method: &method, path: &path, status, request_id, kind, error, took });
        }
    };
    let event = match taken {
        Ok((Type::DryRun, _)) => {
            line(204, None, None);
            return invocations::empty(http::StatusCode::NO_CONTENT);
        }
        Ok((_, event)) => event,
        Err(refused) => {
            let reply = refused.reply();
            line(reply.status().as_u16(), None, Some(refused.told()));
            return reply;
        }
    };
    let tail = invocations::wants_tail(&head.headers);
    let (live, mut pieces) = mpsc::unbounded_channel();
    let (request_id, answered) = site.send(event, Some(live), tail);
    let (sink, stream) = mpsc::unbounded_channel();
    let site = Arc::clone(site);
    let version = site.lambda.options().function_version.clone();
    tokio::spawn(async move {
        // Sending fails only where the client has gone: the invocation goes on, as it does under Lambda.
        let chunk = |bytes: &[u8]| drop(sink.send(Ok(event_stream::event("PayloadChunk", "application/octet-stream", bytes))));
        while let Some(piece) = pieces.recv().await {
            if let Piece::Data(bytes) = piece {
                chunk(&bytes);
            }
        }
        let Ok((answer, peak)) = answered.await else {
            drop(sink.send(Err(io::Error::other("the local Lambda ended"))));
            return;
        };
        if let Some(response) = answer.response().filter(|response| response.chunks.is_none()) {
            response.body.chunks(PART).for_each(chunk);
        }
        let from = Site::delivered(&answer);
        let log = if tail { Some(invocations::log_tail(&site, &answer, peak, from).await) } else { None };
        drop(sink.send(Ok(event_stream::event("InvokeComplete", "application/json", complete(&answer, log).as_bytes()))));
        line(200, Some(&answer.request_id), site::error(&answer));
    });
    let mut reply = Reply::new(Content::Live(stream));
    let headers = reply.headers_mut();
    invocations::set(headers, "content-type", "application/vnd.amazon.eventstream");
    invocations::set(headers, "x-amz-executed-version", &version);
    invocations::set(headers, "x-amzn-requestid", &request_id);
    reply
}

/// What the last event says.
fn complete(answer: &Answer, log: Option<String>) -> String {
    let mut said = Map::new();
    let mut say = |key: &str, value: String| drop(said.insert(key.to_owned(), Value::String(value)));
    if let Some((error_type, message)) = site::error(answer) {
        say("ErrorCode", error_type);
        say("ErrorDetails", details(answer).map_or(message, |bytes| String::from_utf8_lossy(&bytes).into_owned()));
    }
    if let Some(log) = log {
        say("LogResult", log);
    }
    Value::Object(said).to_string()
}

/// The error as the function reported it: of a stream that broke off, behind it.
fn details(answer: &Answer) -> Option<Bytes> {
    match &answer.kind {
        Kind::Response(response) => {
            Some(BASE64_STANDARD.decode(response.trailer("lambda-runtime-function-error-body")?).ok()?.into())
        }
        _ => Some(answer.payload()),
    }
}
