//! What kind of mount a file lies on.

use std::os::fd::AsFd;

use rustix::fs::{StatVfsMountFlags, fstatfs, fstatvfs};
use rustix::io::Errno;

/// The mount below an open file, as the start line reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Whether the kernel refuses writes through this mount. It says nothing about the bytes below: a read-only bind mount, an
    /// overlay or a loop image can all change under it.
    pub read_only: bool,
    /// The file system's name, or `other`.
    pub kind: &'static str,
}

impl Mount {
    /// The mount of an open file or folder.
    ///
    /// # Errors
    /// What `fstatvfs` or `fstatfs` answers.
    pub fn of(file: impl AsFd) -> Result<Mount, Errno> {
        let file = file.as_fd();
        Ok(Mount {
            read_only: fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY),
            kind: kind(fstatfs(file)?.f_type as u64),
        })
    }
}

/// Names from `linux/magic.h`, for the file systems that Lambda and container hosts are known to use.
fn kind(magic: u64) -> &'static str {
    match magic {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x794c_7630 => "overlay",
        0x0102_1994 => "tmpfs",
        0x7371_7368 => "squashfs",
        0xe0f5_e1e2 => "erofs",
        0x6969 => "nfs",
        0x6573_5546 => "fuse",
        0x0102_1997 => "9p",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_system_of_an_open_file() {
        assert_eq!(kind(0x7371_7368), "squashfs");
        assert_eq!(kind(1), "other");
        let file = tempfile::tempfile().unwrap();
        assert!(!Mount::of(&file).unwrap().read_only, "a file could be made there");
    }
}
