//! Notes, as the dynamic linker and this loader read them.

use object::elf::NoteHeader64;
use object::pod;

use super::{LE, Le, malformed};
use crate::refusal::Refusal;

/// One note.
pub(super) struct Note<'a> {
    /// With its final NUL, as it stands in the file.
    pub(super) owner: &'a [u8],
    pub(super) kind: u32,
    pub(super) descriptor: &'a [u8],
}

/// All notes of one segment.
///
/// glibc reads them for control-flow protection and compares sizes with the segment's only in part (`_dl_process_pt_note`): so each
/// must end inside it.
pub(super) fn each<'a>(segment: &'a [u8], alignment: u64, mut each: impl FnMut(Note<'a>)) -> Result<(), Refusal> {
    let align = match alignment {
        0..=4 => 4,
        8 => 8,
        _ => return Err(malformed("a note segment has an alignment other than 4 or 8")),
    };
    let outside = || malformed("a note lies outside its segment");
    let mut at = 0_usize;
    while let Some(rest) = segment.get(at..).filter(|rest| !rest.is_empty()) {
        let Ok((header, after)) = pod::from_bytes::<NoteHeader64<Le>>(rest) else {
            // Less than a header: the padding of the last note.
            return if rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(outside()) };
        };
        let owner_size = usize::try_from(header.n_namesz.get(LE)).map_err(|_| outside())?;
        let owner = after.get(..owner_size).ok_or_else(outside)?;
        // No sum overflows: `owner` lies in memory.
        let start = (size_of::<NoteHeader64<Le>>() + owner_size).next_multiple_of(align);
        let size = usize::try_from(header.n_descsz.get(LE)).map_err(|_| outside())?;
        let descriptor = start.checked_add(size).and_then(|end| rest.get(start..end)).ok_or_else(outside)?;
        each(Note { owner, kind: header.n_type.get(LE).0, descriptor });
        at += (start + size).next_multiple_of(align);
    }
    Ok(())
}
