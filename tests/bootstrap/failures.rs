//! Every way to fail, for every source: what the service is told. The events are those of `lambda-loader event`.

use std::path::Path;
use std::time::Duration;

use lambda_loader::local::{Answer, Event, Kind, Lambda, Options};
use lambda_loader::route::Source;
use serde_json::{Map, Value, json};

use crate::support::SOON;
use crate::world::{World, folder};

/// How events of a source are answered where something fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    /// An error; without a route a 404.
    Http,
    /// An error; without a route what the kind of event asks for: the sample's is a message.
    Websocket,
    /// An error with no more than a code in it, where the loader words it: an end user may read it.
    Shown,
    /// An error.
    Told,
}

fn family(source: Source) -> Family {
    match source {
        source if source.is_http() => Family::Http,
        Source::Websocket => Family::Websocket,
        Source::Cognito
        | Source::AppsyncAuthorizer
        | Source::Appsync
        | Source::AppsyncEvents
        | Source::Lex
        | Source::Alexa
        | Source::AlexaSmartHome
        | Source::Connect
        | Source::BedrockAgent => Family::Shown,
        _ => Family::Told,
    }
}

/// The sample of a source. CloudFormation's without an address to answer to: `stack` has the ones with.
fn sample(source: Source) -> String {
    let file = format!("loader/command/event/samples/{source}.json");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    if source != Source::Cloudformation {
        return text;
    }
    let mut event: Value = serde_json::from_str(&text).unwrap();
    event["ResponseURL"] = Value::Null;
    event.to_string()
}

/// A world in which every source leads to `handler` of `misbehave`, or nowhere.
fn world(handler: Option<&str>, on_failure: Option<&str>) -> World {
    let mut routes = Map::new();
    for source in Source::ALL {
        let Some(handler) = handler else { break };
        let mut route = json!({ "source": source.name(), "to": format!("misbehave.{handler}") });
        if let Some(on_failure) = on_failure.filter(|_| matches!(family(*source), Family::Http | Family::Websocket)) {
            route["on_failure"] = on_failure.into();
        }
        if *source == Source::Operation {
            route["name"] = "reindex".into();
        }
        routes.insert(source.name().to_owned(), route);
    }
    if handler.is_none() {
        routes.insert("none".into(), json!({ "source": "operation", "name": "no-such-name", "to": "misbehave.error" }));
    }
    let lambda = Lambda::start(Options { concurrency: 4, ..Options::default() }).unwrap();
    World::start(lambda, folder(&["misbehave"], json!({ "routes": routes, "deadline_margin_ms": 5_000 })), &[])
}

/// Sends the sample of each source, all at once.
fn ask_all(world: &World, timeout: Option<Duration>) -> Vec<(Source, Answer)> {
    let pending: Vec<_> = Source::ALL
        .iter()
        .map(|source| {
            let mut body: Value = serde_json::from_str(&sample(*source)).unwrap();
            if *source == Source::Operation {
                body = json!({ "operation": "reindex" });
            }
            (*source, world.lambda.invoke(Event { timeout, ..Event::new(body.to_string()) }))
        })
        .collect();
    let answer = |(source, pending): (Source, lambda_loader::local::Pending)| {
        (source, pending.wait(SOON).unwrap_or_else(|| panic!("{source}\n{}", world.output())))
    };
    pending.into_iter().map(answer).collect()
}

/// Header and message of an error; for sources whose errors end users may read, the loader's words are `code (request id)`.
#[track_caller]
fn check(source: Source, answer: &Answer, error_type: &str, message: &str, code: Option<&str>) {
    let Kind::Error { error_type: header, body } = &answer.kind else { panic!("{source}: {answer:?}") };
    let found = crate::world::error(header.clone(), body);
    assert_eq!(found[0], error_type, "{source}");
    match (family(source), code) {
        (Family::Shown, Some(code)) => assert_eq!(found[2], format!("{code} ({})", answer.request_id), "{source}"),
        _ => assert!(found[2].contains(message), "{source}: {found:?}"),
    }
}

#[test]
fn every_failure_of_a_handler_is_an_error_for_every_source() {
    for (handler, timeout, error_type, message, code) in [
        ("error", None, "Function.OutOfStock", "nothing left", None),
        ("panic", None, "Runtime.LoaderHandlerPanicked", "handler went wrong", Some("handler-panicked")),
        ("huge", None, "Runtime.LoaderReplyTooLarge", "Lambda takes 6291556", Some("reply-too-large")),
        ("not_json", None, "Runtime.LoaderReplyNotJson", "is not JSON", Some("reply-not-json")),
        ("sleep", Some(2), "Runtime.LoaderDeadlineExceeded", "before its deadline", Some("deadline-exceeded")),
    ] {
        let world = world(Some(handler), None);
        let answers = ask_all(&world, timeout.map(Duration::from_secs));
        assert_eq!(answers.len(), Source::ALL.len());
        for (source, answer) in &answers {
            check(*source, answer, error_type, message, code);
        }
    }
}

#[test]
fn where_the_route_says_so_a_request_is_answered_with_a_500_that_tells_nothing() {
    let world = world(Some("panic"), Some("respond"));
    for (source, answer) in ask_all(&world, None) {
        if !matches!(family(source), Family::Http | Family::Websocket) {
            check(source, &answer, "Runtime.LoaderHandlerPanicked", "handler went wrong", Some("handler-panicked"));
            continue;
        }
        let reply: Value = serde_json::from_slice(&answer.payload()).unwrap();
        let body = json!({ "message": "Internal Server Error", "requestId": answer.request_id });
        assert_eq!((&reply["statusCode"], &reply["body"]), (&500.into(), &body.to_string().into()), "{source}");
    }
}

#[test]
fn without_a_route_every_source_has_its_answer() {
    let world = world(None, None);
    for (source, answer) in ask_all(&world, None) {
        match family(source) {
            Family::Http | Family::Websocket => {
                let reply: Value = serde_json::from_slice(&answer.payload()).unwrap();
                assert_eq!(reply["statusCode"], 404, "{source}");
            }
            Family::Shown | Family::Told => {
                let message = format!("no route takes this event of source {source}");
                check(source, &answer, "Runtime.LoaderNoRoute", &message, Some("no-route"));
            }
        }
    }
}
