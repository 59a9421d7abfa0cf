//! The string table.

use std::ops::Range;

use object::elf;

use super::dynamic::Dynamic;
use super::image::Image;
use super::malformed;
use crate::refusal::Refusal;

/// The longest name in bytes, as file systems have it.
const LONGEST: usize = 255;

/// The dynamic string table. Its last byte is NUL, so a string that begins inside ends inside.
pub(super) struct Strings<'a> {
    bytes: &'a [u8],
    address: u64,
}

impl<'a> Strings<'a> {
    pub(super) fn new(image: &Image<'a>, dynamic: &Dynamic) -> Result<Self, Refusal> {
        let [address, size] = dynamic.required([elf::DT_STRTAB, elf::DT_STRSZ], "string table")?;
        let bytes = image.bytes(address, size).ok_or_else(|| malformed("the string table lies outside the file"))?;
        match bytes.last() {
            Some(0) => Ok(Strings { bytes, address }),
            _ => Err(malformed("the string table does not end its last string")),
        }
    }

    /// Whether a string begins there.
    pub(super) fn has(&self, offset: u64) -> bool {
        offset < self.bytes.len() as u64
    }

    /// The string that begins there; `whose`: for the message.
    pub(super) fn text(&self, offset: u64, whose: &str) -> Result<&'a str, Refusal> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or_else(|| malformed(format!("the name of {whose} lies outside the string table")))?;
        // A name that is too long is not read to its end: many could point to the same one.
        let text = rest.get(..LONGEST + 2).unwrap_or(rest).split(|byte| *byte == 0).next().unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(text) if text.len() <= LONGEST && !text.chars().any(char::is_control) => Ok(text),
            _ => Err(malformed(format!("the name of {whose} is no name"))),
        }
    }

    pub(super) fn range(&self) -> Range<u64> {
        self.address..self.address + self.bytes.len() as u64
    }
}
