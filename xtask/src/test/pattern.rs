//! Generates the bytes of values that tests write and read back.

/// Returns `count` bytes that depend on their offset and on the seed. The period of the bytes is long, so
/// that a piece at a wrong offset is detected.
pub(crate) fn bytes(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|at| ((at + seed) * 31 + at / 251).to_le_bytes()[0]).collect()
}
