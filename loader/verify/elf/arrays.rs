//! The arrays of functions that `dlopen` and the end of the process call.

use object::{U64, elf};

use super::dynamic::Dynamic;
use super::image::Image;
use super::{LE, Le, malformed};
use crate::refusal::Refusal;

/// More would be no program that a compiler made.
const MOST_FUNCTIONS: u64 = 1 << 20;

/// `DT_INIT_ARRAY` and `DT_FINI_ARRAY`. glibc calls each entry as it stands after relocation: so each must be relocated once, to code.
pub(super) struct Arrays<'a> {
    arrays: Vec<Array<'a>>,
    entered: Vec<u64>,
}

struct Array<'a> {
    name: &'static str,
    address: u64,
    slots: &'a [U64<Le>],
    filled: Vec<bool>,
}

/// What a relocation writes.
#[derive(Clone, Copy)]
pub(super) enum Written {
    /// The load address more than this.
    Address(u64),
    /// The load address more than what stands there.
    InPlace,
    /// What another object defines.
    Foreign,
    /// Anything else.
    Other,
}

impl<'a> Arrays<'a> {
    pub(super) fn new(image: &Image<'a>, dynamic: &Dynamic) -> Result<Self, Refusal> {
        let mut arrays = Vec::new();
        for (name, tags) in [
            ("DT_INIT_ARRAY", [elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ]),
            ("DT_FINI_ARRAY", [elf::DT_FINI_ARRAY, elf::DT_FINI_ARRAYSZ]),
        ] {
            let Some([address, size]) = dynamic.together(tags, name)? else { continue };
            let slots = image.table(address, size).filter(|_| address.is_multiple_of(8) && size / 8 <= MOST_FUNCTIONS);
            let slots: &[U64<Le>] = slots.ok_or_else(|| malformed(format!("{name} lies outside the file")))?;
            arrays.push(Array { name, address, slots, filled: vec![false; slots.len()] });
        }
        Ok(Arrays { arrays, entered: Vec::new() })
    }

    /// The functions of the object in them.
    pub(super) fn entered(&self) -> &[u64] {
        &self.entered
    }

    /// Whether one of them has any of those bytes.
    pub(super) fn touched_by(&self, address: u64, size: u64) -> bool {
        let end = address.saturating_add(size);
        self.arrays.iter().any(|array| address < array.address + array.slots.len() as u64 * 8 && array.address < end)
    }

    /// Takes down that `size` bytes at `address` are written.
    pub(super) fn write(&mut self, image: &Image<'_>, address: u64, size: u64, written: Written) -> Result<(), Refusal> {
        for array in &mut self.arrays {
            let end = array.address + array.slots.len() as u64 * 8;
            if address >= end || address + size <= array.address {
                continue;
            }
            let refuse = |what: &str| Err(malformed(format!("{}: an entry is {what}", array.name)));
            let slot =
                address.checked_sub(array.address).filter(|at| at.is_multiple_of(8)).and_then(|at| usize::try_from(at / 8).ok());
            let Some((filled, slot)) = slot.and_then(|slot| Some((array.filled.get_mut(slot)?, array.slots.get(slot)?))) else {
                return refuse("overlapped by a relocation");
            };
            if std::mem::replace(filled, true) {
                return refuse("relocated twice");
            }
            let target = match written {
                Written::Address(target) => target,
                Written::InPlace => slot.get(LE),
                Written::Foreign => continue,
                Written::Other => return refuse("relocated to something other than a function"),
            };
            if !image.code(target) {
                return refuse("not in the object's code");
            }
            self.entered.push(target);
        }
        Ok(())
    }

    /// Whether every entry was relocated.
    pub(super) fn check_filled(&self) -> Result<(), Refusal> {
        match self.arrays.iter().find(|array| array.filled.contains(&false)) {
            Some(array) => Err(malformed(format!("{}: an entry is not relocated", array.name))),
            None => Ok(()),
        }
    }
}
