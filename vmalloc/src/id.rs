//! Ids of regions. An id is never reused.

use core::fmt;

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// The highest generation. Generations have 29 bits, so that an id stays below 2^53, which the
/// number types of all client languages can represent.
pub(crate) const GENERATION_MAX: u32 = (1 << 29) - 1;

/// The highest number of regions.
pub const REGIONS_MAX: u32 = (1 << SLOT_BITS) - 1;

/// The id of a region, unique for all time: the number of its slot, from 1, and the generation of
/// the slot.
///
/// Holding an id does not prove that the region still exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(u64);

impl RegionId {
    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        debug_assert!((1..=REGIONS_MAX).contains(&slot) && generation <= GENERATION_MAX);
        Self(u64::from(generation) << SLOT_BITS | u64::from(slot))
    }

    /// Converts a number to an id, if the number has the form of one. The region need not exist.
    #[must_use]
    pub fn from_raw(raw: u64) -> Option<Self> {
        (raw & SLOT_MASK != 0 && raw >> 53 == 0).then_some(Self(raw))
    }

    /// Returns the id as a number below 2^53, which the number types of all client languages can
    /// represent.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of the slot, from 1.
    #[must_use]
    pub fn slot(self) -> u32 {
        (self.0 & SLOT_MASK) as u32
    }

    /// Returns the number of regions that had the slot before.
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
