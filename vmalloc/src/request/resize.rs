//! Requests for resizes, and their results.

use crate::switches::ReallocMode;

/// The way in which a region was resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resized {
    /// The number of pages did not change.
    Same,
    /// The last pages were unmapped.
    Shrunk,
    /// Pages were mapped behind the old ones.
    Grown,
    /// The region was moved to other addresses, with its frames.
    Moved,
    /// The region was copied to other addresses and other frames.
    Copied,
}

impl Resized {
    /// All ways, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Same, Self::Shrunk, Self::Grown, Self::Moved, Self::Copied];

    /// Returns the way as one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Shrunk => "shrunk",
            Self::Grown => "grown",
            Self::Moved => "moved",
            Self::Copied => "copied",
        }
    }

    /// Returns the name of the counter of these resizes.
    pub(crate) fn counter(self) -> &'static str {
        match self {
            Self::Same => "resizes_same",
            Self::Shrunk => "resizes_shrunk",
            Self::Grown => "resizes_grown",
            Self::Moved => "resizes_moved",
            Self::Copied => "resizes_copied",
        }
    }
}

/// The new size of a region, with options.
#[derive(Clone, Copy, Debug)]
pub struct Resize {
    pub(crate) bytes: u64,
    pub(crate) in_place: bool,
    pub(crate) copy: bool,
    pub(crate) nowait: bool,
    /// Whether the next purge, and not a shrink itself, flushes the pages that the shrink unmaps.
    pub(crate) lazy_guard: bool,
    /// Whether added pages must contain zeros; `None` means as at the allocation.
    pub(crate) zeroed: Option<bool>,
}

impl Resize {
    /// Creates a request for a new size of `bytes` bytes, rounded up to whole pages.
    #[must_use]
    pub fn to(bytes: u64) -> Self {
        Self { bytes, in_place: false, copy: false, nowait: false, lazy_guard: false, zeroed: None }
    }

    /// Excludes a move. If the addresses behind the region are not free, the resize fails with
    /// [`ResizeError::MustMove`](crate::ResizeError::MustMove).
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// Excludes every wait for other CPUs, as [`Request::nowait`](crate::Request::nowait) does, and
    /// in the same context. Only growth in place is possible then. A shrink and a move need a
    /// flush, so they fail with
    /// [`AllocateError::WouldWait`](crate::AllocateError::WouldWait).
    #[must_use]
    pub fn nowait(mut self) -> Self {
        self.nowait = true;
        self
    }

    /// Lets the next purge flush the pages that a shrink unmaps, so that the shrink waits for no CPU.
    #[cfg(feature = "allocator-api2")]
    pub(crate) fn lazy_guard(mut self) -> Self {
        self.lazy_guard = true;
        self
    }

    /// Sets how the region moves if it must: [`ReallocMode::Copy`] copies its bytes to other
    /// frames. [`set_realloc`](crate::Modes::set_realloc) sets this for all resizes.
    #[must_use]
    pub fn mode(mut self, mode: ReallocMode) -> Self {
        self.copy = mode == ReallocMode::Copy;
        self
    }

    /// Requests zeros in added pages, even if the region was not allocated zeroed.
    #[must_use]
    pub fn zeroed(mut self) -> Self {
        self.zeroed = Some(true);
        self
    }

    /// Leaves the contents of added pages undefined, even if the region was allocated zeroed. For
    /// callers that clear the pages themselves.
    #[must_use]
    pub fn unzeroed(mut self) -> Self {
        self.zeroed = Some(false);
        self
    }
}
