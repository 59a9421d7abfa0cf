//! The server's thread: accepts connections and lets hyper talk on them.

use std::convert::Infallible;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::api;
use super::reply::Reply;
use super::state::Shared;

/// Starts the server; it runs until `stopped` resolves.
pub(super) fn start(shared: Arc<Shared>, stopped: oneshot::Receiver<()>) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = std::net::TcpListener::bind(shared.options.address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let thread = thread::Builder::new().name("local-lambda".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                () = accept(listener, shared) => {}
            }
        });
    })?;
    Ok((address, thread))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&shared)))),
            // Out of descriptors, or a client that has gone: neither ends the server.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

/// The way past hyper to a connection's socket.
#[derive(Clone)]
pub(super) struct Wire(mpsc::UnboundedSender<Vec<u8>>);

impl Wire {
    /// Writes `bytes`, then closes the connection.
    pub(super) fn write_and_close(&self, bytes: Vec<u8>) {
        // Fails only if the connection has been closed already.
        drop(self.0.send(bytes));
    }
}

type Served = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // A small answer must not wait for the acknowledgement of the one before. Without it the server still works.
    drop(stream.set_nodelay(true));
    let (wire, mut past) = mpsc::unbounded_channel();
    let wire = Wire(wire);
    let service = service_fn(move |request: Request<Incoming>| -> Served {
        let (shared, wire) = (Arc::clone(&shared), wire.clone());
        Box::pin(async move {
            match api::serve(&shared, &wire, request).await {
                Some(reply) => Ok(reply),
                // The connection ends under this future.
                None => {
                    wire.write_and_close(Vec::new());
                    future::pending().await
                }
            }
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // Whatever ends a connection ends only that.
        _ = &mut connection => {}
        Some(bytes) = past.recv() => {
            let mut stream = connection.into_parts().io.into_inner();
            if stream.write_all(&bytes).await.is_ok() {
                drop(stream.shutdown().await);
            }
        }
    }
}
