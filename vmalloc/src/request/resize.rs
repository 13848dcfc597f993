//! Requests for resizes, and their results.

use crate::switches::ReallocMode;

/// How a region came to its new size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resized {
    /// It has as many pages as before.
    Same,
    /// Its last pages are gone.
    Shrunk,
    /// It has more pages behind those it had.
    Grown,
    /// It lies elsewhere, on the frames that it had.
    Moved,
    /// It lies elsewhere, on other frames that its bytes were copied to.
    Copied,
}

impl Resized {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Same, Self::Shrunk, Self::Grown, Self::Moved, Self::Copied];

    /// As one word.
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

    /// The name of the counter of such resizes.
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

/// The size that a region shall have, and how it may get it.
#[derive(Clone, Copy, Debug)]
pub struct Resize {
    pub(crate) bytes: u64,
    pub(crate) in_place: bool,
    pub(crate) copy: bool,
    /// `None` is as the region was allocated.
    pub(crate) zeroed: Option<bool>,
}

impl Resize {
    /// Asks for `bytes` bytes, rounded up to pages.
    #[must_use]
    pub fn to(bytes: u64) -> Self {
        Self { bytes, in_place: false, copy: false, zeroed: None }
    }

    /// Refuses to move: [`ResizeError::MustMove`](crate::ResizeError::MustMove) where the addresses behind
    /// are taken.
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// Chooses what happens where the region must move: [`ReallocMode::Copy`] copies its bytes to
    /// other frames. The switch of all resizes is
    /// [`set_realloc`](crate::Modes::set_realloc).
    #[must_use]
    pub fn mode(mut self, mode: ReallocMode) -> Self {
        self.copy = mode == ReallocMode::Copy;
        self
    }

    /// Requires added pages to read as zeros, even if the region was not allocated zeroed.
    #[must_use]
    pub fn zeroed(mut self) -> Self {
        self.zeroed = Some(true);
        self
    }

    /// Leaves the contents of added pages undefined, even if the region was allocated zeroed: for
    /// callers that clear the pages themselves.
    #[must_use]
    pub fn unzeroed(mut self) -> Self {
        self.zeroed = Some(false);
        self
    }
}
