//! One event through the service: classified, routed, invoked, answered; and `on_error` told where that failed.

use bytes::Bytes;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Instant;

mod each;

use crate::invocation::{Delivery, Invocation, Labelling};
use crate::invoke::future::Wakers;
use crate::invoke::watchdog::Watched;
use crate::invoke::{self, Failure, Outcome};
use crate::log::{self, Level, Record};
use crate::manifest::wire::{Batch, OnFailure};
use crate::respond::shape::Shape;
use crate::respond::stack::{self, Callback};
use crate::respond::{self, Answer, Form};
use crate::route::{self, Part, Phase, Routed, Source};
use crate::service::{self, Service, Target};
use crate::{Code, Refusal, runtime_api};
use each::Each;

/// What an event came to.
#[derive(Debug)]
pub struct Done {
    /// For the Runtime API.
    pub answer: Answer,
    /// What failed, whoever answers for it.
    pub failure: Option<Failure>,
    /// Until when a streamed answer may take.
    pub give_up: Option<Instant>,
}

/// Brings one event to its handler, and its outcome into the form that the source expects.
pub async fn handle(service: &Service, delivery: &Delivery, watched: &mut Watched, wakers: &mut Wakers) -> Done {
    let invocation = &delivery.invocation;
    let give_up = invocation.deadline().give_up;
    let failed = |answer, failure| Done { answer, failure: Some(failure), give_up };
    let routed = match service.table.route(&delivery.event) {
        Ok(routed) => routed,
        Err(refusal) => {
            let failure = Failure::from(refusal);
            let (header, body) = (failure.header(), runtime_api::error_body(&failure.error_type, &failure.message));
            return failed(Answer::Error { header, body }, failure);
        }
    };
    let (source, shape) = (routed.source, service::shape(&routed));
    let resource = routed.resource.as_deref().map(str::to_owned);
    let labelling = Labelling { source: source.name(), resource, ..Labelling::default() };
    if let Some(callback) =
        (source == Source::Cloudformation && service.tells_stacks).then(|| Callback::of_event(&delivery.event)).flatten()
    {
        invocation.owe(callback);
    }
    let targets = targets(service, &routed);
    let Some((target, rest)) = targets.as_deref().and_then(<[_]>::split_first) else {
        invocation.label(labelling);
        let failure = Failure::new(
            Code::NoRoute,
            match routed.parts.as_slice() {
                [] => format!("no route takes this event of source {source}"),
                _ => format!("no route takes some topics of this event of source {source}"),
            },
        );
        let form = Form { source, shape, reply: service.unrouted_reply(source), on_failure: OnFailure::Error };
        let mut answer = respond::unrouted(form, &failure, invocation.request_id());
        if tell_stack(invocation, &failure, invocation.deadline().last_call()).await {
            answer = Answer::Whole(Bytes::from_static(b"null"));
        }
        if shape == Some(Shape::Websocket(Phase::Disconnect)) {
            log_failure_as(invocation, &failure, Level::Warn, "");
            return Done { answer, failure: None, give_up };
        }
        return failed(answer, failure);
    };
    let form = Form { source, shape, reply: target.reply, on_failure: target.on_failure };
    let resource = routed.resource.as_deref();
    let until = for_handler(invocation, watched);
    let (outcome, told) = if rest.is_empty() {
        let labelling = Labelling { route: Some(Arc::clone(&target.name)), ..labelling };
        call_as_routed(Each { service, target, delivery, form, labelling }, resource, until, wakers).await
    } else {
        let names: Vec<&str> = targets.iter().flatten().map(|target| &*target.name).collect();
        invocation.label(Labelling { route: Some(names.join("+").into()), ..labelling });
        let parts = routed.parts.iter().zip(targets.iter().flatten());
        call_parts(service, parts, delivery, form, wakers).await
    };
    let failure = match respond::answer(outcome, form, until).await {
        Ok(answer) => return Done { answer, failure: None, give_up },
        Err(failure) => failure,
    };
    invocation.fail(&failure);
    let handled = match &service.on_error {
        // Answered for already: no code of a plugin may begin for it.
        _ if invocation.is_taken() || told => None,
        Some(on_error) => {
            let until = match invocation.callback() {
                Some(_) => for_handler(invocation, watched),
                None => invocation.deadline().last_call(),
            };
            tell(service, on_error, &failure, delivery, until, wakers).await
        }
        None => None,
    };
    let answer = match handled {
        // It may name records that are none of the batch.
        Some(reply) if source.is_batch() => {
            let reply = each::check_whole(Outcome::Reply(reply), form, delivery, resource).await;
            respond::answer(reply, form, give_up).await.ok()
        }
        // The reply was checked; it fails here only where it cannot be streamed.
        Some(reply) => respond::answer(Outcome::Reply(reply), form, give_up).await.ok(),
        None => None,
    };
    let answer = match answer {
        Some(answer) => answer,
        // The same: the watchdog tells the stack. From here on none of a plugin's code runs that could block, and the time is the stack's.
        None if watched.watch_until(invocation.deadline().watchdog)
            && tell_stack(invocation, &failure, invocation.deadline().last_call()).await =>
        {
            Answer::Whole(Bytes::from_static(b"null"))
        }
        None => respond::failed(form, &failure, invocation.request_id()),
    };
    failed(answer, failure)
}

