//! One request of the Runtime API.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use hyper::body::Incoming;

use super::access::{self, Access, Endpoint};
use super::answer::{Kind, Response};
use super::body::{self, Read};
use super::next::{misbehave, next};
use super::reply::{self, Reply};
use super::server::Wire;
use super::state::{InitError, Live, Shared};
use super::{How, Piece, REPLY_LIMIT, STREAM_LIMIT};

/// Answers one request. `None`: the connection is to be closed without (another) answer.
pub(super) async fn serve(shared: &Arc<Shared>, wire: &Wire, request: Request<Incoming>) -> Option<Reply> {
    let (head, body) = request.into_parts();
    let target = access::target(head.uri.path());
    let endpoint = target.endpoint;
    let reply = if endpoint == Endpoint::Other {
        body::drain(body).await;
        Some(reply::error(StatusCode::NOT_FOUND, "NotFound", "no such path"))
    } else if head.method != target.method {
        body::drain(body).await;
        Some(reply::error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "the path does not take this method"))
    } else {
        match (endpoint, target.request_id) {
            (Endpoint::Next, _) => next(shared, wire).await,
            (Endpoint::InitError, _) => init_error(shared, wire, &head.headers, body).await,
            (_, id) => answer(shared, wire, endpoint, id.unwrap_or_default(), &head.headers, body).await,
        }
    };
    shared.record(Access {
        at: Instant::now(),
        endpoint,
        request_id: target.request_id.map(str::to_owned),
        status: reply.as_ref().map(|reply| reply.status().as_u16()),
    });
    reply
}

async fn init_error(shared: &Shared, wire: &Wire, headers: &HeaderMap, body: Incoming) -> Option<Reply> {
    let body = match body::whole(body).await {
        Ok(Read::Whole(body)) => body,
        Ok(Read::TooLarge(_)) => return Some(reply::too_large()),
        Err(_) => return None,
    };
    if let Some(broken) = fault(shared, wire, Endpoint::InitError).await {
        return broken.reply;
    }
    shared.init_failed(InitError { error_type: text(headers, "lambda-runtime-function-error-type"), body });
    Some(reply::accepted())
}

/// `response` and `error`: what becomes of an invocation.
async fn answer(
    shared: &Arc<Shared>,
    wire: &Wire,
    endpoint: Endpoint,
    request_id: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Option<Reply> {
    let Some(mut answering) = shared.begin(request_id) else {
        body::drain(body).await;
        return Some(reply::unknown_id());
    };
    if !answering.echo(text(headers, "lambda-runtime-invocation-id").as_deref()) {
        body::drain(body).await;
        answering.reopen(false);
        return Some(reply::error(StatusCode::GONE, "StaleInvocationID", "the answer is to an earlier invocation"));
    }
    let kind = if endpoint == Endpoint::Error {
        match body::whole(body).await {
            Ok(Read::Whole(body)) => Kind::Error { error_type: text(headers, "lambda-runtime-function-error-type"), body },
            Ok(Read::TooLarge(size)) => Kind::TooLarge { size },
            Err(_) => Kind::Truncated,
        }
    } else {
        match text(headers, "lambda-runtime-function-response-mode").as_deref() {
            None => match body::whole(body).await {
                Ok(Read::Whole(body)) => {
                    let content_type = text(headers, header::CONTENT_TYPE.as_str());
                    Kind::Response(Response { content_type, body, chunks: None, trailers: Vec::new() })
                }
                Ok(Read::TooLarge(size)) => Kind::TooLarge { size },
                Err(_) => Kind::Truncated,
            },
            Some("streaming") => streamed(headers, body, answering.invoked(), answering.live()).await,
            Some(_) => {
                body::drain(body).await;
                answering
                    .finish(Kind::Error { error_type: Some("Runtime.InvalidResponseModeHeader".to_owned()), body: Bytes::new() });
                return Some(reply::error(
                    StatusCode::BAD_REQUEST,
                    "InvalidFunctionResponseMode",
                    "Invalid function response mode",
                ));
            }
        }
    };
    if let Some(broken) = fault(shared, wire, endpoint).await {
        match broken.reply.as_ref().map(|reply| reply.status()) {
            Some(StatusCode::PAYLOAD_TOO_LARGE) => answering.finish(Kind::TooLarge { size: size(&kind) }),
            _ => answering.reopen(true),
        }
        return broken.reply;
    }
    let reply = match &kind {
        Kind::TooLarge { .. } => reply::too_large(),
        Kind::Truncated => reply::error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated"),
        _ => reply::accepted(),
    };
    answering.finish(kind);
    Some(reply)
}

async fn streamed(headers: &HeaderMap, body: Incoming, invoked: Instant, live: Option<Live>) -> Kind {
    if let Some(live) = &live {
        // Fails only where nobody reads it any more.
        drop(live.send(Piece::Begin { content_type: text(headers, header::CONTENT_TYPE.as_str()) }));
    }
    match body::streamed(body, invoked, live.as_ref()).await {
        Ok(streamed) if streamed.size > STREAM_LIMIT => Kind::TooLarge { size: streamed.size },
        Ok(mut streamed) => Kind::Response(Response {
            content_type: text(headers, header::CONTENT_TYPE.as_str()),
            body: streamed.join(),
            chunks: Some(streamed.chunks),
            trailers: streamed.trailers,
        }),
        Err(_) => Kind::Truncated,
    }
}

/// A scripted fault has taken the answer's place.
struct Broken {
    reply: Option<Reply>,
}

async fn fault(shared: &Shared, wire: &Wire, endpoint: Endpoint) -> Option<Broken> {
    match shared.fire(endpoint)? {
        How::Delay(time) => {
            tokio::time::sleep(time).await;
            None
        }
        How::Omit(_) => None,
        how => Some(Broken { reply: misbehave(&how, wire, &HeaderMap::new(), &Bytes::from_static(b"{\"status\":\"OK\"}")) }),
    }
}

fn size(kind: &Kind) -> usize {
    match kind {
        Kind::Response(Response { body, .. }) | Kind::Error { body, .. } => body.len(),
        Kind::TooLarge { size } => *size,
        Kind::Truncated | Kind::ProcessDied { .. } | Kind::InitFailed(_) | Kind::TimedOut { .. } => REPLY_LIMIT,
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
