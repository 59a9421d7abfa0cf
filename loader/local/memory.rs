//! How much memory a process has, as the kernel counts it (`man 5 proc_pid_status`, `man 5 proc_pid_smaps`).

use std::{fs, io};

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it (`VmRSS`).
    pub rss: u64,
    /// Not backed by a file: heap, stacks (`RssAnon`).
    pub anonymous: u64,
    /// Pages of mapped files (`RssFile`).
    pub file: u64,
    /// Shared memory, pages of a memfd among it (`RssShmem`).
    pub shared: u64,
    /// All of it, pages that other processes have too counted in part (`Pss` of `smaps_rollup`); 0 where the kernel does not say.
    pub proportional: u64,
}

impl Memory {
    /// Reads the memory of process `pid`.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        Ok(parse(&status, &rollup))
    }
}

/// The most memory that process `pid` has had resident (`VmHWM`), in bytes.
///
/// # Errors
/// There is no such process.
pub(super) fn peak(pid: u32) -> io::Result<u64> {
    Ok(field(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmHWM"))
}

/// A figure in bytes; 0 where it is missing.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

fn parse(status: &str, rollup: &str) -> Memory {
    Memory {
        rss: field(status, "VmRSS"),
        anonymous: field(status, "RssAnon"),
        file: field(status, "RssFile"),
        shared: field(status, "RssShmem"),
        proportional: field(rollup, "Pss"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read_and_missing_ones_are_zero() {
        let status = "Name:\tx\nVmRSS:\t    4096 kB\nRssAnon:\t     100 kB\nRssFile:\t    3990 kB\nRssShmem:\t       6 kB\n";
        let rollup = "00400000-7fff rollup\nRss: 4096 kB\nPss:    2000 kB\nPss_Dirty: 1 kB\n";
        let memory =
            Memory { rss: 4096 << 10, anonymous: 100 << 10, file: 3990 << 10, shared: 6 << 10, proportional: 2000 << 10 };
        assert_eq!(parse(status, rollup), memory);
        assert_eq!(parse("VmRSS:\tmany kB\nVmRSSX: 1 kB", ""), Memory::default());
    }

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.rss > 0 && memory.rss >= memory.anonymous, "{memory:?}");
        assert!(peak(std::process::id()).unwrap() >= memory.anonymous);
        assert!(Memory::of(u32::MAX).is_err() && peak(u32::MAX).is_err());
    }
}
