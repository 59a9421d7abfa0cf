//! Any other request: an event as an HTTP API sends it (payload 2.0), and the reply mapped back
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

mod event;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use super::access::Access;
use super::body::{Content, Reply};
use super::site::{self, EVENT_LIMIT, Site};
use crate::local::{Answer, Event, Kind, Piece};
use crate::respond::shape::HttpReply;

/// What a streamed reply with a prelude is announced as.
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

/// What lies between a streamed reply's prelude and its body.
const DELIMITER: &[u8] = &[0; 8];

/// The most bytes of a prelude.
const LONGEST_PRELUDE: usize = 1 << 20;

/// Answers one request.
pub(super) async fn serve(site: &Site, address: SocketAddr, peer: SocketAddr, request: Request<Incoming>) -> Reply {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let mut told = None;
    let reply = match site::read(body, EVENT_LIMIT).await {
        Err(Some(_)) => whole(HttpReply::message(413, "Request Too Long", None)),
        Err(None) => whole(HttpReply::message(400, "Bad Request", None)),
        Ok(body) => {
            let event = event::of(&head, &body, &site.lambda.options().function_name, address, peer);
            if event.len() > EVENT_LIMIT {
                whole(HttpReply::message(413, "Request Too Long", None))
            } else {
                let (reply, answer) = ask(site, event.into()).await;
                told = answer;
                reply
            }
        }
    };
    let status = reply.status().as_u16();
    let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
    let printer = site.printer;
    let line = move |answer: Option<&Answer>, error| {
        printer.access(&Access {
            method: &method,
            path: &path,
            status,
            request_id: answer.map(|answer| answer.request_id.as_str()),
            kind: "Http",
            error,
            took: begun.elapsed(),
        });
    };
    match told {
        None => line(None, None),
        Some(Told::Ended(answer, error)) => line(Some(&answer), error),
        // A line for each invocation when it is over.
        Some(Told::Streams(end)) => drop(tokio::spawn(async move {
            let answer = end.await.ok();
            let error = answer.as_ref().and_then(site::error);
            line(answer.as_ref(), error);
        })),
    }
    reply
}

/// What is known of an invocation when its reply begins.
enum Told {
    Ended(Box<Answer>, Option<(String, String)>),
    Streams(oneshot::Receiver<Answer>),
}

async fn ask(site: &Site, event: Event) -> (Reply, Option<Told>) {
    let (live, mut pieces) = mpsc::unbounded_channel();
    let (_, mut answered) = site.send(event, Some(live), false);
    let begin = tokio::select! {
        biased;
        Some(Piece::Begin { content_type }) = pieces.recv() => content_type,
        answer = &mut answered => return match answer {
            Ok((answer, _)) => buffered(answer),
            Err(_) => (whole(HttpReply::message(503, "Service Unavailable", None)), None),
        },
    };
    let (reply, rest) = if begin.as_deref() == Some(WITH_PRELUDE) {
        match prelude(&mut pieces).await {
            Some((prelude, rest)) => match HttpReply::of_prelude(&prelude) {
                Ok(reply) => (reply, rest),
                Err(failure) => return malformed(answered, (failure.error_type.to_string(), failure.message.to_string())).await,
            },
            None => {
                return malformed(
                    answered,
                    ("Runtime.InvalidPrelude".to_owned(), "the streamed reply has no prelude".to_owned()),
                )
                .await;
            }
        }
    } else {
        let headers = begin.map(|content_type| ("content-type".to_owned(), vec![content_type]));
        (HttpReply { status: 200, headers: headers.into_iter().collect(), cookies: Vec::new(), body: Bytes::new() }, Bytes::new())
    };
    let (sink, stream) = mpsc::unbounded_channel();
    let (tell, end) = oneshot::channel();
    tokio::spawn(async move {
        // Fails only where the client has gone: the invocation goes on, as it does under Lambda.
        if !rest.is_empty() {
            drop(sink.send(Ok(rest)));
        }
        while let Some(piece) = pieces.recv().await {
            if let Piece::Data(bytes) = piece {
                drop(sink.send(Ok(bytes)));
            }
        }
        match answered.await {
            Ok((answer, _)) => {
                if site::error(&answer).is_some() {
                    drop(sink.send(Err(std::io::Error::other("the streamed reply broke off"))));
                }
                drop(tell.send(answer));
            }
            Err(_) => drop(sink.send(Err(std::io::Error::other("the local Lambda ended")))),
        }
    });
    (reply_of(&reply, Content::Live(stream)), Some(Told::Streams(end)))
}

/// Reads up to the end of the prelude.
async fn prelude(pieces: &mut mpsc::UnboundedReceiver<Piece>) -> Option<(Bytes, Bytes)> {
    let mut read = BytesMut::new();
    while let Some(piece) = pieces.recv().await {
        let Piece::Data(bytes) = piece else { continue };
        let from = read.len().saturating_sub(DELIMITER.len());
        read.extend_from_slice(&bytes);
        let found = read.get(from..)?.windows(DELIMITER.len()).position(|window| window == DELIMITER);
        if let Some(at) = found {
            let mut rest = read.split_off(from + at);
            let _delimiter = rest.split_to(DELIMITER.len());
            return Some((read.freeze(), rest.freeze()));
        }
        if read.len() > LONGEST_PRELUDE {
            return None;
        }
    }
    None
}

/// A whole reply, or a failure.
fn buffered(answer: Answer) -> (Reply, Option<Told>) {
    let mut error = site::error(&answer);
    let reply = match &answer.kind {
        Kind::Response(response) => HttpReply::of_reply(&response.body).map_err(|failure| {
            error = Some((failure.error_type.to_string(), failure.message.to_string()));
        }),
        _ => Err(()),
    };
    let reply = reply.map_or_else(|()| whole(failed()), whole);
    (reply, Some(Told::Ended(Box::new(answer), error)))
}

/// What a failed invocation is to an HTTP client: nothing internal is told to a stranger.
fn failed() -> HttpReply {
    HttpReply::message(502, "Internal Server Error", None)
}

async fn malformed(answered: oneshot::Receiver<(Answer, Option<u64>)>, error: (String, String)) -> (Reply, Option<Told>) {
    let told = answered.await.ok().map(|(answer, _)| {
        let own = site::error(&answer);
        Told::Ended(Box::new(answer), own.or(Some(error)))
    });
    (whole(failed()), told)
}

fn whole(reply: HttpReply) -> Reply {
    let body = Content::whole(reply.body.clone());
    reply_of(&reply, body)
}

/// A reply as HTTP. Headers that are the connection's own are not the function's to set, and one that is none is left out.
fn reply_of(reply: &HttpReply, body: Content) -> Reply {
    let mut response = Reply::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let cookies = reply.cookies.iter().map(|cookie| ("set-cookie", cookie));
    let headers = reply.headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value)));
    for (name, value) in headers.chain(cookies) {
        if matches!(name, "connection" | "content-length" | "transfer-encoding" | "keep-alive" | "upgrade" | "trailer" | "te") {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
