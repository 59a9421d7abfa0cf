//! What `serve` costs: one event through its Invoke API against the same event handed to a Runtime API server in this process, both
//! with the real `bootstrap` and `echo`. And how long `--watch` takes from a plugin's complete file to the first reply of it.
//!
//! ```sh
//! cargo bench --bench serve            # medians of 2,000 pairs
//! cargo bench --bench serve -- 500
//! ```
//!
//! Both sides take turns, one event each, the order changing from round to round. The HTTP client is a plain socket that is kept open.
//! Under `--watch` the clock runs from the last byte of the file to the reply to an event that is sent once the new process says that
//! it is up.

#[path = "../../tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use lambda_loader::local::{Bootstrap, Lambda};
use serde_json::json;
use support::build::Build;
use support::folder::Folder;
use support::{SOON, bootstrap, bootstrap_path, lambda, output};

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(2_000_usize).max(1);
    let echo = Build::plugin("echo").release().path();
    let folder = Folder::new(&[("echo", &echo)], json!({ "routes": { "any": { "source": "direct", "to": "echo" } } }));
    let event = json!({ "order": 4711, "note": "x".repeat(450) }).to_string();
    let direct = Direct::start(&folder);
    let mut served = Served::start(&folder, &[]);
    let mut times = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for round in 0..rounds + 50 {
        for side in [round % 2, 1 - round % 2] {
            let begun = Instant::now();
            if side == 0 {
                direct.ask(&event)
            } else {
                served.ask(&event)
            }
            // The first ones find everything cold.
            if round >= 50 {
                times[side].push(begun.elapsed());
            }
        }
    }
    let [direct, served] = times.map(median);
    println!("{rounds} pairs, medians");
    println!("Runtime API directly  {direct:>10.1?}");
    println!("through serve         {served:>10.1?}");
    println!("serve adds            {:>10.1?}", served.saturating_sub(direct));
    let mut rebuilds = rebuilds(&folder, &echo, &event);
    rebuilds.sort_unstable();
    let (count, last) = (rebuilds.len(), rebuilds.len() - 1);
    println!("{count} rebuilds under --watch: median {:.1?}, slowest {:.1?}", rebuilds[count / 2], rebuilds[last]);
}

/// From a complete file to the first reply.
fn rebuilds(folder: &Folder, echo: &Path, event: &str) -> Vec<Duration> {
    let mut served = Served::start(folder, &["--watch"]);
    served.ask(event);
    let plugin = folder.path().join("plugins/libecho.so");
    let mut bytes = std::fs::read(echo).expect("the plugin");
    let times = (0..20).map(|_| {
        while served.starts.try_recv().is_ok() {}
        // Behind the last section: another file, the same code.
        bytes.extend_from_slice(&[0; 64]);
        std::fs::write(&plugin, &bytes).expect("a rebuilt plugin");
        let complete = Instant::now();
        served.starts.recv_timeout(SOON).expect("it starts again");
        served.ask(event);
        complete.elapsed()
    });
    times.collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The process goes first, then its Lambda.
struct Direct {
    process: Bootstrap,
    lambda: Lambda,
}

impl Direct {
    fn start(folder: &Folder) -> Self {
        let lambda = lambda();
        Direct { process: bootstrap(&lambda, folder, &[]), lambda }
    }

    fn ask(&self, event: &str) {
        let answer = self.lambda.invoke(event.to_owned()).wait(SOON);
        let answer = answer.unwrap_or_else(|| panic!("no answer:\n{}", output(&self.process)));
        assert_eq!(answer.payload(), event);
    }
}

struct Served {
    child: Child,
    client: BufReader<TcpStream>,
    /// Told of each `bootstrap` that is up.
    starts: Receiver<()>,
}

impl Served {
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
        command.args(["serve", "--address", "127.0.0.1:0", "--manifest"]).arg(folder.manifest());
        command.arg("--bootstrap").arg(bootstrap_path()).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("serve starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next()).expect("where it serves");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        // Its access lines must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let err = BufReader::new(child.stderr.take().expect("its output"));
        let (sender, starts) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = err.lines().map_while(Result::ok);
            for _up in lines.filter(|line| line.contains("started in")) {
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
        Served { child, starts, client: BufReader::new(stream) }
    }

    fn ask(&mut self, event: &str) {
        let length = event.len();
        let head = "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nhost: x\r\ncontent-length:";
        let request = format!("{head} {length}\r\n\r\n{event}");
        self.client.get_mut().write_all(request.as_bytes()).expect("it is sent");
        let mut size = 0;
        loop {
            let mut line = String::new();
            self.client.read_line(&mut line).expect("a line");
            assert!(!line.is_empty(), "no answer");
            if let Some(length) = line.strip_prefix("content-length: ") {
                size = length.trim().parse().expect("a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; size];
        self.client.read_exact(&mut body).expect("the body");
        assert_eq!(body, event.as_bytes());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        let _status = self.child.wait();
    }
}
