//! Which files changed. By asking, not by inotify: that also works on mounts of other machines and of containers, a file that is
//! replaced needs no care, and a dozen `stat` calls are nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long files have to be left alone before they count as complete.
const QUIET: Duration = Duration::from_millis(40);

/// Device, file, size, change of content, change of anything; `None`: it is not there.
type Mark = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

pub(super) struct Watcher {
    files: Vec<PathBuf>,
    /// What was made use of.
    used: Vec<Mark>,
    /// What was seen last, and since when it has been so.
    seen: Vec<Mark>,
    since: Instant,
}

impl Watcher {
    /// Watches these from now on.
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let used = marks(&files);
        Watcher { files, seen: used.clone(), used, since: Instant::now() }
    }

    /// Whether there is something new, and nothing has moved for a while: a linker, an editor, a copy may take its time.
    pub(super) fn changed(&mut self) -> bool {
        let now = marks(&self.files);
        if now != self.seen {
            (self.seen, self.since) = (now, Instant::now());
            return false;
        }
        if self.seen == self.used || self.since.elapsed() < QUIET {
            return false;
        }
        // Whatever comes of it, the same files are not tried twice.
        self.used.clone_from(&self.seen);
        true
    }

    /// Watches other files: those that the manifest names now. What changed since they were last looked at is a change still, and so
    /// is a file that is new here: nobody knows since when it has been as it is.
    pub(super) fn follow(&mut self, files: &[PathBuf]) {
        if self.files == files {
            return;
        }
        let used = |file: &PathBuf| match self.files.iter().position(|known| known == file) {
            Some(index) => self.used.get(index).copied().flatten(),
            None => None,
        };
        self.used = files.iter().map(used).collect();
        self.files = files.to_vec();
        self.seen = marks(&self.files);
        self.since = Instant::now();
    }
}

fn marks(files: &[PathBuf]) -> Vec<Mark> {
    files.iter().map(mark).collect()
}

fn mark(file: &PathBuf) -> Mark {
    let data = std::fs::metadata(file).ok()?;
    Some((data.dev(), data.ino(), data.size(), (data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_that_is_followed_later_counts_once_and_one_that_is_not_there_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second, third] = ["1", "2", "3"].map(|name| folder.path().join(name));
        let mut watcher = Watcher::new(vec![first.clone()]);
        std::fs::write(&second, "2").unwrap();
        watcher.follow(&[first, second, third.clone()]);
        let mut changes = |wanted| {
            let begun = Instant::now();
            while watcher.changed() != wanted {
                assert!(begun.elapsed() < Duration::from_secs(20));
            }
        };
        changes(true);
        std::thread::sleep(QUIET * 2);
        assert!(!watcher.changed(), "counted already");
        std::fs::write(&third, "3").unwrap();
        let begun = Instant::now();
        while !watcher.changed() {
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    }

    #[test]
    fn a_change_counts_once_and_only_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "1").unwrap();
        let mut watcher = Watcher::new(vec![path.clone()]);
        std::thread::sleep(QUIET * 2);
        assert!(!watcher.changed(), "nothing has changed");
        let mut file = std::fs::File::create(&path).unwrap();
        for _ in 0..10 {
            file.write_all(b"part").unwrap();
            assert!(!watcher.changed(), "it is still being written");
        }
        let begun = Instant::now();
        while !watcher.changed() {
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
        assert!(!watcher.changed(), "counted already");
        std::fs::remove_file(&path).unwrap();
        while !watcher.changed() {
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    }
}
