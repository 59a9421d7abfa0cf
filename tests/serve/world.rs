//! A folder with plugins and a manifest, and `serve` in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path};

/// Operations of `misbehave`, `echo` for direct events and for HTTP, a stream under `/stream`.
pub(crate) fn manifest() -> Value {
    let mut routes = json!({
        "any": { "source": "direct", "to": "echo" },
        "site": { "source": "http", "path": "/{*rest}", "to": "echo" },
        "stream": { "source": "http", "path": "/stream", "to": "misbehave.stream", "reply": "stream" },
        "broken": { "source": "http", "path": "/broken", "to": "misbehave.error" },
    });
    for name in ["error", "panic", "context", "sleep", "wait", "huge"] {
        routes[name] = json!({ "source": "operation", "name": name, "to": format!("misbehave.{name}") });
    }
    json!({ "routes": routes })
}

pub(crate) fn folder(manifest: Value) -> Folder {
    let (echo, misbehave) = (Build::plugin("echo").path(), Build::plugin("misbehave").path());
    Folder::new(&[("echo", &echo), ("misbehave", &misbehave)], manifest)
}

/// Lines of a process so far.
type Lines = Arc<Mutex<Vec<String>>>;

pub(crate) struct Serve {
    child: Child,
    pub(crate) address: String,
    out: Lines,
    err: Lines,
    pub(crate) folder: Folder,
}

/// What plain HTTP gave.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn collect(from: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let all = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            all.lock().unwrap().push(line);
        }
    });
    lines
}

/// Waits until `found` has something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Serve {
    /// With this manifest and these further arguments, on a port of its own.
    pub(crate) fn start(manifest: Value, arguments: &[&str]) -> Self {
        Self::start_in(folder(manifest), arguments)
    }

    pub(crate) fn start_in(folder: Folder, arguments: &[&str]) -> Self {
        Self::launch(folder, arguments).serving()
    }

    /// Started, and perhaps not serving yet.
    pub(crate) fn launch(folder: Folder, arguments: &[&str]) -> Self {
        // Its own, so that what it leaves behind shows.
        let temporary = folder.path().join("tmp");
        fs::create_dir_all(&temporary).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
        command.arg("serve").args(["--address", "127.0.0.1:0", "--manifest"]).arg(folder.manifest());
        if !arguments.contains(&"--bootstrap") {
            command.arg("--bootstrap").arg(bootstrap_path());
        }
        command.args(arguments).env_clear().env("TMPDIR", temporary).current_dir(folder.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        Serve { child, address: String::new(), out, err, folder }
    }

    /// Once it serves.
    #[track_caller]
    pub(crate) fn serving(mut self) -> Self {
        let begun = Instant::now();
        while self.address.is_empty() {
            let first = self.out.lock().unwrap().first().cloned();
            if let Some(rest) = first.as_deref().and_then(|line| line.split_once("http://")) {
                self.address = rest.1.split(['"', ',']).next().unwrap().to_owned();
            }
            assert!(begun.elapsed() < SOON, "it does not serve:\n{}", self.errors());
            thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::INT).unwrap();
    }

    pub(crate) fn errors(&self) -> String {
        self.err.lock().unwrap().join("\n")
    }

    /// The first line of its standard error with all of `words`.
    #[track_caller]
    pub(crate) fn told(&self, words: &[&str]) -> String {
        self.line_of(&self.err, words)
    }

    /// The first line of its standard output with all of `words`.
    #[track_caller]
    pub(crate) fn printed(&self, words: &[&str]) -> String {
        self.line_of(&self.out, words)
    }

    #[track_caller]
    fn line_of(&self, lines: &Lines, words: &[&str]) -> String {
        let begun = Instant::now();
        loop {
            let all = lines.lock().unwrap().clone();
            if let Some(line) = all.iter().find(|line| words.iter().all(|word| line.contains(word))) {
                return line.clone();
            }
            assert!(begun.elapsed() < SOON, "no {words:?} in {all:?}\n{}", self.errors());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a request and leaves the answer to come.
    pub(crate) fn send(&self, head: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let (first, more) = head.split_once('\n').unwrap_or((head, ""));
        let more: String = more.lines().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let head =
            format!("{first} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    /// Sends a request: `POST /path` and header lines.
    #[track_caller]
    pub(crate) fn ask(&self, head: &str, body: impl AsRef<[u8]>) -> Reply {
        read(self.send(head, body.as_ref()))
    }

    /// Invokes the function.
    #[track_caller]
    pub(crate) fn invoke(&self, headers: &str, event: impl AsRef<[u8]>) -> Reply {
        self.ask(&format!("POST /2015-03-31/functions/function/invocations\n{headers}"), event)
    }

    /// The same with an operation.
    #[track_caller]
    pub(crate) fn operation(&self, name: &str, input: Value) -> Reply {
        self.invoke("", json!({ "operation": name, "input": input }).to_string())
    }

    /// The function still answers.
    #[track_caller]
    pub(crate) fn serves_on(&self) {
        let reply = self.invoke("", "[1]");
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"[1]".as_slice()), "{}", self.errors());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The `bootstrap` under it.
    #[track_caller]
    pub(crate) fn bootstrap(&self) -> rustix::process::Pid {
        let mine = format!("PPid:\t{}\n", self.pid());
        until("no bootstrap", || {
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok()).find_map(
                |pid| {
                    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
                    (status.contains(&mine) && !status.contains("State:\tZ")).then(|| rustix::process::Pid::from_raw(pid))?
                },
            )
        })
    }

    /// How it ends.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        until("it goes on", || self.child.try_wait().unwrap()).code()
    }
}

/// Reads an answer to the end of its connection.
#[track_caller]
pub(crate) fn read(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let _cut = stream.read_to_end(&mut bytes);
    let at =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap().replace('\r', "");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: bytes[at + 4..].to_vec() }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ended = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _again = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() > SOON {
                self.child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(crate) use crate::support::client;
