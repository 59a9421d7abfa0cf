//! A zip file that is the same, byte for byte, for the same content: entries by name, no time, fixed permissions.

use std::io::{Cursor, Write as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::held::Held;
use crate::command::progress;
use crate::{Code, Refusal};

/// One file of an archive.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its path in the archive.
    pub(super) name: String,
    /// Its permissions.
    pub(super) mode: Mode,
    /// Its bytes.
    pub(super) held: Held,
}

/// What Lambda's own user may do with a file
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html#zip-package-permissions>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read it: 644.
    Read,
    /// Run it too: 755.
    Run,
}

/// The archive of these files.
pub(super) fn write(mut entries: Vec<Entry>, quiet: bool) -> Result<Vec<u8>, Refusal> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut progress = progress::of("packing", entries.len(), quiet);
    let mut packed: Vec<Option<Vec<u8>>> = entries.iter().map(|_| None).collect();
    let next = AtomicUsize::new(0);
    // Nearly all of the time is compression, and each file's is its own.
    std::thread::scope(|scope| {
        let (sender, done) = mpsc::channel();
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(entries.len());
        for _ in 0..threads {
            let (sender, next, entries) = (sender.clone(), &next, &entries);
            scope.spawn(move || {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Who waits for it goes only with the process.
                    drop(sender.send((entry, alone(entry))));
                }
            });
        }
        drop(sender);
        for (entry, result) in done {
            progress.next(&entry.name);
            let place = entries.iter().position(|known| std::ptr::eq(known, entry));
            if let Some(slot) = place.and_then(|place| packed.get_mut(place)) {
                *slot = Some(result?);
            }
        }
        Ok(())
    })?;
    let failed = |error: ZipError| Refusal::new(Code::Internal, "archive", error.to_string().to_lowercase());
    let mut all = ZipWriter::new(Cursor::new(Vec::new()));
    for packed in packed {
        let packed = packed.ok_or_else(|| Refusal::new(Code::Internal, "archive", "a file was not packed"))?;
        let mut packed = ZipArchive::new(Cursor::new(packed)).map_err(failed)?;
        all.raw_copy_file(packed.by_index_raw(0).map_err(failed)?).map_err(failed)?;
    }
    Ok(all.finish().map_err(failed)?.into_inner())
}

/// An archive of one file.
fn alone(entry: &Entry) -> Result<Vec<u8>, Refusal> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(match entry.mode {
            Mode::Read => 0o644,
            Mode::Run => 0o755,
        });
    let failed = |error: &dyn std::fmt::Display| Refusal::new(Code::Internal, &entry.name, error.to_string().to_lowercase());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(entry.name.as_str(), options).map_err(|error| failed(&error))?;
    entry.held.chunks(|chunk| writer.write_all(chunk)).map_err(|error| failed(&error))?;
    Ok(writer.finish().map_err(|error| failed(&error))?.into_inner())
}