/// Until when a handler may take, and the watchdog with it: some of the time is for the stack that waits, where one does.
fn for_handler(invocation: &Invocation, watched: &mut Watched) -> Option<Instant> {
    let deadline = invocation.deadline();
    if invocation.callback().is_none() {
        return deadline.give_up;
    }
    let until = stack::give_up(deadline.give_up);
    // Where the watchdog has it already, whoever asks next hears so.
    let _taken = watched.watch_until(deadline.watchdog_after(until));
    until
}

/// Tells CloudFormation of a failure, where the event is one of those that wait for it. Whether it was told: then the invocation has
/// done all that it had to, and is not to be tried again.
pub(crate) async fn tell_stack(invocation: &Invocation, failure: &Failure, until: Option<Instant>) -> bool {
    let Some(callback) = invocation.callback() else { return false };
    match callback.failed(failure, invocation.request_id(), until).await {
        Ok(()) => true,
        Err(second) => {
            log_failure(invocation, &second);
            false
        }
    }
}

/// Where the event goes, or each of its parts; `None`: not all of it has a route.
fn targets<'s>(service: &'s Service, routed: &Routed<'_>) -> Option<Vec<&'s Target>> {
    let target = |route: Option<usize>| service.routes.get(route?);
    match routed.parts.as_slice() {
        [] => target(routed.route).map(|target| vec![target]),
        parts => parts.iter().map(|part| target(part.route)).collect(),
    }
}

/// Brings each part of a Kafka event to its handler. The service hears one answer for all of them: where one fails, the batch comes
/// again, whole. The others still run, so that one topic that always fails does not keep the rest from being worked on. `true`:
/// `on_error` has been told of what failed.
async fn call_parts<'s>(
    service: &Service,
    parts: impl Iterator<Item = (&'s Part, &'s &'s Target)>,
    delivery: &Delivery,
    form: Form,
    wakers: &mut Wakers,
) -> (Outcome, bool) {
    let invocation = &delivery.invocation;
    let mut first = None;
    let mut reported = Vec::new();
    for (part, target) in parts {
        // Nothing more is to begin once the time is up.
        if invocation.is_taken() || invocation.deadline().give_up.is_some_and(|until| Instant::now() >= until) {
            let late =
                || Failure::new(Code::DeadlineExceeded, "the handlers of this batch did not all answer before its deadline");
            first = first.or_else(|| Some((late(), false)));
            break;
        }
        let Some(event) = route::of_topics(&delivery.event, &part.topics) else {
            return (Outcome::Failure(Failure::new(Code::Internal, "the event could not be split by topic")), false);
        };
        let delivery = Delivery { invocation: Arc::clone(invocation), event };
        let part = Each { service, target, delivery: &delivery, form, labelling: Labelling::default() };
        let (outcome, told) = call_as_routed(part, None, invocation.deadline().give_up, wakers).await;
        match respond::answer(outcome, form, invocation.deadline().give_up).await {
            Ok(Answer::Whole(reply)) => match item_failures(&reply) {
                Ok(failures) => reported.extend(failures),
                Err(failure) => first = first.or(Some((failure, false))),
            },
            Ok(_) => first = first.or_else(|| Some((streamed(), false))),
            Err(failure) => first = first.or(Some((failure, told))),
        }
    }
    match first {
        Some((failure, told)) => (Outcome::Failure(failure), told),
        None if reported.is_empty() => (Outcome::Reply(Bytes::from_static(b"null")), false),
        None => match serde_json::to_vec(&ItemFailures { failures: Some(reported) }) {
            Ok(reply) => (Outcome::Reply(reply.into()), false),
            Err(_) => {
                (Outcome::Failure(Failure::new(Code::Internal, "the reports of the parts could not be put together")), false)
            }
        },
    }
}

