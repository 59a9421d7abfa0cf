//! Fetching by the SDK of AWS, on a runtime of its own that ends with the session.

pub mod client;
pub(crate) mod fault;
mod object;

use std::cell::Cell;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{Budget, Each, Session, Wanted};
use crate::Refusal;
use client::Whose;

/// How many objects are fetched at once: each has a connection of its own.
const AT_ONCE: usize = 16;

/// Fetches as the function: with the credentials that Lambda gave it, and no others.
///
/// # Errors
/// `internal`, where the system has no descriptors left.
pub fn as_function(budget: Budget) -> Result<Box<dyn Session>, Refusal> {
    Ok(Box::new(Sdk::new(Whose::Function, budget)?))
}

/// Fetches as the person who runs the tool: with their profiles too.
///
/// # Errors
/// As [`as_function`].
#[cfg(feature = "tool")]
pub fn as_person(budget: Budget) -> Result<Box<dyn Session>, Refusal> {
    Ok(Box::new(Sdk::new(Whose::Person, budget)?))
}

#[derive(Debug)]
struct Sdk {
    whose: Whose,
    budget: Budget,
    client: Option<aws_sdk_s3::Client>,
    /// `None` while it is being dropped.
    runtime: Option<Runtime>,
}

impl Sdk {
    fn new(whose: Whose, budget: Budget) -> Result<Self, Refusal> {
        Ok(Sdk { whose, budget, client: None, runtime: Some(crate::start::runtime()?) })
    }
}

impl Session for Sdk {
    fn fetch(&mut self, wanted: &[Wanted<'_>], each: &mut Each<'_>) {
        let Some(runtime) = &self.runtime else { return };
        let budget = self.budget;
        runtime.block_on(async {
            let client = match &self.client {
                Some(client) => client,
                None => {
                    let made = tokio::time::timeout_at(budget.end().into(), client::new(self.whose)).await;
                    match made.unwrap_or_else(|_| Err(budget.over("nothing had been asked"))) {
                        Ok(client) => self.client.insert(client),
                        Err(refusal) => {
                            let mut refused = wanted.iter().enumerate();
                            let refuse =
                                |(index, wanted): (usize, &Wanted<'_>)| each(index, Err(refusal.clone().at(wanted.place)));
                            let _all_or_until_enough = refused.try_for_each(refuse);
                            return;
                        }
                    }
                }
            };
            several(client, wanted, budget, each).await;
        });
    }

    fn close(mut self: Box<Self>) {
        // Connections end with the client.
        drop(self.client.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(self.budget.left());
        }
    }
}

async fn several(client: &aws_sdk_s3::Client, wanted: &[Wanted<'_>], budget: Budget, each: &mut Each<'_>) {
    let permits = Semaphore::new(AT_ONCE);
    let together = Cell::new(0);
    let fetch = async |wanted: &Wanted<'_>| {
        let _permit = permits.acquire().await;
        object::fetch(client, wanted, budget, &together).await.map_err(|refusal| refusal.at(wanted.place))
    };
    let mut bodies: FuturesOrdered<_> = wanted.iter().map(fetch).collect();
    let mut index = 0;
    while let Some(body) = bodies.next().await {
        if each(index, body).is_break() {
            return;
        }
        index += 1;
    }
}

impl Drop for Sdk {
    /// Whoever gives up does not wait for what blocks, such as the look-up of a name.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
