//! What stands for the layout of this crate's types: the same text, the same types.

/// All sources of this crate, and the exact abi_stable that describes them; the root package's tests compare both with the files.
const MADE_OF: &[&[u8]] = &[
    include_bytes!("buffer.rs"),
    include_bytes!("fingerprint.rs"),
    include_bytes!("host.rs"),
    include_bytes!("lib.rs"),
    include_bytes!("module.rs"),
    include_bytes!("outcome.rs"),
    include_bytes!("service.rs"),
    include_bytes!("task.rs"),
    b"abi_stable =0.11.3",
];

/// A hash of this crate's sources: 32 hexadecimal digits. A plugin's note carries it, so that a host need not compare, type by type, the
/// layouts of two plugins that one compiler made of the same sources. It guards against mistakes; digests guard against people.
pub const FINGERPRINT: &str = match core::str::from_utf8(&HEXADECIMAL) {
    Ok(text) => text,
    Err(_) => panic!("digits are ASCII"),
};

const HEXADECIMAL: [u8; 32] = hexadecimal(hash(MADE_OF));

/// FNV-1a of 128 bits (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>), each part followed by a byte that no UTF-8 has.
const fn hash(parts: &[&[u8]]) -> u128 {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut part = 0;
    while part < parts.len() {
        let mut at = 0;
        while at <= parts[part].len() {
            let byte = if at < parts[part].len() { parts[part][at] } else { 0xff };
            hash = (hash ^ byte as u128).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
            at += 1;
        }
        part += 1;
    }
    hash
}

const fn hexadecimal(number: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    let mut at = 0;
    while at < digits.len() {
        digits[at] = b"0123456789abcdef"[(number >> (124 - 4 * at)) as usize & 0xf];
        at += 1;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_and_every_part_and_its_end_counts() {
        // The published value for "a" is one step from the offset basis; the end mark is another.
        let published: u128 = 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964;
        assert_eq!(hash(&[b"a"]), (published ^ 0xff).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b));
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"a"]), hash(&[b"a", b""]));
        assert_eq!(&hexadecimal(0xff)[28..], b"00ff");
        assert_eq!(FINGERPRINT.len(), 32);
    }
}
