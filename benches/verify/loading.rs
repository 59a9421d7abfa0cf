//! What follows verification, in processes of their own: `dlopen`, layout and handshake, start.

use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lambda_loader::load::{self, SPOKEN};
use lambda_loader::verify::{self, Kind, Rules};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::figures::median;

/// The first argument of such a process.
pub(crate) const CHILD: &str = "load";
const PROCESSES: usize = 15;

/// For all plugins, in seconds.
pub(crate) struct Times {
    pub(crate) dlopen: f64,
    pub(crate) handshake: f64,
    pub(crate) start: f64,
    pub(crate) checks: usize,
}

pub(crate) fn times(files: &[PathBuf]) -> Times {
    let mut all: [Vec<f64>; 4] = Default::default();
    for _ in 0..PROCESSES {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let output = command.arg(CHILD).args(files).output().expect("this program runs again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("figures");
        for (times, figure) in all.iter_mut().zip(text.split_whitespace()) {
            times.push(figure.parse().expect("a figure"));
        }
    }
    let [dlopen, handshake, start, checks] = all.each_mut().map(|times| median(times));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    Times { dlopen, handshake, start, checks: checks as usize }
}

/// Loads and starts all files, and prints the seconds of each part.
pub(crate) fn child(files: &[String]) {
    let rules = Rules::here(&[], SPOKEN);
    let verified = files
        .iter()
        .map(|file| verify::artifact(&crate::artifact(Path::new(file)), Kind::Plugin, &rules).expect("a good plugin"));
    let verified: Vec<_> = verified.collect();
    let start = Instant::now();
    for verified in &verified {
        let name = format!("/proc/self/fd/{}", verified.descriptor.as_raw_fd());
        // SAFETY: constructors of `echo` run, which has none but those of the standard library. The loader opens the same name again
        // below, and finds it loaded.
        #[expect(unsafe_code, reason = "times `dlopen` alone")]
        let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }.expect("a library");
        std::mem::forget(library);
    }
    let dlopen = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let loaded: Vec<_> = verified.into_iter().map(|verified| load::plugin(verified).expect("a plugin")).collect();
    let handshake = start.elapsed().as_secs_f64();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let start = Instant::now();
    for loaded in &loaded {
        runtime.block_on(loaded.start("null")).expect("a start");
    }
    let start = start.elapsed().as_secs_f64();
    println!("{dlopen} {handshake} {start} {}", load::layout_checks());
    // Plugins have threads, and nothing to end in order.
    std::process::exit(0);
}
