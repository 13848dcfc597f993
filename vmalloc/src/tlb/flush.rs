//! The kinds and reasons of flushes, for reports.

/// How translations were invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushKind {
    /// No flush was needed.
    None,
    /// The pages were invalidated one by one.
    Pages,
    /// All translations were invalidated.
    Full,
}

/// The reason of a shootdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FlushReason {
    /// The lazy areas exceeded their limit.
    Lazy,
    /// An allocation failed or the kernel asked for frames, and a reclaim could release some, or
    /// cached page tables stood where large leaves were requested.
    Exhausted,
    /// [`Vmalloc::purge`](crate::Vmalloc::purge) was called.
    Demand,
    /// The window is in [`FlushMode::Eager`](crate::FlushMode::Eager), in which every free flushes.
    Eager,
    /// A region has shrunk, and its new guard page must fault immediately.
    Guard,
    /// The rights of a region were changed.
    Protection,
    /// A large leaf was split.
    Split,
    /// Frames of the caller were unmapped and must be unreachable when the call returns.
    Unmap,
}

impl FlushReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Lazy,
        Self::Exhausted,
        Self::Demand,
        Self::Eager,
        Self::Guard,
        Self::Protection,
        Self::Split,
        Self::Unmap,
    ];

    /// Returns the name of the counter for this reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lazy => "shootdowns_lazy",
            Self::Exhausted => "shootdowns_exhausted",
            Self::Demand => "shootdowns_demand",
            Self::Eager => "shootdowns_eager",
            Self::Guard => "shootdowns_guard",
            Self::Protection => "shootdowns_protection",
            Self::Split => "shootdowns_split",
            Self::Unmap => "shootdowns_unmap",
        }
    }
}
