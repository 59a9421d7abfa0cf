//! A real S3 server in this process, which takes signed requests alone. Objects lie in a folder: `bucket/key`.
#![allow(dead_code, reason = "each test binary compiles this module for itself and uses a part of it")]
#![allow(unreachable_pub, reason = "public to the test binary that includes it")]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Who may ask.
pub const ACCESS_KEY: &str = "AKIATESTTESTTESTTEST";
/// With this secret.
pub const SECRET_KEY: &str = "s3cr3t-of-the-access-key";

/// A server; dropping it ends it.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one without buckets.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("its address");
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, service) => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("s3".to_owned()).spawn(work).expect("a thread");
        Server { address, folder, stop: Some(stop), thread: Some(thread) }
    }

    /// Puts an object there, and its bucket.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let path = self.path(bucket, key);
        fs::create_dir_all(path.parent().expect("a bucket")).expect("a folder");
        fs::write(path, bytes).expect("an object");
    }

    /// Where an object lies.
    pub fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.path().join(bucket).join(key)
    }

    /// Variables by which a client finds it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        variables(self.address)
    }
}

/// Variables by which a client finds a server, or a proxy before it, and may ask it.
pub fn variables(address: SocketAddr) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL_S3", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

async fn accept(listener: TcpListener, service: S3Service) {
    loop {
        // Out of descriptors, or a client that has gone: neither ends the server.
        let Ok((stream, _)) = listener.accept().await else { continue };
        drop(stream.set_nodelay(true));
        // A connection that breaks ends only itself.
        drop(tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone())));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
