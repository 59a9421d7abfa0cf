//! Another server, for plugins that ask one: HTTP/1.1 over TCP or TLS, as little of it as a client needs.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server on a port of its own. Its threads end with the test's process.
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Remote {
    /// Without encryption.
    pub(crate) fn plain() -> Self {
        Self::start(|stream| answer_all(BufReader::new(stream)))
    }

    /// With a certificate for `localhost`, which is returned in PEM: it is its own authority.
    pub(crate) fn tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let remote = Self::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            answer_all(BufReader::new(StreamOwned::new(connection, stream)))
        });
        (remote, made.cert.pem())
    }

    fn start(serve: impl Fn(std::net::TcpStream) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let remote = Remote { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = Arc::clone(&remote.connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                // A client that leaves, or does not trust the certificate, ends its own connection only.
                thread::spawn(move || drop(serve(stream)));
            }
        });
        remote
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answers each request of a connection with its own first line and `host`; `/large` with 2 MB, `/silent` not at all.
fn answer_all(mut stream: BufReader<impl Read + Write>) -> io::Result<()> {
    loop {
        let (mut first, mut host) = (String::new(), String::new());
        stream.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.to_ascii_lowercase().starts_with("host:") {
                line.trim().clone_into(&mut host);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let (status, body) = match first.split_whitespace().nth(1) {
            Some("/silent") => {
                thread::sleep(crate::support::SOON);
                return Ok(());
            }
            Some("/large") => ("200 OK", "x".repeat(2 << 20)),
            Some("/missing") => ("404 Not Found", String::new()),
            _ => ("200 OK", format!("{} | {}", first.trim(), host.to_ascii_lowercase())),
        };
        let stream = stream.get_mut();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
        stream.flush()?;
    }
}
