//! Flushes: what makes an old translation impossible, on every CPU.
//!
//! Every shootdown is a generation. What was unmapped before it began can be reached by nobody
//! after it has ended, and its end is a value: [`Flushed`]. Knows no tables.
//!
//! # Protocol
//!
//! Shootdowns are totally ordered: who begins one holds a [`Turn`].
//!
//! 1. The initiator has cleared entries. It posts the plan, fences, raises the generation G.
//! 2. A CPU reads G, flushes, and publishes as `seen` the value that it read before the flush: in
//!    its loop, or in the handler of the interrupt that only laggards get.
//! 3. The initiator waits until every CPU that is not halted has seen G.
//! 4. A CPU that halts says so, fences, and looks for work once more; a CPU that wakes takes that
//!    back, fences, reads G and flushes if it has moved, and only then touches the window.
//!
//! The plan names single pages where there are few. A CPU may follow it only from the generation
//! right before; any other flushes everything.
//!
//! Tables need more: a halted CPU walks speculatively too, and it is the interrupt that makes it
//! drop what it remembers of a table. So a shootdown that frees tables waits for halted CPUs too.
//!
//! # Source
//!
//! Intel SDM volume 3, "Caching Translation Information", "Propagation of Paging-Structure Changes
//! to Multiple Processors".

pub(crate) mod coherence;
pub(crate) mod plan;
pub(crate) mod seat;

pub(crate) use coherence::{Coherence, Turn};
pub(crate) use plan::Plan;

/// How translations were invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushKind {
    /// Nothing had to be.
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

/// The proof that everything unmapped before it was made is unreachable now, on every CPU.
#[derive(Debug)]
pub(crate) struct Flushed(());

/// A CPU that did not acknowledge in the time that the machine gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Laggard(pub(crate) crate::machine::CpuId);
