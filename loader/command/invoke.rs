//! `invoke`: one event through the plugins, in this process.

use clap::Args;
use http::HeaderMap;
use std::future::poll_fn;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::opened::{self, Opened};
use super::{Common, From, advice::Advice, from};
use crate::handle::{Done, handle};
use crate::invocation::{Deadline, Delivery, Invocation, header};
use crate::invoke::Failure;
use crate::invoke::future::Wakers;
use crate::invoke::watchdog::Watchdog;
use crate::load::SPOKEN;
use crate::respond::Answer;
use crate::runtime_api::error_body;
use crate::service::Service;
use crate::verify::Rules;
use crate::verify::process::{self, Host};
use crate::{Class, Code, Refusal, crash, environment, exit, name_service};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// The event: a JSON file, or - for standard input
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// Give the handler a deadline, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    // Before the first name is looked up, which a manifest in S3 takes.
    for warning in process::check(|name| std::env::var_os(name), Host::Local)? {
        eprintln!("warning: {warning}");
    }
    name_service::limit()?;
    let opened = Opened::new(&arguments.common)?;
    let mut plan = opened.plan()?;
    from::apply(&arguments.from, &mut plan)?;
    let event = opened::event(&arguments.event)?;
    let contents = {
        let names: Vec<&str> = plan.libraries.iter().map(|library| library.name.as_str()).collect();
        opened.fetch_start(&plan, &Rules::here(&names, SPOKEN))?
    };
    environment::set(&environment::gather(&plan, contents.settings()?)?)?;
    crash::install();
    let runtime = crate::start::runtime()?;
    let advice = Advice::new(&arguments.common, &arguments.from, &plan);
    let code = runtime.block_on(async {
        let (mut service, _) = Service::start(plan, contents, super::REMOTE).await.map_err(|refusal| advice.give(refusal))?;
        service.tells_stacks = false;
        let now = SystemTime::now();
        let deadline_ms = match arguments.timeout_ms {
            Some(ms) => {
                now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)).saturating_add(ms)
            }
            None => 0,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::REQUEST_ID, http::HeaderValue::from_static("local"));
        let deadline = Deadline::new(deadline_ms, service.deadline_margin, (now, Instant::now()));
        let unread = opened::unread(&arguments.event, &event);
        let delivery = Delivery { invocation: Invocation::new(headers, deadline), event: event.into() };
        let _serving = crash::Serving::begin(&delivery.invocation);
        let watchdog = Watchdog::new(1);
        let end = || exit::at_once(Class::Failed.exit());
        let started = watchdog.start(Arc::default(), |_| answer_for_blocked(), end);
        started.map_err(|error| Refusal::new(Code::Internal, "watchdog", error.to_string()))?;
        let mut watched = watchdog.begin(0, &delivery.invocation, deadline.watchdog);
        let done = handle(&service, &delivery, &mut watched, &mut Wakers::default()).await;
        // A streamed reply is still the plugin's work.
        let streamed = matches!(done.answer, Answer::Stream { .. });
        let mine = streamed || watched.claim();
        let code = if mine { show(done, &unread).await } else { 0 };
        if !mine || (streamed && !watched.claim()) {
            // The watchdog has answered, and ends the process.
            std::future::pending::<()>().await;
        }
        Ok::<_, Refusal>(code)
    });
    match code {
        // Plugins may have threads by now.
        Ok(code) => exit::at_once(code),
        Err(refusal) => {
            super::show(&refusal, arguments.common.output.format);
            exit::at_once(refusal.code.class().exit())
        }
    }
}

fn answer_for_blocked() {
    let failure = Failure::new(Code::DeadlineExceeded, "the handler blocked its thread past its deadline");
    println!("{}", String::from_utf8_lossy(&error_body(&failure.error_type, &failure.message)));
    eprintln!("error[{}]: {}: {}", failure.code.name(), failure.error_type, failure.message);
}

/// Prints the reply as the service would get it, and to standard error why it failed.
async fn show(done: Done, unread: &str) -> u8 {
    let mut failure = done.failure;
    let mut out = std::io::stdout().lock();
    // Whoever stopped reading has had enough.
    let mut put = |bytes: &[u8]| drop(out.write_all(bytes).and_then(|()| out.flush()));
    match done.answer {
        Answer::Whole(reply) => {
            put(&reply);
            put(b"\n");
        }
        Answer::Stream { prelude, whole, body } => {
            eprintln!("{}", String::from_utf8_lossy(&prelude));
            put(&whole.unwrap_or_default());
            if let Some(mut body) = body {
                let give_up = done.give_up.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or(Duration::MAX);
                let collect = async {
                    while let Some(piece) = poll_fn(|cx| body.poll_next(cx)).await {
                        match piece {
                            Ok(piece) => put(piece.as_ref()),
                            Err(failure) => return Some(failure),
                        }
                    }
                    None
                };
                let late = || Some(Failure::new(Code::DeadlineExceeded, "the reply's stream did not end before the deadline"));
                failure = failure.or(tokio::time::timeout(give_up, collect).await.unwrap_or_else(|_| late()));
            }
        }
        Answer::Error { body, .. } => {
            put(&body);
            put(b"\n");
        }
    }
    match failure {
        None => 0,
        Some(failure) => {
            let hint = match failure.code {
                Code::EventNotJson => unread,
                Code::NoRoute => {
                    "give the manifest a route for this source, or widen one: lambda-loader route --event shows what is read"
                }
                Code::HandlerFailed if failure.error_type == "EventDecode" => {
                    "the handler takes another type of event: correct that type, the route or the event"
                }
                _ => "",
            };
            let hint = if hint.is_empty() { String::new() } else { format!(" (hint: {hint})") };
            eprintln!("error[{}]: {}: {}{hint}", failure.code.name(), failure.error_type, failure.message);
            // What a plugin's file did wrong is still what it is when found on first use.
            Class::exit(failure.code.class())
        }
    }
}
