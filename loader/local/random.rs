//! Identifiers as Lambda makes them. Unique, not secret.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// 128 bits that no other call gets: a keyed hash (its keys come from the system's randomness) of a counter.
fn unique() -> u128 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    u128::from(KEY.hash_one((count, 0_u8))) << 64 | u128::from(KEY.hash_one((count, 1_u8)))
}

/// A request id: a UUID of version 4.
pub(super) fn request_id() -> String {
    let bits = unique() & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// An X-Ray tracing header (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
pub(super) fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let bits = unique();
    format!("Root=1-{seconds:08x}-{:024x};Parent={:016x};Sampled=0", bits >> 32, unique() >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn request_ids_are_uuids_and_never_repeat() {
        let ids: HashSet<_> = (0..10_000).map(|_| request_id()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let lengths: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        }
    }

    #[test]
    fn trace_ids_have_the_form_that_x_ray_asks_for() {
        let id = trace_id();
        let fields: Vec<_> = id.split(';').map(|field| field.split_once('=').unwrap()).collect();
        let lengths: Vec<_> = fields[0].1.split('-').map(str::len).collect();
        assert_eq!((fields[0].0, lengths), ("Root", vec![1, 8, 24]), "{id}");
        assert_eq!((fields[1].0, fields[1].1.len()), ("Parent", 16), "{id}");
        assert_eq!(fields[2], ("Sampled", "0"), "{id}");
    }
}
