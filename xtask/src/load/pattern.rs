//! The bytes that a region is expected to contain.

use crate::workload::mix;

/// A pattern of bytes that depend on their offset. No byte is zero, so unwritten bytes always differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern(u64);

/// The lowest bit of each of eight bytes.
const NOT_ZERO: u64 = u64::from_ne_bytes([1; 8]);
const WORD: u64 = 8;
/// The content of a new page.
static ZEROS: [u8; 4096] = [0; 4096];

impl Pattern {
    /// Creates the pattern with which a client fills a region for the `serial`-th time.
    pub(super) fn new(seed: u64, client: usize, serial: u64) -> Self {
        Self(mix(mix(mix(seed).wrapping_add(client as u64)).wrapping_add(serial)))
    }

    fn word(self, index: u64) -> [u8; 8] {
        (mix(self.0.wrapping_add(index)) | NOT_ZERO).to_le_bytes()
    }

    /// Appends `length` bytes of the pattern from `offset` on.
    pub(super) fn append(self, to: &mut Vec<u8>, offset: u64, length: usize) {
        let skipped = usize::try_from(offset % WORD).unwrap_or(0);
        let (start, end) = (to.len(), to.len() + length);
        to.reserve(length + 2 * size_of::<u64>());
        for index in offset / WORD.. {
            let word = self.word(index);
            let from = if to.len() == start { skipped } else { 0 };
            to.extend_from_slice(&word[from..]);
            if to.len() >= end {
                break;
            }
        }
        to.truncate(end);
    }
}

/// The expected content of a region: a pattern up to the end of the last write, and zeros after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pattern: Pattern,
    filled: u64,
}

/// The first byte that differs from the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The offset in the region.
    pub(super) offset: u64,
    /// The expected byte.
    pub(super) expected: u8,
    /// The byte that was read.
    pub(super) found: u8,
}

impl Content {
    /// Creates the content of an unwritten region. `pattern` will be written later.
    pub(super) fn fresh(pattern: Pattern) -> Self {
        Self { pattern, filled: 0 }
    }

    /// Returns the pattern.
    pub(super) fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// Begins to write another pattern. Until it is written completely, the old bytes after the written part
    /// are not checked.
    pub(super) fn begin(&mut self, pattern: Pattern) {
        *self = Self::fresh(pattern);
    }

    /// Records that the pattern was written up to `end`.
    pub(super) fn fill(&mut self, end: u64) {
        self.filled = end;
    }

    /// Records a new size. If the region shrinks and grows again, the bytes that were cut off must be zero.
    pub(super) fn resize(&mut self, size: u64) {
        self.filled = self.filled.min(size);
    }

    /// Compares `bytes`, which were read at `offset`, with the expected content.
    pub(super) fn check(&self, offset: u64, bytes: &[u8]) -> Result<(), Wrong> {
        let kept = self.filled.saturating_sub(offset).min(bytes.len() as u64);
        let (written, zeros) = bytes.split_at(usize::try_from(kept).unwrap_or(bytes.len()));
        let mut expected = Vec::new();
        self.pattern.append(&mut expected, offset, written.len());
        compare(offset, written, &expected)?;
        for (at, zeros) in (offset + kept..).step_by(ZEROS.len()).zip(zeros.chunks(ZEROS.len())) {
            compare(at, zeros, &ZEROS[..zeros.len()])?;
        }
        Ok(())
    }
}

/// Compares the whole slices first. This is fast, because nearly all bytes are correct.
fn compare(offset: u64, bytes: &[u8], right: &[u8]) -> Result<(), Wrong> {
    if bytes == right {
        return Ok(());
    }
    let mut pairs = (offset..).zip(bytes.iter().zip(right));
    match pairs.find(|(_, (found, expected))| found != expected) {
        None => Ok(()),
        Some((offset, (&found, &expected))) => Err(Wrong { offset, expected, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(pattern: Pattern, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        pattern.append(&mut bytes, offset, length);
        bytes
    }

    #[test]
    fn a_piece_is_the_same_as_the_whole() {
        let pattern = Pattern::new(1, 2, 3);
        let whole = bytes(pattern, 0, 100);
        for offset in 0..20 {
            assert_eq!(bytes(pattern, offset as u64, 33), whole[offset..offset + 33]);
        }
        assert!(!whole.contains(&0));
    }

    #[test]
    fn patterns_differ_by_seed_client_serial_and_place() {
        let of = |seed, client, serial| bytes(Pattern::new(seed, client, serial), 0, 16);
        for other in [of(2, 1, 1), of(1, 2, 1), of(1, 1, 2)] {
            assert_ne!(of(1, 1, 1), other);
        }
        let long = bytes(Pattern::new(1, 1, 1), 0, 8192);
        assert_ne!(long[..4096], long[4096..], "a page must not pass for another");
    }

    #[test]
    fn every_wrong_byte_is_found() {
        let mut content = Content::fresh(Pattern::new(1, 1, 1));
        assert_eq!(content.check(0, &[0; 50]), Ok(()));
        content.fill(40);
        let mut right = bytes(content.pattern(), 0, 40);
        right.extend([0; 10]);
        for from in [0, 3, 39, 40, 45] {
            assert_eq!(content.check(from as u64, &right[from..]), Ok(()));
            for range in from..50 {
                let mut wrong = right.clone();
                wrong[range] ^= 0x10;
                let found = content.check(from as u64, &wrong[from..]).unwrap_err();
                assert_eq!((found.offset, found.expected), (range as u64, right[range]));
            }
        }
    }

    #[test]
    fn bytes_that_a_resize_cuts_off_become_zeros() {
        let mut content = Content::fresh(Pattern::new(1, 1, 1));
        content.fill(40);
        content.resize(10);
        content.resize(40);
        let mut right = bytes(content.pattern(), 0, 10);
        right.extend([0; 30]);
        assert_eq!(content.check(0, &right), Ok(()));
        assert!(content.check(0, &bytes(content.pattern(), 0, 40)).is_err());
    }
}
