//! The bytes of values that tests write and read back.

/// Returns `count` bytes with a long period, which depend on their offset and on the seed, so that a piece at the
/// wrong offset is detected.
pub(crate) fn bytes(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|at| ((at + seed) * 31 + at / 251).to_le_bytes()[0]).collect()
}
