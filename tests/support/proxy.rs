//! What may stand between a client and S3: a proxy that passes requests on, remembers what was asked, and does to single objects what
//! networks and services do.
#![allow(dead_code, reason = "each test binary compiles this module for itself and uses a part of it")]
#![allow(unreachable_pub, reason = "public to the test binary that includes it")]

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What becomes of a request for an object.
#[derive(Clone, Debug)]
pub enum Fault {
    /// S3's error of that status and code, with these headers besides.
    Status(u16, &'static str, String),
    /// The first byte comes that much later.
    Late(Duration),
    /// After so many bytes of the body nothing comes any more, and the connection stays.
    Stalls(usize),
    /// After so many bytes of the body the connection ends.
    Breaks(usize),
    /// The body goes on after so many bytes, and the length is said to end there.
    Shortens(usize),
    /// This bit of the body is another.
    Flips(usize),
    /// This bit of the request's body is another.
    Damages(usize),
    /// The length is said to be this.
    Claims(u64),
    /// A body without a length and without an end.
    Endless,
    /// Bytes that are no HTTP.
    Gibberish,
}

/// How often a fault is done; then the object is as it is.
pub const ALWAYS: usize = usize::MAX;

#[derive(Default)]
struct State {
    /// By a part of method and path.
    faults: Mutex<HashMap<String, (Fault, usize)>>,
    asked: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// A proxy; dropping it ends it.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    /// Starts one before `server`.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), shared) = (client, Arc::clone(&shared)) else { continue };
                // Whatever ends a connection ends only that.
                thread::spawn(move || drop(serve(client, server, &shared)));
            }
        });
        Proxy { address, state }
    }

    /// Does `fault` to the first `times` requests of which `METHOD /path` holds `part`.
    pub fn on(&self, part: &str, fault: Fault, times: usize) -> &Self {
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), (fault, times));
        self
    }

    /// The heads of the requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests so far: `GET /bucket/key?query`.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, if it is still there to be woken.
        drop(TcpStream::connect(self.address));
    }
}

fn fault(state: &State, asked: &str) -> Option<Fault> {
    let mut faults = state.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, (fault, times)) = faults.iter_mut().find(|(part, (_, times))| asked.contains(part.as_str()) && *times > 0)?;
    *times -= 1;
    Some(fault.clone())
}

/// One connection: requests one after the other, each over a connection of its own to the server.
fn serve(mut client: TcpStream, server: SocketAddr, state: &State) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut left = Vec::new();
    loop {
        let Some(head) = head(&mut client, &mut left)? else { return Ok(()) };
        let text = String::from_utf8_lossy(&head).into_owned();
        let line: Vec<&str> = text.split(' ').take(2).collect();
        // An operation's own name says nothing that the method does not.
        let asked = line.join(" ").replace("x-id=GetObject&", "").replace("?x-id=GetObject", "").replace("?x-id=PutObject", "");
        state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        state.heads.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_lowercase());
        let mut body = exact(&mut client, &mut left, length(&text))?;
        // The answer has no body, whatever its length is said to be.
        let bare = asked.starts_with("HEAD ");
        let fault = fault(state, &asked);
        match &fault {
            Some(Fault::Status(status, code, headers)) => {
                let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
                let head = format!(
                    "HTTP/1.1 {status} X\r\nx-amz-request-id: REQUEST7\r\ncontent-type: application/xml\r\n{headers}content-length: {}\r\n\r\n",
                    xml.len()
                );
                client.write_all((head + if bare { "" } else { &xml }).as_bytes())?;
                continue;
            }
            Some(Fault::Gibberish) => return client.write_all(b"220 mail.example ESMTP\r\n"),
            Some(Fault::Endless) => {
                client.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
                loop {
                    client.write_all(&chunk)?;
                }
            }
            Some(Fault::Late(time)) => thread::sleep(*time),
            Some(Fault::Damages(at)) => body.get_mut(*at).into_iter().for_each(|byte| *byte ^= 1),
            _ => {}
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&head)?;
        // It may answer, and go, before it has read everything.
        let _refused = upstream.write_all(&body);
        let mut more = Vec::new();
        let Some(answer) = self::head(&mut upstream, &mut more)? else { return Ok(()) };
        let answered = String::from_utf8_lossy(&answer).into_owned();
        let mut bytes = exact(&mut upstream, &mut more, if bare { 0 } else { length(&answered) })?;
        let said =
            |length: u64| answered.replace(&format!("content-length: {}", bytes.len()), &format!("content-length: {length}"));
        match fault {
            Some(Fault::Stalls(after)) => {
                client.write_all(&answer)?;
                client.write_all(&bytes[..after])?;
                // Until the client gives up.
                let _ended = client.read(&mut [0]);
                return Ok(());
            }
            Some(Fault::Breaks(after)) => {
                client.write_all(&answer)?;
                return client.write_all(&bytes[..after]);
            }
            Some(Fault::Shortens(after)) => {
                client.write_all(said(after as u64).as_bytes())?;
                return client.write_all(&bytes);
            }
            Some(Fault::Claims(claimed)) => {
                client.write_all(said(claimed).as_bytes())?;
                return client.write_all(&bytes);
            }
            Some(Fault::Flips(at)) => bytes[at] ^= 1,
            _ => {}
        }
        client.write_all(&answer)?;
        client.write_all(&bytes)?;
    }
}

/// Everything up to the empty line; `None` where the connection ends before.
fn head(stream: &mut TcpStream, left: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = left.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(left.drain(..at + 4).collect()));
        }
        let mut buffer = [0; 16 << 10];
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => left.extend_from_slice(&buffer[..count]),
        }
    }
}

fn exact(stream: &mut TcpStream, left: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes: Vec<u8> = left.drain(..length.min(left.len())).collect();
    let at = bytes.len();
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[at..])?;
    Ok(bytes)
}

fn length(head: &str) -> usize {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
