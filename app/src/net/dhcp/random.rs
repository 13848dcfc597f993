//! Generates pseudo-random numbers for transaction ids and pauses.

/// A SplitMix64 generator (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators").
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Creates a generator. Equal seeds produce equal sequences.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number of 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is as random as the upper one"
    )]
    pub(super) const fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as u32
    }
}
