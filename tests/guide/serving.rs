//! `lambda-loader serve` as a page starts it, on a port of its own: the blocks after it talk to that one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::SOON;
use crate::support::build::target_dir;

/// Where `serve` listens unless it is told otherwise.
const USUAL: &str = "127.0.0.1:9000";

pub(crate) struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    /// Starts what `line` of a page starts.
    pub(crate) fn start(line: &str, folder: &Path) -> Self {
        let log = folder.join(".served");
        let mut shell = Command::new("sh");
        shell.args(["-euc", &format!("exec {line} --address 127.0.0.1:0")]).current_dir(folder);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = shell.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("{first}{}", std::fs::read_to_string(&log).unwrap())).to_owned();
        // Its access lines must not fill the pipe.
        std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
        Serving { child, address }
    }

    /// A page's commands for this one's address, and without those whose program is not here.
    pub(crate) fn commands<'t>(&self, lines: impl Iterator<Item = &'t str>) -> Vec<String> {
        let clients = target_dir().join("clients/bin");
        let lines = lines.filter_map(|line| {
            let (program, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
            let program = match program {
                "aws" if clients.join("aws").exists() => clients.join("aws").to_str().unwrap().to_owned(),
                "aws" | "curl" if !runs(program) => {
                    eprintln!("skipped: {line:?}: {program} is not installed; .ci/run installs the AWS CLI");
                    return None;
                }
                program => program.to_owned(),
            };
            Some(program + &rest.replace(USUAL, &self.address))
        });
        lines.collect()
    }
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Drop for Serving {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ended = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() > SOON {
                self.child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
