//! The end: SIGINT of a terminal, SIGTERM of whoever started it. The second one does not wait.

use std::sync::mpsc::Sender;
use tokio::signal::unix::{SignalKind, signal};

/// What the supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Let what is in flight finish, then end.
    Stop,
}

/// Passes signals on as orders, for as long as there is somebody to take them. Returns after the first.
pub(super) async fn first(orders: &Sender<Order>) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let _gone = orders.send(Order::Stop);
    let orders = orders.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if orders.send(Order::Stop).is_err() {
                return;
            }
        }
    });
    Ok(())
}
