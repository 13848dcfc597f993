//! Ids of regions. An id is never reused.

use core::fmt;

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// Generations have 29 bits, so that an id stays below 2^53 and every client's number holds it.
pub(crate) const GENERATION_MAX: u32 = (1 << 29) - 1;

/// The most regions that can live at once.
pub const REGIONS_MAX: u32 = (1 << SLOT_BITS) - 1;

/// Names one region for ever: a slot, from 1, and how often the slot was used before.
///
/// Holding one does not prove that the region lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(u64);

impl RegionId {
    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        debug_assert!((1..=REGIONS_MAX).contains(&slot) && generation <= GENERATION_MAX);
        Self(u64::from(generation) << SLOT_BITS | u64::from(slot))
    }

    /// Takes a number that may be an id; whether a region has it is not known yet.
    #[must_use]
    pub fn from_raw(raw: u64) -> Option<Self> {
        (raw & SLOT_MASK != 0 && raw >> 53 == 0).then_some(Self(raw))
    }

    /// The number, below 2^53: every client's number type holds it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The slot: dense, from 1.
    #[must_use]
    pub fn slot(self) -> u32 {
        (self.0 & SLOT_MASK) as u32
    }

    /// How many regions had the slot before.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "29 bits")]
    pub fn generation(self) -> u32 {
        (self.0 >> SLOT_BITS) as u32
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
