//! Keeps the bytes that were checked the bytes that are mapped: a sealed copy in memory, or, where the sandbox has none, the file
//! itself on a read-only mount.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create, sendfile};
use rustix::io::{Errno, pread, write};

use super::map::Mapping;
use super::mount::Mount;
use super::open::{LARGEST, Opened, reason, too_large};
use crate::digest::Digest;
use crate::refusal::{Code, Refusal};

/// What keeps the mapped bytes the checked ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// A sealed copy in memory: nothing can change it.
    Sealed,
    /// The file itself, on a read-only mount, in a process that is not root: this process cannot change it.
    ReadOnlyMount,
}

impl Mechanism {
    /// As in logs: `sealed`, `read-only-mount`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Sealed => "sealed",
            Mechanism::ReadOnlyMount => "read-only-mount",
        }
    }
}

/// A memory file that is being filled: from a file here, from a network stream later.
#[derive(Debug)]
pub struct Memfd {
    descriptor: OwnedFd,
    length: u64,
}

impl Memfd {
    /// An empty one.
    ///
    /// # Errors
    /// What `memfd_create` answers; EPERM and ENOSYS where a sandbox forbids it.
    pub fn create() -> Result<Memfd, Errno> {
        let plain = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // MFD_NOEXEC_SEAL (Linux 6.3) takes only the x bits of the mode: the file can never be run as a program, while mapping it
        // executable still works, under every value of vm.memfd_noexec. Older kernels answer EINVAL to a flag that they do not know.
        let made = memfd_create("lambda-loader", plain | MemfdFlags::NOEXEC_SEAL);
        let descriptor = match made {
            Err(Errno::INVAL) => memfd_create("lambda-loader", plain)?,
            other => other?,
        };
        Ok(Memfd { descriptor, length: 0 })
    }

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// What `write` answers, or EFBIG above [`LARGEST`].
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<(), Errno> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.length > LARGEST {
            return Err(Errno::FBIG);
        }
        while !bytes.is_empty() {
            match write(&self.descriptor, bytes) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Appends what stands in a file from its start on, wherever its descriptor's own offset is.
    ///
    /// # Errors
    /// `artifact-unreadable`, `artifact-too-large`, `seal-unavailable`.
    pub fn append_file(&mut self, opened: &Opened) -> Result<(), Refusal> {
        match self.send(opened)? {
            Sent::All => Ok(()),
            Sent::Until(offset) => each_block(opened, offset, |block| self.append(block).map_err(unfilled)),
        }
    }

    /// As much as one copy within the kernel takes. An error is left to reading and writing, which say whose it is.
    ///
    /// `sendfile` copies into the memory file's own pages; the file's are never lent to it (`iter_file_splice_write` in fs/splice.c, and
    /// splice(2) of SPLICE_F_MOVE): a change of the file later on does not reach them.
    fn send(&mut self, opened: &Opened) -> Result<Sent, Refusal> {
        let mut offset = 0;
        loop {
            // One byte too many at the most, so that a file that grows all the while comes to an end.
            let room = usize::try_from((LARGEST + 1).saturating_sub(self.length)).unwrap_or(usize::MAX);
            match sendfile(&self.descriptor, &opened.file, Some(&mut offset), room) {
                Ok(0) => return Ok(Sent::All),
                Ok(count) => self.length = self.length.saturating_add(count as u64),
                Err(Errno::INTR) => {}
                Err(_) => return Ok(Sent::Until(offset)),
            }
            if self.length > LARGEST {
                return Err(too_large("the file"));
            }
        }
    }

    /// Ends the filling. From here on nothing, this process included, can change a byte or the length.
    ///
    /// # Errors
    /// What `fcntl` answers, or EPERM where the seals are not all there afterwards.
    pub fn seal(self) -> Result<Sealed, Errno> {
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        patiently(|| fcntl_add_seals(&self.descriptor, seals))?;
        if !fcntl_get_seals(&self.descriptor)?.contains(seals) {
            return Err(Errno::PERM);
        }
        // Asked only now that it cannot change any more.
        let length = usize::try_from(fstat(&self.descriptor)?.st_size).map_err(|_| Errno::FBIG)?;
        Ok(Sealed { descriptor: self.descriptor, length })
    }
}

/// How often a seal is asked for.
const ATTEMPTS: u32 = 10;

/// Asks again while the kernel answers EBUSY: a writable mapping, which nobody has here, or a page that something holds for a moment
/// (`F_SEAL_WRITE` in fcntl(2), `memfd_wait_for_pins` in mm/memfd.c). A test has met it on a busy machine.
fn patiently(mut seal: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    for _ in 1..ATTEMPTS {
        match seal() {
            Err(Errno::BUSY) => std::thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    seal()
}

/// How far a file was copied within the kernel.
enum Sent {
    All,
    /// From this offset on it has to be read and written.
    Until(u64),
}

/// A memory file whose bytes can no longer change. Only [`Memfd::seal`] makes one.
#[derive(Debug)]
pub struct Sealed {
    descriptor: OwnedFd,
    length: usize,
}

impl Sealed {
    pub(super) const fn length(&self) -> usize {
        self.length
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Bytes to check, and the descriptor through which exactly those are mapped later.
#[derive(Debug)]
pub struct Content {
    bytes: Bytes,
    descriptor: OwnedFd,
    /// What keeps the two the same.
    pub mechanism: Mechanism,
    /// The SHA-256 of the bytes.
    pub digest: Digest,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapping),
    Copied(Vec<u8>),
}

impl Content {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(mapping) => mapping.bytes(),
            Bytes::Copied(bytes) => bytes,
        }
    }

    /// Gives up the view and keeps the descriptor.
    #[must_use]
    pub fn into_descriptor(self) -> OwnedFd {
        self.descriptor
    }

    /// The content of a memory file that has been filled and sealed.
    ///
    /// # Errors
    /// `seal-unavailable` where it cannot be mapped.
    pub fn sealed(sealed: Sealed) -> Result<Content, Refusal> {
        let mapping = Mapping::of(&sealed).map_err(|errno| {
            Refusal::new(Code::SealUnavailable, "", format!("the sealed copy cannot be mapped: {}", reason(errno)))
                .hint("give the function more memory")
        })?;
        let digest = Digest::of(mapping.bytes());
        Ok(Content { bytes: Bytes::Mapped(mapping), descriptor: sealed.descriptor, mechanism: Mechanism::Sealed, digest })
    }
}

/// Which mechanism it will be, and no lesser one.
///
/// # Errors
/// `seal-unavailable`.
pub fn decide(memfd: Result<(), Errno>, mount: &Mount, root: bool) -> Result<Mechanism, Refusal> {
    let refused = match memfd {
        Ok(()) => return Ok(Mechanism::Sealed),
        Err(errno) => errno,
    };
    let fact = match refused {
        Errno::PERM | Errno::NOSYS if !mount.read_only => "the file is not on a read-only mount",
        // Root can remount, and write to the device below.
        Errno::PERM | Errno::NOSYS if root => "the process is root",
        Errno::PERM | Errno::NOSYS => return Ok(Mechanism::ReadOnlyMount),
        _ => "this is no refusal by a sandbox",
    };
    let what = format!("no sealed copy can be made (memfd: {}), and {fact}", reason(refused));
    Err(Refusal::new(Code::SealUnavailable, "", what)
        .hint("allow memfd_create, or run as a user other than root with the file on a read-only mount"))
}

/// Takes the bytes of an open file: into a sealed copy, or, where [`decide`] lets it, as they lie.
///
/// # Errors
/// `seal-unavailable`, `artifact-unreadable`, `artifact-too-large`.
pub fn take(opened: Opened) -> Result<Content, Refusal> {
    let refused = match Memfd::create() {
        Ok(mut memfd) => {
            memfd.append_file(&opened)?;
            match memfd.seal() {
                Ok(sealed) => return Content::sealed(sealed),
                Err(errno) => errno,
            }
        }
        Err(errno) => errno,
    };
    let root = rustix::process::getuid().is_root() || rustix::process::geteuid().is_root();
    let mechanism = decide(Err(refused), &opened.mount, root)?;
    let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or_default());
    each_block(&opened, 0, |block| {
        bytes.extend_from_slice(block);
        Ok(())
    })?;
    let digest = Digest::of(&bytes);
    Ok(Content { bytes: Bytes::Copied(bytes), descriptor: opened.file, mechanism, digest })
}

fn unfilled(errno: Errno) -> Refusal {
    Refusal::new(Code::SealUnavailable, "", format!("the sealed copy cannot be filled: {}", reason(errno)))
        .hint("give the function more memory")
}

/// Reads by position from `offset` on, so that the descriptor's own offset does not matter, to at most [`LARGEST`] bytes, however the
/// file grows. Blocks of 256 KiB stay in the processor's cache.
fn each_block(opened: &Opened, mut offset: u64, mut each: impl FnMut(&[u8]) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let left = opened.size.saturating_sub(offset);
    let mut block = vec![0; usize::try_from(left).unwrap_or(usize::MAX).clamp(4 << 10, 256 << 10)];
    loop {
        match pread(&opened.file, &mut block, offset) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                offset += count as u64;
                if offset > LARGEST {
                    return Err(too_large("the file"));
                }
                each(block.get(..count).unwrap_or_default())?;
            }
            Err(Errno::INTR) => {}
            Err(errno) => {
                return Err(Refusal::new(Code::ArtifactUnreadable, "", format!("the file cannot be read: {}", reason(errno)))
                    .hint("put a plain file there, and ship it again"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    const WRITABLE: Mount = Mount { read_only: false, kind: "tmpfs" };
    const READ_ONLY: Mount = Mount { read_only: true, kind: "squashfs" };

    #[test]
    fn nothing_less_than_a_seal_or_a_read_only_mount_without_root_is_taken() {
        let check = |memfd, mount, root, expected: Result<Mechanism, &str>| match (decide(memfd, &mount, root), expected) {
            (Ok(mechanism), Ok(wanted)) => assert_eq!(mechanism, wanted),
            (Err(refusal), Err(words)) => {
                assert_eq!(refusal.code, Code::SealUnavailable);
                assert!(refusal.what.contains(words), "{refusal}");
            }
            (got, wanted) => panic!("{memfd:?} {mount:?} root {root}: {got:?}, wanted {wanted:?}"),
        };
        for mount in [WRITABLE, READ_ONLY] {
            for root in [true, false] {
                check(Ok(()), mount, root, Ok(Mechanism::Sealed));
                for errno in [Errno::MFILE, Errno::NOMEM, Errno::ACCESS, Errno::INVAL, Errno::NOSPC] {
                    check(Err(errno), mount, root, Err("no refusal by a sandbox"));
                }
            }
        }
        for errno in [Errno::PERM, Errno::NOSYS] {
            check(Err(errno), READ_ONLY, false, Ok(Mechanism::ReadOnlyMount));
            check(Err(errno), READ_ONLY, true, Err("the process is root"));
            check(Err(errno), WRITABLE, false, Err("not on a read-only mount"));
            check(Err(errno), WRITABLE, true, Err("not on a read-only mount"));
        }
    }

    fn opened(bytes: &[u8]) -> Opened {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Opened { file: file.into(), size: bytes.len() as u64, mount: WRITABLE, lookup: super::super::open::Lookup::Openat2 }
    }

    #[test]
    fn a_sealed_copy_can_be_neither_written_nor_resized_nor_mapped_writable() {
        let content = take(opened(b"some bytes")).unwrap();
        assert_eq!(
            (content.mechanism, content.bytes(), content.digest),
            (Mechanism::Sealed, &b"some bytes"[..], Digest::of(b"some bytes"))
        );
        let file = std::fs::File::from(content.into_descriptor());
        assert_eq!(file.write_at(b"x", 0).unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert_eq!(file.set_len(3).unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert_eq!(file.set_len(30).unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert_eq!(fcntl_add_seals(&file, SealFlags::FUTURE_WRITE), Err(Errno::PERM));
        // Opening it again through its magic link gives no way around the seal.
        let again =
            std::fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
        assert_eq!(again.unwrap().write_at(b"x", 0).unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert_eq!(std::io::read_to_string(&file).unwrap_or_default().len(), 0, "the offset is at the end");
    }

    #[test]
    fn a_page_that_the_kernel_holds_for_a_moment_is_waited_for_and_not_for_ever() {
        let check = |busy: u32, then: Result<(), Errno>, expected: Result<(), Errno>| {
            let mut asked = 0;
            let sealed = patiently(|| {
                asked += 1;
                if asked <= busy { Err(Errno::BUSY) } else { then }
            });
            assert_eq!((sealed, asked), (expected, (busy + 1).min(ATTEMPTS)), "{busy} {then:?}");
        };
        for busy in [0, 1, ATTEMPTS - 1] {
            check(busy, Ok(()), Ok(()));
            check(busy, Err(Errno::PERM), Err(Errno::PERM));
        }
        check(ATTEMPTS, Ok(()), Err(Errno::BUSY));
    }

    #[test]
    fn files_of_every_size_are_taken_whole() {
        for size in [0_usize, 1, 4095, 4096, 4097, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let content = take(opened(&bytes)).unwrap();
            assert!(content.bytes() == bytes, "{size}");
            assert_eq!(content.digest, Digest::of(&bytes), "{size}");
        }
    }

    #[test]
    fn a_file_that_changed_its_size_since_it_was_opened_is_taken_as_it_is_now() {
        for told in [1, 3, 500_000] {
            let mut opened = opened(b"four");
            opened.size = told;
            assert_eq!(take(opened).unwrap().bytes(), b"four", "{told}");
        }
    }

    #[test]
    fn a_file_that_grows_past_the_limit_after_it_was_opened_is_refused() {
        let mut opened = opened(b"");
        let file = std::fs::File::from(opened.file);
        file.set_len(LARGEST + 1).unwrap();
        opened.file = file.into();
        let refusal = take(opened).unwrap_err();
        assert_eq!(refusal.code, Code::ArtifactTooLarge, "{refusal}");
    }

    #[test]
    fn the_copy_does_not_change_with_the_file() {
        let mut opened = opened(b"before");
        let file = std::fs::File::from(opened.file);
        opened.file = file.try_clone().unwrap().into();
        let content = take(opened).unwrap();
        file.write_all_at(b"after!", 0).unwrap();
        file.set_len(2).unwrap();
        assert_eq!(content.bytes(), b"before");
        assert_eq!(Digest::of(content.bytes()), content.digest);
    }
}