/// A reply in pieces where only one in one piece will do.
fn streamed() -> Failure {
    Failure::new(Code::ReplyMalformed, "a batch is not answered by a stream")
}

/// Brings an event to its handler, whole or record by record. `true`: `on_error` has been told of what failed.
async fn call_as_routed(way: Each<'_>, resource: Option<&str>, until: Option<Instant>, wakers: &mut Wakers) -> (Outcome, bool) {
    if way.target.batch == Batch::Each {
        return way.run(resource).await;
    }
    let Each { service, target, delivery, form, labelling } = way;
    let outcome = call(service, target, delivery, labelling, until, wakers).await;
    let outcome = if form.source.is_batch() { each::check_whole(outcome, form, delivery, resource).await } else { outcome };
    (outcome, false)
}

/// What a handler reports of single records
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-kafka-error-handling.html>).
#[derive(serde::Serialize, serde::Deserialize)]
struct ItemFailures {
    #[serde(rename = "batchItemFailures")]
    failures: Option<Vec<Box<RawValue>>>,
}

/// The records that a reply reports; none where it reports nothing.
///
/// # Errors
/// [`Code::ReplyMalformed`] where it is neither `null` nor an object, or reports something that is no list: of such a reply nobody
/// knows which records failed, so none may count as done.
fn item_failures(reply: &[u8]) -> Result<Vec<Box<RawValue>>, Failure> {
    let malformed = |what| Failure::new(Code::ReplyMalformed, what);
    // Deserialization would take an array for the object's members in their order.
    if !matches!(reply.trim_ascii_start().first(), Some(b'{' | b'n')) {
        return Err(malformed("the reply to a batch is neither `null` nor an object"));
    }
    match serde_json::from_slice::<Option<ItemFailures>>(reply) {
        Ok(report) => Ok(report.and_then(|report| report.failures).unwrap_or_default()),
        Err(_) => Err(malformed("`batchItemFailures` is not one list")),
    }
}

async fn call(
    service: &Service,
    target: &Target,
    delivery: &Delivery,
    labelling: Labelling,
    until: Option<Instant>,
    wakers: &mut Wakers,
) -> Outcome {
    let invocation = &delivery.invocation;
    let plugin = match service.plugin(target.plugin, until).await {
        Ok(plugin) => plugin,
        Err(refusal) => {
            invocation.label(labelling);
            return Outcome::Failure(refusal.into());
        }
    };
    invocation.label(Labelling { plugin: Some(Arc::clone(&plugin.name)), digest: Some(Arc::clone(&plugin.digest)), ..labelling });
    match plugin.handler(target.handler.as_deref()) {
        Ok(handler) => invoke::run(plugin, handler, invocation, delivery.event.clone(), until, wakers).await,
        Err(refusal) => Outcome::Failure(refusal.into()),
    }
}

