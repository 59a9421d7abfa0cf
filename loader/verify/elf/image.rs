//! The loadable segments: which bytes of the file stand at which address, and who may write or run them.

use std::ops::Range;

use object::elf::{self, ProgramHeader64};
use object::pod;

use super::{LE, Le, malformed};
use crate::refusal::{Code, Refusal};

/// No linker aligns segments more coarsely; glibc reserves that much more address space.
const COARSEST_ALIGNMENT: u64 = 16 << 20;
/// Addresses stay below this, and so does the space between the first and the last: the code models of both machines end there.
const LARGEST_IMAGE: u64 = 4 << 30;

/// One loadable segment.
struct Load {
    address: u64,
    /// End of the bytes that come from the file.
    file_end: u64,
    /// End of the zeros that follow.
    end: u64,
    /// In the file.
    offset: u64,
    writable: bool,
    executable: bool,
}

/// The file as it will stand in memory, seen from address 0.
pub(super) struct Image<'a> {
    bytes: &'a [u8],
    /// Ascending, no two on one page.
    loads: Vec<Load>,
}

impl<'a> Image<'a> {
    /// Reads the loadable segments.
    ///
    /// glibc maps them in their order over one reservation from the first to the last (`_dl_map_segments`): out of order or
    /// overlapping they would replace each other, or what lies around; beyond the file's end a touched page is a SIGBUS.
    pub(super) fn new(bytes: &'a [u8], programs: &[ProgramHeader64<Le>], findings: &mut Vec<Refusal>) -> Result<Self, Refusal> {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096).max(4096);
        let mut loads: Vec<Load> = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            if program.p_type.get(LE) != elf::PT_LOAD {
                continue;
            }
            let refuse = |what: &str| Err(malformed(format!("program header {number}: the segment {what}")));
            let (address, offset) = (program.p_vaddr.get(LE), program.p_offset.get(LE));
            let (file_size, memory_size) = (program.p_filesz.get(LE), program.p_memsz.get(LE));
            let alignment = program.p_align.get(LE);
            if !alignment.is_power_of_two() || alignment < page || alignment > COARSEST_ALIGNMENT {
                return refuse("has an alignment that cannot be mapped");
            }
            if address % alignment != offset % alignment {
                return refuse("stands at an address that does not fit its place in the file");
            }
            if file_size > memory_size {
                return refuse("is larger in the file than in memory");
            }
            if offset.checked_add(file_size).is_none_or(|end| end > bytes.len() as u64) {
                return refuse("lies outside the file");
            }
            let Some(end) = address.checked_add(memory_size).filter(|end| *end <= LARGEST_IMAGE) else {
                return refuse("ends above 4 GiB");
            };
            if loads.last().is_some_and(|last| address - address % page < last.end.next_multiple_of(page)) {
                return refuse("does not lie above the one before it");
            }
            let flags = program.p_flags.get(LE);
            if !flags.contains(elf::PF_R) {
                return refuse("cannot be read");
            }
            let (writable, executable) = (flags.contains(elf::PF_W), flags.contains(elf::PF_X));
            if writable && executable {
                findings.push(
                    Refusal::new(Code::ElfExecutableMemory, "", format!("program header {number}: writable and executable"))
                        .hint("link without -z noseparate-code scripts that merge code and data"),
                );
            }
            loads.push(Load { address, file_end: address + file_size, end, offset, writable, executable });
        }
        if loads.is_empty() {
            return Err(malformed("it has no segment to load"));
        }
        Ok(Image { bytes, loads })
    }

    fn load(&self, address: u64) -> Option<&Load> {
        let after = self.loads.partition_point(|load| load.address <= address);
        self.loads.get(after.checked_sub(1)?)
    }

    /// The bytes of the file from an address on, to the end of what its segment has from the file.
    pub(super) fn rest(&self, address: u64) -> Option<&'a [u8]> {
        let load = self.load(address).filter(|load| address < load.file_end)?;
        // Both ends were found inside the file when the segment was read.
        let start = load.offset + (address - load.address);
        let end = load.offset + (load.file_end - load.address);
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// So many bytes of the file at an address.
    pub(super) fn bytes(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        match size {
            0 => Some(&[]),
            _ => self.rest(address)?.get(..usize::try_from(size).ok()?),
        }
    }

    /// A whole table of the file at an address; `size` in bytes.
    pub(super) fn table<T: pod::Pod>(&self, address: u64, size: u64) -> Option<&'a [T]> {
        pod::slice_from_all_bytes(self.bytes(address, size)?).ok()
    }

    /// Where in the file the byte at an address stands.
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        let load = self.load(address).filter(|load| address < load.file_end)?;
        Some(load.offset + (address - load.address))
    }

    /// Whether the range may be written when it is mapped: it lies in one writable segment.
    pub(super) fn writable(&self, address: u64, size: u64) -> bool {
        self.load(address).is_some_and(|load| load.writable && address.checked_add(size).is_some_and(|end| end <= load.end))
    }

    /// Whether an instruction may stand there.
    pub(super) fn code(&self, address: u64) -> bool {
        self.load(address).is_some_and(|load| load.executable && address < load.file_end)
    }

    /// The same, or the end of a segment of code: where an empty function may be.
    pub(super) fn code_or_its_end(&self, address: u64) -> bool {
        self.code(address) || address.checked_sub(1).is_some_and(|before| self.code(before))
    }

    /// From the first address to the end of the last.
    pub(super) fn span(&self) -> Range<u64> {
        match (self.loads.first(), self.loads.last()) {
            (Some(first), Some(last)) => first.address..last.end,
            _ => 0..0,
        }
    }

    /// The end of the writable segment at an address.
    pub(super) fn writable_end(&self, address: u64) -> Option<u64> {
        self.load(address).filter(|load| load.writable && address <= load.end).map(|load| load.end)
    }
}
