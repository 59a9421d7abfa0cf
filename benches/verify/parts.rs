//! Verification, part by part.

use std::path::PathBuf;
use std::time::Instant;

use lambda_loader::load::SPOKEN;
use lambda_loader::verify::seal::{Content, Memfd};
use lambda_loader::verify::{self, Kind, Rules, open};

use crate::figures::median;

/// In the order of the figures.
pub(crate) const PARTS: [&str; 5] = ["open", "read into memory", "seal", "map and hash", "ELF and note"];

/// Seconds of each part for all files.
pub(crate) fn median_of_each(files: &[PathBuf], rounds: usize) -> [f64; PARTS.len()] {
    let rules = Rules::here(&[], SPOKEN);
    let mut times: [Vec<f64>; PARTS.len()] = Default::default();
    for _ in 0..rounds {
        let mut round = [0.0; PARTS.len()];
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            let (root, name) = (file.parent().expect("a folder"), file.file_name().expect("a name"));
            let mut last = Instant::now();
            let mut lap = |part: usize| {
                let now = Instant::now();
                round[part] += now.duration_since(last).as_secs_f64();
                last = now;
            };
            let opened = open::beneath(root, name.as_ref()).expect("a file");
            lap(0);
            let mut memfd = Memfd::create().expect("a memory file");
            memfd.append_file(&opened).expect("room");
            lap(1);
            let sealed = memfd.seal().expect("seals");
            lap(2);
            let content = Content::sealed(sealed).expect("a mapping");
            lap(3);
            verify::object(content.bytes(), "echo", Kind::Plugin, &rules).expect("a good plugin");
            lap(4);
            kept.push(content.into_descriptor());
        }
        for (times, seconds) in times.iter_mut().zip(round) {
            times.push(seconds);
        }
    }
    times.each_mut().map(|times| median(times))
}
