//! Bytes that are packed: the very ones that were checked, were the file changed meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

/// Bytes, in memory or behind a sealed descriptor.
#[derive(Debug)]
pub(super) enum Held {
    /// In memory.
    Bytes(Vec<u8>),
    /// As verification keeps them.
    Verified { file: File, size: u64 },
}

impl Held {
    /// What verification has kept.
    pub(super) fn verified(descriptor: OwnedFd, size: u64) -> Self {
        Held::Verified { file: File::from(descriptor), size }
    }

    /// How many.
    pub(super) fn size(&self) -> u64 {
        match self {
            Held::Bytes(bytes) => bytes.len() as u64,
            Held::Verified { size, .. } => *size,
        }
    }

    /// Hands them on, piece by piece.
    pub(super) fn chunks(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let (file, size) = match self {
            Held::Bytes(bytes) => return take(bytes),
            Held::Verified { file, size } => (file, *size),
        };
        let mut buffer = vec![0; 1 << 18];
        let mut at = 0;
        while at < size {
            let read = file.read_at(&mut buffer, at)?;
            match buffer.get(..read) {
                Some(chunk) if read > 0 => take(chunk)?,
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            at += read as u64;
        }
        Ok(())
    }
}