/// Tells the manifest's `on_error` handler of a failure. Its reply counts only as `{"handled": true, "response": …}`, and its own
/// failure never hides the first.
async fn tell(
    service: &Service,
    on_error: &Target,
    failure: &Failure,
    delivery: &Delivery,
    until: Option<Instant>,
    wakers: &mut Wakers,
) -> Option<Bytes> {
    let invocation = &delivery.invocation;
    let event: &RawValue = serde_json::from_slice(&delivery.event).ok()?;
    let report = report(failure, event, invocation)?;
    let attempt = async {
        let plugin = service.plugin(on_error.plugin, until).await?;
        let handler = plugin.handler(on_error.handler.as_deref())?;
        Ok::<_, Refusal>(invoke::run(plugin, handler, invocation, report, until, wakers).await)
    };
    let second = match attempt.await {
        Ok(Outcome::Reply(reply)) => return response(&reply),
        Ok(Outcome::Stream { .. }) => return None,
        Ok(Outcome::Failure(second)) => second,
        Err(refusal) => refusal.into(),
    };
    log_failure_as(invocation, &second, Level::Error, "on_error failed as well: ");
    None
}

/// What `on_error` gets. The event goes in as it came.
fn report(failure: &Failure, event: &RawValue, invocation: &Invocation) -> Option<Bytes> {
    #[derive(serde::Serialize)]
    struct Report<'a> {
        error: serde_json::Value,
        event: &'a RawValue,
        context: serde_json::Value,
    }
    let error =
        serde_json::json!({ "code": failure.code.name(), "errorType": failure.error_type, "errorMessage": failure.message });
    serde_json::to_vec(&Report { error, event, context: invocation.context_json() }).ok().map(Bytes::from)
}

/// The response of `{"handled": true, "response": …}`.
fn response(reply: &[u8]) -> Option<Bytes> {
    #[derive(serde::Deserialize)]
    struct Handled<'a> {
        handled: bool,
        #[serde(borrow)]
        response: &'a RawValue,
    }
    let reply: Handled<'_> = serde_json::from_slice(reply).ok()?;
    reply.handled.then(|| Bytes::copy_from_slice(reply.response.get().as_bytes()))
}

/// The one line that a failed invocation leaves.
pub(crate) fn log_failure(invocation: &Invocation, failure: &Failure) {
    log_failure_as(invocation, failure, Level::Error, "");
}

fn log_failure_as(invocation: &Invocation, failure: &Failure, level: Level, prefix: &str) {
    // A handler's own message may quote the event; the service gets it with the error, the log does not.
    let message = match failure.code {
        Code::HandlerFailed => format!("{prefix}the handler failed: {}", failure.logged_type()),
        _ => format!("{prefix}{}", failure.message),
    };
    log::write(&Record {
        level,
        labels: invocation.labels(),
        code: Some(failure.code.name()),
        target: "",
        message: &message,
        fields: None,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reports_records_or_nothing_or_is_malformed() {
        let reported = |reply: &str| {
            let failures = item_failures(reply.as_bytes());
            failures.map(|all| all.iter().map(|one| one.get().to_owned()).collect::<Vec<_>>())
        };
        for nothing in ["null", " null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#, r#"{"n":1e999}"#] {
            assert_eq!(reported(nothing).unwrap(), [""; 0], "{nothing}");
        }
        assert_eq!(reported(r#"{"x":1,"batchItemFailures":[{"a":1.50},7]}"#).unwrap(), [r#"{"a":1.50}"#, "7"]);
        let no_list = "`batchItemFailures` is not one list";
        let no_object = "the reply to a batch is neither `null` nor an object";
        for (reply, what) in [
            (r#"{"batchItemFailures":{}}"#, no_list),
            (r#"{"batchItemFailures":"a"}"#, no_list),
            (r#"{"batchItemFailures":[],"batchItemFailures":[]}"#, no_list),
            ("[]", no_object),
            ("[[]]", no_object),
            ("[null]", no_object),
            ("true", no_object),
            (r#""done""#, no_object),
            ("0", no_object),
            ("", no_object),
        ] {
            let failure = reported(reply).unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (Code::ReplyMalformed, what), "{reply}");
        }
    }
}
