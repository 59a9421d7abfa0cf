//! The end of a JSON string, 64 bytes at a time.
//!
//! Bodies that are JSON within JSON have a backslash every few bytes; taking them one by one costs a mispredicted branch each. So
//! one bit a byte tells where the quotes and backslashes of a block are, and arithmetic on those words which quotes are escaped
//! (Langdale and Lemire, "Parsing gigabytes of JSON per second", 3.1.1, <https://arxiv.org/abs/1902.08318>). Plain integers do
//! it: no intrinsics, no `unsafe`, the same on every machine.

use std::ops::Range;

use super::{Fault, Stop};

const BLOCK: usize = 64;
const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Finds the end of the string whose first byte, after the quote, is at `start`: the offset after the closing quote, and whether a
/// backslash occurred. What is in it is UTF-8: beyond strings, JSON is ASCII.
#[inline(always)]
pub(super) fn end(text: &[u8], start: usize, fault: &mut Fault) -> Result<(usize, bool), Stop> {
    // Most keys and many values are short and plain.
    let (mut at, mut seen) = (start, 0);
    for _ in 0..8 {
        let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) else { break };
        let word = u64::from_le_bytes(*word);
        seen |= word;
        let marks = marks(word);
        if marks != 0 {
            let place = at + (marks.trailing_zeros() / 8) as usize;
            match text.get(place) {
                Some(b'"') if seen & HIGH == 0 => return Ok((place + 1, false)),
                _ => break,
            }
        }
        at += 8;
    }
    long_end(text, start, at, seen & HIGH != 0, fault)
}

/// Goes on at `at`; `foreign`: bytes beyond ASCII may have come before.
#[inline(never)]
fn long_end(text: &[u8], start: usize, mut at: usize, mut foreign: bool, fault: &mut Fault) -> Result<(usize, bool), Stop> {
    let mut escaped_any = false;
    // Bit 0: the first byte of the next block is escaped by the last of this one.
    let mut carry = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let padded;
        let block = match rest.first_chunk::<BLOCK>() {
            Some(block) => block,
            None if rest.is_empty() => return stop(fault, text.len(), "the text ends too early"),
            None => {
                let mut spaces = [b' '; BLOCK];
                spaces.iter_mut().zip(rest).for_each(|(space, byte)| *space = *byte);
                padded = spaces;
                &padded
            }
        };
        foreign |= block.contains_any(|byte| byte >= 0x80);
        let quotes = places(block, |byte| byte == b'"');
        let (mut escaped, mut backslashes) = (0, 0);
        if carry != 0 || block.contains_any(|byte| byte == b'\\') {
            backslashes = places(block, |byte| byte == b'\\');
            (escaped, carry) = escapes(backslashes, carry);
        }
        let ends = quotes & !escaped;
        // All bytes before the end, if it is in this block.
        let inside = if ends == 0 { u64::MAX } else { (1 << ends.trailing_zeros()) - 1 };
        escaped_any |= (backslashes | escaped) & inside != 0;
        let mut doubtful = escaped & !quotes & !backslashes & inside;
        if block.contains_any(|byte| byte < 0x20) {
            doubtful |= places(block, |byte| byte < 0x20) & inside;
        }
        while doubtful != 0 {
            let place = doubtful.trailing_zeros();
            settle(text, at + place as usize, escaped >> place & 1 == 1, fault)?;
            doubtful &= doubtful - 1;
        }
        if ends != 0 {
            let end = at + ends.trailing_zeros() as usize;
            if foreign {
                utf8(text, start..end, fault)?;
            }
            return Ok((end + 1, escaped_any));
        }
        at += BLOCK;
    }
}

fn utf8(text: &[u8], inside: Range<usize>, fault: &mut Fault) -> Result<(), Stop> {
    match std::str::from_utf8(text.get(inside.clone()).unwrap_or_default()) {
        Ok(_) => Ok(()),
        Err(error) => stop(fault, inside.start + error.valid_up_to(), "a string is not UTF-8"),
    }
}

