//! The hash tables over the dynamic symbols, by which `dlsym` and every other object finds them.

use std::ops::Range;

use object::elf::{self, GnuHashHeader, HashHeader};
use object::{U32, U64, pod};

use super::dynamic::Dynamic;
use super::image::Image;
use super::{LE, Le, malformed};
use crate::refusal::Refusal;

/// What the hash tables reach.
pub(super) struct Hashed {
    /// One more than the highest index of a symbol in them.
    pub(super) count: usize,
    pub(super) ranges: Vec<Range<u64>>,
}

/// Reads both kinds of table; one must be there.
pub(super) fn read(image: &Image<'_>, dynamic: &Dynamic) -> Result<Hashed, Refusal> {
    let mut hashed = Hashed { count: 0, ranges: Vec::new() };
    for (tag, name) in [(elf::DT_GNU_HASH, "DT_GNU_HASH"), (elf::DT_HASH, "DT_HASH")] {
        let Some(address) = dynamic.get(tag) else { continue };
        let read = if tag == elf::DT_HASH { system_v } else { gnu };
        let (count, size) =
            image.rest(address).and_then(read).ok_or_else(|| malformed(format!("the hash table of {name} is damaged")))?;
        hashed.count = hashed.count.max(count);
        hashed.ranges.push(address..address + size as u64);
    }
    if hashed.ranges.is_empty() {
        return Err(malformed("the dynamic section has no hash table"));
    }
    Ok(hashed)
}

/// Symbols reached and bytes used. `bytes` may be longer than the table.
fn gnu(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, rest) = pod::from_bytes::<GnuHashHeader<Le>>(bytes).ok()?;
    let base = header.symbol_base.get(LE);
    // glibc asserts a power of two, takes 0 for one, and then indexes by the count less one.
    let bloom = header.bloom_count.get(LE);
    if !bloom.is_power_of_two() || header.bloom_shift.get(LE) >= 32 {
        return None;
    }
    let (_, rest) = pod::slice_from_bytes::<U64<Le>>(rest, usize::try_from(bloom).ok()?).ok()?;
    let (buckets, rest) = pod::slice_from_bytes::<U32<Le>>(rest, usize::try_from(header.bucket_count.get(LE)).ok()?).ok()?;
    let mut highest = None;
    for bucket in buckets {
        match bucket.get(LE) {
            0 => {}
            first if first < base => return None,
            first => highest = highest.max(Some(first)),
        }
    }
    let chains = match highest {
        None => 0,
        // The chains stand one behind another, each ended by an odd value: where the last one ends, so do all before it.
        Some(last) => {
            let start = usize::try_from(last - base).ok()?;
            let tail = rest.get(start.checked_mul(4)?..)?;
            let length = tail.as_chunks::<4>().0.iter().position(|value| value[0] & 1 == 1)?;
            start + length + 1
        }
    };
    let used = bytes.len() - rest.len() + chains * 4;
    Some((if chains == 0 { 0 } else { usize::try_from(base).ok()?.checked_add(chains)? }, used))
}

fn system_v(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, rest) = pod::from_bytes::<HashHeader<Le>>(bytes).ok()?;
    let count = usize::try_from(header.chain_count.get(LE)).ok()?;
    let (buckets, rest) = pod::slice_from_bytes::<U32<Le>>(rest, usize::try_from(header.bucket_count.get(LE)).ok()?).ok()?;
    let (chains, rest) = pod::slice_from_bytes::<U32<Le>>(rest, count).ok()?;
    // No symbol stands in two chains, or twice in one: a chain that bites its tail would never let `dlsym` return.
    let mut seen = vec![false; count];
    for bucket in buckets {
        let mut symbol = usize::try_from(bucket.get(LE)).ok()?;
        while symbol != 0 {
            if std::mem::replace(seen.get_mut(symbol)?, true) {
                return None;
            }
            symbol = usize::try_from(chains.get(symbol)?.get(LE)).ok()?;
        }
    }
    Some((count, bytes.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_gnu_table_ends_inside_and_has_no_empty_filter() {
        let check = |table: &[u32], expected| assert_eq!(gnu(&words(table)), expected, "{table:?}");
        // buckets, base, filter words, shift; filter; buckets; chains
        check(&[1, 1, 1, 6, 0, 0, 0], Some((0, 28)));
        check(&[1, 1, 1, 6, 0, 0, 1, 3], Some((2, 32)));
        check(&[1, 1, 1, 6, 0, 0, 1, 2, 3, 99], Some((3, 36)));
        check(&[2, 1, 1, 6, 0, 0, 2, 1, 3, 5], Some((3, 40)));
        check(&[0, 1, 1, 6, 0, 0], Some((0, 24)));
        check(&[1, 1, 0, 6, 0], None);
        check(&[1, 1, 3, 6, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[1, 1, 1, 32, 0, 0, 0], None);
        check(&[1, 2, 1, 6, 0, 0, 1, 3], None);
        check(&[1, 1, 1, 6, 0, 0, 1, 2, 4], None);
        check(&[1, 1, 1, 6, 0, 0, u32::MAX, 3], None);
        check(&[u32::MAX, 1, 1, 6, 0, 0, 1, 3], None);
        check(&[1, 1, 1 << 31, 6, 0, 0, 1, 3], None);
        check(&[1, 1, 1], None);
    }

    #[test]
    fn a_system_v_table_ends_inside_and_every_chain_ends() {
        let check = |table: &[u32], expected| assert_eq!(system_v(&words(table)), expected, "{table:?}");
        // buckets, chains; buckets; chains
        check(&[1, 1, 0, 0], Some((1, 16)));
        check(&[1, 3, 1, 0, 2, 0, 77], Some((3, 24)));
        check(&[0, 1, 0], Some((1, 12)));
        check(&[1, 2, 1, 0, 1], None);
        check(&[1, 3, 1, 0, 2, 1], None);
        check(&[2, 2, 1, 1, 0, 0], None);
        check(&[1, 2, 2, 0, 0], None);
        check(&[1, 2, 1, 0, 2], None);
        check(&[1, 2, 1, 0], None);
        check(&[u32::MAX, u32::MAX, 1, 0], None);
        check(&[1], None);
    }
}
