//! The stages in the life of a slot.

/// The stages of a generation of a slot, in the order in which they can occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Stage {
    /// Not published: the slot is free, its area is in a pool, or its region is being built.
    Free = 0,
    /// Busy. A [`Region`](crate::Region) or a collection owns the region and frees it when dropped.
    Owned,
    /// Busy. Any code that has the id may free the region.
    Loose,
    /// `Owned`, while a thread resizes the region or changes its rights.
    OwnedChanging,
    /// `Loose`, while a thread resizes the region or changes its rights.
    LooseChanging,
    /// Busy, and unmapped by the next purge.
    Deferred,
    /// Unmapped, but some TLB may still hold its translations.
    Lazy,
}

impl Stage {
    /// Returns the stage of a busy region while it is being changed.
    pub(crate) fn changing(self) -> Self {
        if self == Self::Owned { Self::OwnedChanging } else { Self::LooseChanging }
    }
}
