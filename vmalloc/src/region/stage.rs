//! The stages of a slot.

/// The life of a slot's generation, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Stage {
    /// Free, at rest in a pool with its addresses, or being built: nobody has been shown the
    /// generation.
    Free = 0,
    /// The fields are being written again.
    Rewriting,
    /// Busy, and a [`Region`](super::Region) frees it.
    Owned,
    /// Busy, and whoever knows the id may free it.
    Loose,
    /// As `Owned`, while somebody resizes it or changes its rights.
    OwnedChanging,
    /// As `Loose`, while somebody resizes it or changes its rights.
    LooseChanging,
    /// Loose, and to be freed by whoever purges next.
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
