//! An outcome to an answer of the Runtime API, in the shape that the event's source expects. Nothing is lost, nobody is let in, and
//! nothing internal is told to a stranger.

use bytes::Bytes;
use std::time::Instant;

pub mod shape;
pub mod stack;
pub mod stream_body;

use crate::Code;
use crate::invoke::future::TaskStream;
use crate::invoke::{Failure, Outcome};
use crate::manifest::wire::{OnFailure, Reply};
use crate::route::{Phase, Source, is_json};
use crate::runtime_api::{REPLY_LIMIT, error_body};
use shape::{HttpReply, Shape};

/// What goes to the Runtime API.
#[derive(Debug)]
pub enum Answer {
    /// `/response`, in one piece.
    Whole(Bytes),
    /// `/response`, in pieces.
    Stream {
        /// JSON that goes first.
        prelude: Bytes,
        /// A body that is there already.
        whole: Option<Bytes>,
        /// A body still to come.
        body: Option<TaskStream>,
    },
    /// `/error`.
    Error {
        /// The header.
        header: String,
        /// The body.
        body: Bytes,
    },
}

/// What of the event and its route decides the form of the answer.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Event source.
    pub source: Source,
    /// The HTTP reply object that the source reads, where it is one of those.
    pub shape: Option<Shape>,
    /// Buffered or streamed.
    pub reply: Reply,
    /// What a failure becomes.
    pub on_failure: OnFailure,
}

/// The answer to a handler's outcome. `until` bounds the collection of a streamed reply.
///
/// # Errors
/// The failure, where there is no reply or none that the source can be given.
pub async fn answer(outcome: Outcome, form: Form, until: Option<Instant>) -> Result<Answer, Failure> {
    match outcome {
        Outcome::Failure(failure) => Err(failure),
        Outcome::Reply(reply) if form.reply == Reply::Stream => {
            let reply = HttpReply::of_reply(&reply)?;
            Ok(Answer::Stream { prelude: reply.prelude(), whole: Some(reply.body), body: None })
        }
        Outcome::Reply(reply) => Ok(Answer::Whole(reply)),
        Outcome::Stream { prelude, body } if form.reply == Reply::Stream => {
            let prelude = HttpReply::of_prelude(&prelude)?.prelude();
            Ok(Answer::Stream { prelude, whole: None, body: Some(body) })
        }
        Outcome::Stream { prelude, body } => collected(&prelude, body, form, until).await,
    }
}

/// A streamed reply under a buffered route: collected, up to what Lambda takes.
async fn collected(prelude: &[u8], mut body: TaskStream, form: Form, until: Option<Instant>) -> Result<Answer, Failure> {
    let collect = async {
        // One piece, however large, is not copied.
        let (mut first, mut all) = (Bytes::new(), Vec::new());
        while let Some(piece) = std::future::poll_fn(|cx| body.poll_next(cx)).await {
            let piece = Bytes::from_owner(piece?);
            if first.len().max(all.len()) + piece.len() > REPLY_LIMIT {
                let what = format!("the streamed reply has more than {REPLY_LIMIT} bytes, and the route collects it");
                return Err(Failure::new(Code::ReplyTooLarge, what));
            }
            if first.is_empty() {
                first = piece;
                continue;
            }
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&piece);
        }
        Ok(if all.is_empty() { first } else { all.into() })
    };
    let whole = match until {
        None => collect.await?,
        Some(until) => tokio::time::timeout_at(until.into(), collect)
            .await
            .map_err(|_| Failure::new(Code::DeadlineExceeded, "the reply's stream did not end before the deadline"))??,
    };
    let reply = match form.shape {
        Some(shape) => HttpReply { body: whole, ..HttpReply::of_prelude(prelude)? }.object(shape),
        None if is_json(&whole) => whole,
        None => return Err(Failure::new(Code::ReplyNotJson, "the handler's streamed reply is not JSON")),
    };
    if reply.len() > REPLY_LIMIT {
        let what = format!("the reply has {} bytes, Lambda takes {REPLY_LIMIT}", reply.len());
        return Err(Failure::new(Code::ReplyTooLarge, what));
    }
    Ok(Answer::Whole(reply))
}

/// The answer to an event that no route takes.
#[must_use]
pub fn unrouted(form: Form, failure: &Failure, request_id: &str) -> Answer {
    match form.shape {
        // Who may connect is decided here: nobody, where no route says so.
        Some(shape @ Shape::Websocket(Phase::Connect)) => http(HttpReply::message(403, "Forbidden", None), shape, form.reply),
        // The client has gone, and the service reads no more than the status.
        Some(shape @ Shape::Websocket(Phase::Disconnect)) => http(HttpReply::message(200, "OK", None), shape, form.reply),
        Some(shape) => http(HttpReply::message(404, "Not Found", None), shape, form.reply),
        None => error(form.source, failure, request_id),
    }
}

