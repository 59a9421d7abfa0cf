//! What every request needs: the function, and where its doings are told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{mpsc, oneshot};

use super::access::Printer;
use super::recent::Recent;
use crate::local::{Answer, Event, Kind, Lambda, Piece};

/// The most bytes that an event may have
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution>).
pub(super) const EVENT_LIMIT: usize = 6 * 1024 * 1024;

/// The most bytes of an event that nobody waits for.
pub(super) const ASYNCHRONOUS_LIMIT: usize = 1024 * 1024;

pub(super) struct Site {
    pub(super) lambda: Arc<Lambda>,
    pub(super) printer: Printer,
    pub(super) recent: Arc<Recent>,
    /// Whether the function logs JSON.
    pub(super) json_log: bool,
}

impl Site {
    /// Sends an event and waits for its end, and for how much memory its process had by then where that is to be known (`measured`).
    /// `None`: the server ends.
    pub(super) async fn ask(&self, event: Event, measured: bool) -> Option<(Answer, Option<u64>)> {
        self.send(event, None, measured).1.await.ok()
    }

    /// Sends an event; a streamed reply also goes to `live` as it comes. Returns the request id, and what [`ask`](Self::ask) gives.
    pub(super) fn send(
        &self,
        event: Event,
        live: Option<mpsc::UnboundedSender<Piece>>,
        measured: bool,
    ) -> (String, oneshot::Receiver<(Answer, Option<u64>)>) {
        let (sender, answer) = oneshot::channel();
        let (recent, lambda) = (Arc::clone(&self.recent), Arc::downgrade(&self.lambda));
        let done = move |answer: Answer| {
            recent.answered(&answer.request_id);
            // Now: a process that is late is killed next.
            let peak = lambda.upgrade().filter(|_| measured).and_then(|lambda| lambda.peak_memory());
            // Whoever asked may have gone.
            drop(sender.send((answer, peak)));
        };
        let request_id = match live {
            Some(live) => self.lambda.invoke_live(event, live, done),
            None => self.lambda.invoke_with(event, done),
        };
        (request_id, answer)
    }

    /// When the process got the event, by the answer that has just come.
    pub(super) fn delivered(answer: &Answer) -> Instant {
        // What was logged in the moment of its delivery counts too.
        Instant::now().checked_sub(answer.ran + Duration::from_millis(1)).unwrap_or_else(Instant::now)
    }
}

/// Type and message of an invocation that failed.
pub(super) fn error(answer: &Answer) -> Option<(String, String)> {
    if let Kind::Response(response) = &answer.kind {
        let error_type = response.trailer("lambda-runtime-function-error-type")?;
        return Some((error_type.to_owned(), "the streamed reply broke off".to_owned()));
    }
    let told = match &answer.kind {
        Kind::Error { error_type, .. } => error_type.clone(),
        Kind::InitFailed(error) => error.error_type.clone(),
        _ => None,
    };
    let body: serde_json::Value = serde_json::from_slice(&answer.payload()).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let error_type = text("errorType").or(told).unwrap_or_else(|| "Error".to_owned());
    Some((error_type, text("errorMessage").unwrap_or_default()))
}

/// A request's body; `Err`: it is larger than `limit`, with its size as far as it is known, or the connection broke (`None`).
pub(super) async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Option<u64>> {
    if let Some(size) = body.size_hint().exact().filter(|size| *size > limit as u64) {
        // Read on, but not for ever: a client that is still sending would not see the answer.
        let mut left = size.min(64 << 20);
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
            if left == 0 {
                break;
            }
        }
        return Err(Some(size));
    }
    let mut read = BytesMut::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| None)?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= limit {
            read.extend_from_slice(&data);
        } else if size > 64 << 20 {
            break;
        }
    }
    if size > limit { Err(Some(size as u64)) } else { Ok(read.freeze()) }
}
