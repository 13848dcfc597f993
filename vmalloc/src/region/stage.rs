//! The stages of a slot.

/// The life of a slot's generation, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Stage {
    /// Free, at rest in a pool with its addresses, or being built: the generation is not published.
    Free = 0,
    /// The fields are being written again.
    Rewriting,
    /// Busy, and a [`Region`](crate::Region) frees it.
    Owned,
    /// Busy, and any code that knows the id may free it.
    Loose,
    /// As `Owned`, while a thread resizes the region or changes its rights.
    OwnedChanging,
    /// As `Loose`, while a thread resizes the region or changes its rights.
    LooseChanging,
    /// Busy, and to be unmapped by the next purge.
    Deferred,
    /// Unmapped, and not yet acknowledged by every TLB.
    Lazy,
}

impl Stage {
    /// The stage of a busy region that is being changed.
    pub(crate) fn changing(self) -> Self {
        if self == Self::Owned { Self::OwnedChanging } else { Self::LooseChanging }
    }
}
