//! Identifiers of this run of the image, as in Redis. Each has 40 hexadecimal digits.

#[expect(deprecated, reason = "the keyed hash of core, as for names")]
use core::hash::{Hasher, SipHasher};

use arrayvec::ArrayString;

/// Digits of an identifier.
const DIGITS: usize = 40;

/// The identifiers of this run. They are hashes with the seed as the key. They must not reveal the
/// seed, which also makes TCP sequence numbers unpredictable.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The `run_id`, which is different after each boot.
    pub(super) run_id: ArrayString<DIGITS>,
    /// The `master_replid`. The image has no replicas, but Redis clients expect the field.
    pub(super) replication_id: ArrayString<DIGITS>,
}

impl Identity {
    pub(super) fn new(seed: u64) -> Self {
        Self { run_id: digits(seed, "run"), replication_id: digits(seed, "replication") }
    }
}

fn digits(seed: u64, what: &str) -> ArrayString<DIGITS> {
    let mut text = ArrayString::new();
    for number in 0..3 {
        #[expect(deprecated, reason = "as above")]
        let mut hasher =
            SipHasher::new_with_keys(seed, seed.rotate_left(32) ^ 0x6964_656e_7469_7479);
        hasher.write(what.as_bytes());
        hasher.write_u8(number);
        let hash = hasher.finish();
        for shift in (0..u64::BITS).step_by(4) {
            let digit = char::from_digit((hash >> shift & 0xf) as u32, 16).unwrap_or('0');
            // Three hashes have 48 digits. The first 40 of these fit, and the rest is dropped.
            let _ = text.try_push(digit);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_its_own() {
        let [one, other] = [1, 2].map(Identity::new);
        for text in [&one.run_id, &one.replication_id, &other.run_id, &other.replication_id] {
            assert_eq!(text.len(), DIGITS);
            assert!(
                text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            );
        }
        assert_ne!(one.run_id, one.replication_id);
        assert_ne!(one.run_id, other.run_id);
        assert_eq!(one.run_id, Identity::new(1).run_id);
    }
}
