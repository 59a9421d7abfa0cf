//! The end: SIGINT of a terminal, SIGTERM of whoever started it. The second one does not wait.

use std::sync::mpsc::Sender;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Let what is in flight finish, then end.
    Stop,
}

/// The signals that end it.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them from now on. Within a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Passes signals on as orders, for as long as there is somebody to take them. Returns after the first.
pub(super) async fn first(orders: &Sender<Order>) -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    signals.next().await;
    let _gone = orders.send(Order::Stop);
    let orders = orders.clone();
    tokio::spawn(async move {
        loop {
            signals.next().await;
            if orders.send(Order::Stop).is_err() {
                return;
            }
        }
    });
    Ok(())
}
