//! Who a child process is.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// `nobody`, as Debian and Amazon Linux number it.
const NOBODY: u32 = 65_534;

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    Nobody,
}

impl User {
    /// Whoever runs the tests, and where that is root, somebody else too.
    pub(crate) fn all() -> &'static [User] {
        if rustix::process::geteuid().is_root() {
            &[User::Root, User::Nobody]
        } else {
            eprintln!("skipped: as root: the tests run as another user");
            &[User::Nobody]
        }
    }

    /// Makes a child process theirs.
    pub(crate) fn owns(self, command: &mut Command) {
        if self == User::Nobody && rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
    }
}
