//! The listener that callers talk to, on a thread of its own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::access::Printer;
use super::recent::Recent;
use super::signals::{self, Order};
use super::site::Site;
use super::{gateway, invocations, response_stream};
use crate::local::Lambda;

/// How long answers that are ready may take to be sent at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) struct Front {
    address: SocketAddr,
    ended: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Front {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the last answers out, once nothing more comes of the function.
    pub(super) fn finish(self) {
        // Fails only if the thread has ended already.
        let _ending = self.ended.send(());
        let _ended = self.thread.join();
    }
}

/// Takes requests, until a signal comes; serves what it took until [`Front::finish`].
pub(super) fn start(
    listener: std::net::TcpListener,
    lambda: Arc<Lambda>,
    printer: Printer,
    recent: Arc<Recent>,
    json_log: bool,
    orders: Sender<Order>,
) -> io::Result<Front> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let (ended, end) = oneshot::channel();
    let site = Arc::new(Site { lambda, printer, recent, json_log });
    let work = async move {
        // Closed when the last connection has let go of it.
        let (closing, close) = watch::channel(());
        tokio::select! {
            () = accept(listener, &site, address, &close) => {}
            result = signals::first(&orders) => {
                if let Err(error) = result {
                    // Without it, the signal ends the process at once.
                    printer.note(&format!("warning: signals cannot be taken: {error}"));
                    return;
                }
            }
        }
        let _told = closing.send(());
        drop(close);
        let _end = end.await;
        let _all = tokio::time::timeout(LAST_WORDS, closing.closed()).await;
    };
    let thread = thread::Builder::new().name("serve".to_owned()).spawn(move || runtime.block_on(work))?;
    Ok(Front { address, ended, thread })
}

async fn accept(listener: TcpListener, site: &Arc<Site>, address: SocketAddr, close: &watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(connection(stream, Arc::clone(site), address, peer, close.clone()))),
            // Out of descriptors, or a client that has gone: neither ends the server.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, site: Arc<Site>, address: SocketAddr, peer: SocketAddr, mut close: watch::Receiver<()>) {
    // A small answer must not wait for the acknowledgement of the one before. Without it the server still works.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let site = Arc::clone(&site);
        async move {
            let path = request.uri().path();
            let reply = if let Some(function) = response_stream::function(path) {
                response_stream::serve(&site, &function, request).await
            } else if let Some(function) = invocations::function(path) {
                invocations::serve(&site, &function, request).await
            } else {
                gateway::serve(&site, address, peer, request).await
            };
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // Whatever ends a connection ends only that.
        _ = &mut connection => return,
        _ = close.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}
