//! One event at a time: poll, route, invoke, respond. A function with managed concurrency runs several slots, each on a thread, a
//! runtime and a connection of its own, so that a blocked handler delays nobody.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::handle::{handle, log_failure};
use crate::invocation::{Deadline, Delivery, Invocation, header};
use crate::invoke::Failure;
use crate::invoke::future::Wakers;
use crate::invoke::watchdog::{Drain, Watchdog};
use crate::log::{self, Level, Record};
use crate::respond::Answer;
use crate::respond::stream_body::StreamBody;
use crate::runtime_api::{self, Client};
use crate::service::Service;
use crate::{Code, Refusal, crash};

/// How often in a row the Runtime API may fail before the process gives up.
const MOST_FAILURES: u32 = 3;

/// How long a poll is kept up once no further event is to be taken: one that the service has just handed out would be lost.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// What all slots share.
#[derive(Debug)]
pub struct Shared {
    /// Routes and plugins.
    pub service: Service,
    /// `host:port` of the Runtime API.
    pub address: String,
    /// Told when no further event is to be taken.
    pub drain: Arc<Drain>,
    /// Answers for blocked handlers.
    pub watchdog: Watchdog,
    /// Whether the warning about deadlines that are missing or past was given.
    pub warned_of_no_deadline: AtomicBool,
}

/// One slot.
#[derive(Debug)]
pub struct Slot<'s> {
    shared: &'s Shared,
    number: usize,
    client: Client,
    wakers: Wakers,
}

impl<'s> Slot<'s> {
    /// The slot of that number.
    ///
    /// # Errors
    /// Where the Runtime API's address is none.
    pub fn new(shared: &'s Shared, number: usize) -> Result<Self, Refusal> {
        Ok(Slot { shared, number, client: Client::new(&shared.address)?, wakers: Wakers::default() })
    }

    /// Takes events until the process is to end.
    ///
    /// # Errors
    /// Where the Runtime API is lost.
    pub async fn run(&mut self) -> Result<(), Refusal> {
        let result = self.serve_all().await;
        self.shared.watchdog.polling(self.number, false);
        result
    }

    async fn serve_all(&mut self) -> Result<(), Refusal> {
        let mut failures = 0;
        loop {
            self.shared.watchdog.polling(self.number, true);
            let Some(next) = self.next().await else { return Ok(()) };
            let failure = match next {
                Ok((headers, event)) if headers.contains_key(&header::REQUEST_ID) => {
                    failures = 0;
                    self.serve(headers, event).await?;
                    if let Some(refusal) = self.shared.service.spoiled() {
                        // Answered; what else there is to do takes a fresh environment.
                        self.shared.drain.begin();
                        return Err(refusal.clone());
                    }
                    continue;
                }
                Ok(_) => self.client.refusal(
                    "an event came without a request id and cannot be answered",
                    &runtime_api::Failure::Broken("header missing".into()),
                ),
                Err(failure) if is_container_error(&failure) => return Err(self.client.refusal("next event", &failure)),
                Err(failure) => self.client.refusal("next event", &failure),
            };
            failures += 1;
            if failures >= MOST_FAILURES {
                return Err(failure);
            }
            log::refusal(Level::Warn, &failure);
            tokio::time::sleep(Duration::from_millis(20 << failures)).await;
        }
    }

    /// The next event; `None` once none is to be taken any more.
    async fn next(&self) -> Option<Result<(http::HeaderMap, Bytes), runtime_api::Failure>> {
        // Asked for, an event would be delivered, and lost with the process.
        if self.shared.drain.begun() {
            return None;
        }
        let next = self.client.next();
        tokio::pin!(next);
        tokio::select! {
            biased;
            next = &mut next => Some(next),
            () = self.shared.drain.wait() => tokio::time::timeout(ON_ITS_WAY, next).await.ok(),
        }
    }