/// A byte of a string that is a control character, or escaped and no quote or backslash. Beyond the end of the text are spaces, of
/// which none is the byte that makes the string wrong.
fn settle(text: &[u8], at: usize, escaped: bool, fault: &mut Fault) -> Result<(), Stop> {
    match text.get(at) {
        None => Ok(()),
        Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't') if escaped => Ok(()),
        Some(b'u') if escaped => {
            for place in at + 1..at + 5 {
                match text.get(place) {
                    Some(byte) if byte.is_ascii_hexdigit() => {}
                    Some(_) => return stop(fault, place, "`\\u` is followed by four hexadecimal digits"),
                    None => return stop(fault, place, "the text ends too early"),
                }
            }
            Ok(())
        }
        Some(_) if escaped => stop(fault, at, "a string holds an escape that JSON does not have"),
        Some(_) => stop(fault, at, "a string holds a control character"),
    }
}

#[cold]
fn stop<T>(fault: &mut Fault, at: usize, what: &'static str) -> Result<T, Stop> {
    *fault = Fault { at, what };
    Err(Stop)
}

/// Which bytes are escaped, given the places of all backslashes; and the carry into the next block.
///
/// An escape begins at a backslash that is not itself escaped; in a run of backslashes those are every other one. Subtracting the
/// beginnings of runs from the odd places lets the borrow run through a run and tell its even places from its odd ones.
#[inline]
fn escapes(backslashes: u64, carry: u64) -> (u64, u64) {
    let beginnings = backslashes & !carry;
    let after = beginnings << 1 | ODD;
    let runs = after.wrapping_sub(beginnings) ^ ODD;
    (runs ^ (backslashes | carry), (runs & backslashes) >> 63)
}

trait Block {
    fn contains_any(&self, is: impl Fn(u8) -> bool) -> bool;
}

impl Block for [u8; BLOCK] {
    /// Without a branch for each byte, so that it becomes vector code.
    #[inline]
    fn contains_any(&self, is: impl Fn(u8) -> bool) -> bool {
        self.iter().fold(0, |any, byte| any | u8::from(is(*byte))) != 0
    }
}

/// One bit a byte: which bytes are.
#[inline]
fn places(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let ones = block.map(|byte| u8::from(is(byte)));
    let (words, _) = ones.as_chunks::<8>();
    // Each byte holds 0 or 1; the product gathers the eight of them in the highest byte.
    let gather = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    words.iter().rev().fold(0, |bits, word| bits << 8 | gather(word))
}

/// The high bit of each byte of `word` that is a quote, a backslash or a control character. Exact for every byte, not only for the
/// first: no borrow passes from one byte to the next.
#[inline]
fn marks(word: u64) -> u64 {
    let zeros = |word: u64| !(((word & !HIGH) + !HIGH) | word | !HIGH);
    zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64)) | zeros(word & (ONES * 0xe0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_exact_for_every_byte() {
        for high in 0..=255u8 {
            for low in 0..=255u8 {
                let found = marks(u64::from_le_bytes([low, high, b'x', b'x', b'x', b'x', b'x', b'x']));
                let mark = |byte: u8| u64::from(byte < 0x20 || byte == b'"' || byte == b'\\') << 7;
                assert_eq!(found, mark(low) | mark(high) << 8, "{low} {high}");
            }
        }
    }

    #[test]
    fn places_are_one_bit_a_byte() {
        for place in 0..BLOCK {
            let mut block = [b'x'; BLOCK];
            block[place] = b'"';
            assert_eq!(places(&block, |byte| byte == b'"'), 1 << place);
            assert_eq!(places(&block, |byte| byte != b'"'), !(1 << place));
        }
    }

    #[test]
    fn escapes_agree_with_reading_one_by_one() {
        let mut state = 3_u64;
        for round in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let backslashes = if round % 2 == 0 { state } else { state | state.rotate_left(17) | state.rotate_left(40) };
            for carry in [0, 1] {
                let (mut expected, mut next) = (0, carry == 1);
                for place in 0..64 {
                    let backslash = backslashes >> place & 1 == 1;
                    expected |= u64::from(next) << place;
                    next = backslash && !next;
                }
                assert_eq!(escapes(backslashes, carry), (expected, u64::from(next)), "{backslashes:b} {carry}");
            }
        }
    }
}
