//! How and why translations were invalidated.

/// How translations were invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushKind {
    /// No flush was needed.
    None,
    /// Page by page.
    Pages,
    /// Everything.
    Full,
}

/// Why translations were invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FlushReason {
    /// As much was lazy as may be.
    Lazy,
    /// Something was about to run out.
    Exhausted,
    /// [`Vmalloc::purge`](crate::Vmalloc::purge) was called.
    Demand,
    /// Frees flush at once: [`FlushMode::Eager`](crate::FlushMode::Eager).
    Eager,
    /// A region that shrinks has a new guard page.
    Guard,
    /// Rights were taken away.
    Protection,
    /// A large leaf was split.
    Split,
    /// Frames of the caller were unmapped and must be out of reach.
    Unmap,
}

impl FlushReason {
    /// All of them, in the order of their numbers.
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

    /// The reason as a counter's name.
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