/// The answer to a failure.
#[must_use]
pub fn failed(form: Form, failure: &Failure, request_id: &str) -> Answer {
    match (form.shape, form.on_failure) {
        (Some(shape), OnFailure::Respond) => {
            http(HttpReply::message(500, "Internal Server Error", Some(request_id)), shape, form.reply)
        }
        _ => error(form.source, failure, request_id),
    }
}

fn http(reply: HttpReply, shape: Shape, mode: Reply) -> Answer {
    match mode {
        Reply::Buffered => Answer::Whole(reply.object(shape)),
        Reply::Stream => Answer::Stream { prelude: reply.prelude(), whole: Some(reply.body), body: None },
    }
}

/// An invocation error. Where the source shows its text to an end user, the loader's own say no more than their code.
fn error(source: Source, failure: &Failure, request_id: &str) -> Answer {
    let body = if failure.code != Code::HandlerFailed && shown_to_end_user(source) {
        error_body(&failure.error_type, &format!("{} ({request_id})", failure.code.name()))
    } else {
        error_body(&failure.error_type, &failure.message)
    };
    Answer::Error { header: failure.header(), body }
}

/// Whether whoever uses the application reads the error's text.
const fn shown_to_end_user(source: Source) -> bool {
    use Source::{Alexa, AlexaSmartHome, Appsync, AppsyncAuthorizer, AppsyncEvents, BedrockAgent, Cognito, Connect, Lex};
    matches!(
        source,
        Cognito | Appsync | AppsyncEvents | AppsyncAuthorizer | Lex | Alexa | AlexaSmartHome | Connect | BedrockAgent
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn form(source: Source, shape: Option<Shape>) -> Form {
        Form { source, shape, reply: Reply::Buffered, on_failure: OnFailure::Error }
    }

    fn json_of(answer: &Answer) -> Value {
        match answer {
            Answer::Whole(body) | Answer::Error { body, .. } => serde_json::from_slice(body).unwrap(),
            Answer::Stream { prelude, .. } => serde_json::from_slice(prelude).unwrap(),
        }
    }

    #[test]
    fn an_unrouted_request_is_a_404_and_anything_else_an_error() {
        let failure = Failure::new(Code::NoRoute, "no route takes it");
        let answer = unrouted(form(Source::FunctionUrl, Some(Shape::PayloadV2)), &failure, "r-1");
        assert!(matches!(answer, Answer::Whole(_)));
        assert_eq!(json_of(&answer)["statusCode"], 404);
        for source in [Source::Sqs, Source::Sns, Source::Direct, Source::Operation, Source::Schedule, Source::Authorizer] {
            match unrouted(form(source, None), &failure, "r-1") {
                Answer::Error { header, body } => {
                    assert_eq!(header, "Runtime.LoaderNoRoute");
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(body, json!({"errorType": "Runtime.LoaderNoRoute", "errorMessage": "no route takes it"}));
                }
                other => panic!("{source}: {other:?}"),
            }
        }
    }

    #[test]
    fn under_stream_a_404_has_the_streaming_prelude_too() {
        let form = Form { reply: Reply::Stream, ..form(Source::FunctionUrl, Some(Shape::PayloadV2)) };
        match unrouted(form, &Failure::new(Code::NoRoute, ""), "r-1") {
            Answer::Stream { prelude, whole, body } => {
                assert_eq!(serde_json::from_slice::<Value>(&prelude).unwrap()["statusCode"], 404);
                assert_eq!(whole.unwrap(), r#"{"message":"Not Found"}"#);
                assert!(body.is_none());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_tells_a_stranger_nothing() {
        let failure = Failure::new(Code::HandlerPanicked, "panicked at src/secret.rs:1: password");
        let respond = Form { on_failure: OnFailure::Respond, ..form(Source::Alb, Some(Shape::Alb { multi_value: false })) };
        let answer = json_of(&failed(respond, &failure, "r-1"));
        assert_eq!(answer["statusCode"], 500);
        assert_eq!(answer["body"], r#"{"message":"Internal Server Error","requestId":"r-1"}"#);
        let answer = json_of(&failed(form(Source::Cognito, None), &failure, "r-1"));
        assert_eq!(answer["errorMessage"], "handler-panicked (r-1)");
        // A handler's own error is meant to be read.
        let own = Failure { code: Code::HandlerFailed, error_type: "Taken".into(), message: "that name is taken".into() };
        assert_eq!(json_of(&failed(form(Source::Cognito, None), &own, "r-1"))["errorMessage"], "that name is taken");
        assert_eq!(json_of(&failed(form(Source::Sqs, None), &failure, "r-1"))["errorMessage"], failure.message);
    }
}