    async fn serve(&mut self, headers: http::HeaderMap, event: Bytes) -> Result<(), Refusal> {
        let started = Instant::now();
        let lambda_ms = headers.get(&header::DEADLINE_MS).and_then(|ms| ms.to_str().ok()?.parse().ok()).unwrap_or(0);
        let deadline = Deadline::new(lambda_ms, self.shared.service.deadline_margin, (SystemTime::now(), started));
        if deadline.give_up.is_none() && !self.shared.warned_of_no_deadline.swap(true, Ordering::Relaxed) {
            let what = if deadline.is_past() { "deadlines in the past, as local emulators do" } else { "no deadlines" };
            log::line(Level::Warn, &format!("the service sends {what}: events have no deadline"));
        }
        let delivery = Delivery { invocation: Invocation::new(headers, deadline), event };
        let _serving = crash::Serving::begin(&delivery.invocation);
        let mut watched = self.shared.watchdog.begin(self.number, &delivery.invocation, deadline.watchdog);
        self.shared.watchdog.polling(self.number, false);
        let done = handle(&self.shared.service, &delivery, &mut watched, &mut self.wakers).await;
        let invocation = &delivery.invocation;
        let mut error = None;
        // A streamed reply is still the plugin's work, and under watch until its end.
        let (sent, failure) = match done.answer {
            Answer::Stream { prelude, whole, body } => {
                let (body, end) = StreamBody::new(&prelude, whole, body, done.give_up);
                let sent = self.stream(invocation, body).await;
                let broke = end.close();
                if !watched.claim() {
                    return self.yield_to_watchdog().await;
                }
                (sent, done.failure.or(broke))
            }
            Answer::Whole(reply) => {
                if !watched.claim() {
                    return self.yield_to_watchdog().await;
                }
                (self.client.respond(invocation, reply).await, done.failure)
            }
            Answer::Error { header, body } => {
                if !watched.claim() {
                    return self.yield_to_watchdog().await;
                }
                let sent = self.client.fail(invocation, &header, body.clone()).await;
                error = Some((header, body));
                (sent, done.failure)
            }
        };
        match (&sent, &failure) {
            (_, Some(failure)) => log_failure(invocation, failure),
            (Ok(()), None) => answered(invocation, started.elapsed()),
            (Err(_), None) => {}
        }
        match sent {
            Ok(()) => Ok(()),
            Err(broken) => self.not_sent(invocation, &broken, error).await,
        }
    }

    /// Posts a streamed reply. A client that does not read it fast enough is no handler that blocks: it is left before the watchdog
    /// would take it for one.
    async fn stream(&self, invocation: &Invocation, body: StreamBody) -> Result<(), runtime_api::Failure> {
        const TYPE: &str = "application/vnd.awslambda.http-integration-response";
        let sent = self.client.stream(invocation, TYPE, lambda_runtime_api_client::body::Body::new(body));
        let Some(until) = invocation.deadline().last_call() else { return sent.await };
        tokio::time::timeout_at(until.into(), sent).await.unwrap_or_else(|_| {
            Err(runtime_api::Failure::Broken("the service had not read the reply's stream when the deadline came".into()))
        })
    }

    /// The watchdog has answered, and ends the process as soon as the other slots are done: this one does nothing more.
    async fn yield_to_watchdog(&self) -> Result<(), Refusal> {
        std::future::pending().await
    }

    /// The service did not take the answer: it is told so as an error, that the event may be retried. `original`: the answer, where
    /// that was an error already.
    async fn not_sent(
        &self,
        invocation: &Invocation,
        error: &runtime_api::Failure,
        original: Option<(String, Bytes)>,
    ) -> Result<(), Refusal> {
        let refusal = self.client.refusal("the answer was not taken", error);
        log_failure(invocation, &Failure::from(refusal.clone()));
        if is_container_error(error) {
            return Err(refusal);
        }
        let (header, body) = match (error, original) {
            // It may not have arrived.
            (runtime_api::Failure::Broken(_), Some(original)) => original,
            _ => {
                let code = match error {
                    runtime_api::Failure::Status(http::StatusCode::PAYLOAD_TOO_LARGE) => Code::ReplyTooLarge,
                    _ => Code::ReplyRefused,
                };
                let failure = Failure::new(code, format!("the Runtime API did not take the reply: {error}"));
                (failure.header(), runtime_api::error_body(&failure.error_type, &failure.message))
            }
        };
        match self.client.fail(invocation, &header, body).await {
            Ok(()) => Ok(()),
            // Answered and refused: the event is over as far as the service is concerned, and the next one can be served.
            Err(error @ runtime_api::Failure::Status(_)) if !is_container_error(&error) => Ok(()),
            Err(error) => Err(self.client.refusal("an error could not be posted", &error)),
        }
    }
}

/// "Container error. Non-recoverable state. Runtime should exit promptly", says the service of every of its paths
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
fn is_container_error(failure: &runtime_api::Failure) -> bool {
    matches!(failure, runtime_api::Failure::Status(http::StatusCode::INTERNAL_SERVER_ERROR))
}

/// One line an invocation; a failed one leaves that of [`log_failure`].
fn answered(invocation: &Invocation, took: Duration) {
    if log::max_level() >= Level::Info {
        log::write(&Record {
            level: Level::Info,
            labels: invocation.labels(),
            code: None,
            target: "",
            message: &format!("answered in {:.3} ms", took.as_secs_f64() * 1_000.0),
            fields: None,
        });
    }
}
