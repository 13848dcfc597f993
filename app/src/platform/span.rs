//! Half-open ranges of physical addresses.

use core::fmt;

/// The addresses from `start` to `end`, excluding `end`. The range is empty if both are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u64,
    /// The address behind the last byte, never below `start`.
    pub end: u64,
}

impl Span {
    /// Creates a range. If `end` is below `start`, the range is empty.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// Creates a range of `bytes` bytes. If its end exceeds 64 bits, the range is cut off there.
    #[must_use]
    pub const fn from_bytes(start: u64, bytes: u64) -> Self {
        Self { start, end: start.saturating_add(bytes) }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }

    /// Returns whether the range is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns whether the range contains `address`.
    #[must_use]
    pub const fn holds(self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    /// Returns whether the ranges overlap.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the intersection of both ranges.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let start = if self.start > other.start { self.start } else { other.start };
        let end = if self.end < other.end { self.end } else { other.end };
        Self::new(start, end)
    }

    /// Returns the parts of this range below and above `hole`. Each part may be empty.
    #[must_use]
    pub const fn without(self, hole: Self) -> [Self; 2] {
        if !self.overlaps(hole) {
            return [self, Self::new(self.end, self.end)];
        }
        [Self::new(self.start, hole.start), Self::new(hole.end, self.end)]
    }

    /// Returns the largest range within this one whose start and end are multiples of `unit`, which must be a power of
    /// two.
    #[must_use]
    pub const fn inward(self, unit: u64) -> Self {
        let Some(start) = self.start.checked_next_multiple_of(unit) else {
            return Self::new(self.end, self.end);
        };
        Self::new(start, self.end & !(unit - 1))
    }

    /// Returns the smallest range that contains this one and whose start and end are multiples of `unit`, which must be
    /// a power of two.
    #[must_use]
    pub const fn outward(self, unit: u64) -> Self {
        let end = match self.end.checked_next_multiple_of(unit) {
            Some(end) => end,
            None => !(unit - 1),
        };
        Self::new(self.start & !(unit - 1), end)
    }

    /// Iterates over the addresses from `start` in steps of `unit`, which must divide the size of the range.
    pub fn steps(self, unit: u64) -> impl Iterator<Item = u64> {
        (0..self.bytes() / unit).map(move |step| self.start + step * unit)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_never_lie_below_starts() {
        assert!(Span::new(5, 3).is_empty());
        assert_eq!(Span::from_bytes(u64::MAX - 1, 10).end, u64::MAX);
        assert!(Span::new(u64::MAX - 5, u64::MAX).inward(4096).is_empty());
    }

    #[test]
    fn a_hole_leaves_two_sides() {
        let span = Span::new(10, 20);
        assert_eq!(span.without(Span::new(12, 15)), [Span::new(10, 12), Span::new(15, 20)]);
        assert_eq!(span.without(Span::new(0, 30)).map(Span::is_empty), [true, true]);
        assert_eq!(span.without(Span::new(20, 30))[0], span);
        assert_eq!(span.without(Span::new(5, 15)), [Span::new(10, 10), Span::new(15, 20)]);
    }

    #[test]
    fn rounding_goes_in_or_out() {
        let span = Span::new(0x1001, 0x3fff);
        assert_eq!(span.inward(0x1000), Span::new(0x2000, 0x3000));
        assert_eq!(span.outward(0x1000), Span::new(0x1000, 0x4000));
        assert_eq!(span.outward(0x1000).steps(0x1000).count(), 3);
    }
}
