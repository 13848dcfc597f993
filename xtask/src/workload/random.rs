//! Pseudo-random choices, which are the same for the same seed.

/// A generator of pseudo-random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// Creates a generator with a separate sequence for each part of a run.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        Self(mix(seed ^ mix(part.wrapping_add(STEP))))
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Returns a number below a bound, or 0 if the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The bounds are far below 2^64, so the bias of the remainder is negligible.
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Returns true once in `times` calls on average.
    pub(crate) fn is_one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Returns the index of one of `count` items, or `None` if there are none.
    pub(crate) fn index(&mut self, count: usize) -> Option<usize> {
        usize::try_from(self.below(count as u64)).ok().filter(|index| *index < count)
    }
}

/// Spreads a number over all bits.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_parts_differ() {
        let numbers = |seed, part| {
            let mut random = Random::new(seed, part);
            [0; 4].map(|_| random.next())
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1, 0);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.index(5).unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!((random.index(0), random.below(0)), (None, 0));
    }
}
