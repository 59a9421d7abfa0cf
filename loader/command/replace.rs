//! A file's whole content replaced at once: whoever reads it meanwhile finds the old or the new one, never a part.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::{Code, Refusal};

/// Replaces the file at `path`, or makes it. What is there keeps its permissions and, where that is allowed, its owner.
pub(super) fn file(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    write(path, bytes).map_err(|error| {
        let what = format!("could not be written: {}", error.to_string().to_lowercase());
        Refusal::new(Code::Usage, path.display().to_string(), what)
            .hint("make its folder writable, or write elsewhere with --out")
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    // Only in the same folder is a rename sure to be one step.
    let (temporary, mut file) = temporary(folder)?;
    let mut finish = || {
        file.write_all(bytes)?;
        match fs::metadata(path) {
            Ok(old) => {
                // Refused unless the process may give files away; then the file is the caller's, as any that he writes.
                let _owner = fchown(&file, Some(old.uid()), Some(old.gid()));
                file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    let result = finish();
    if result.is_err() {
        // After a rename there is nothing to remove.
        let _removed = fs::remove_file(&temporary);
    }
    result
}

fn temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut last = None;
    for number in 0..100 {
        let path = folder.join(format!(".lambda-loader-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}
