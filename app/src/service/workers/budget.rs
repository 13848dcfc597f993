//! The amount of sliced work in a turn.

/// Pages that sliced work may touch in one turn, over all connections. Slow machines zero this 1
/// MiB in 0.25 ms.
pub(super) const SLICE_PAGES: u64 = 256;

/// The pages that the sliced work of a turn may still touch.
#[derive(Debug)]
pub struct Budget(u64);

impl Budget {
    /// Creates the budget of one turn.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(SLICE_PAGES)
    }

    /// Returns whether no page is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes up to `pages` pages. Returns how many were taken.
    pub(in crate::service) fn take(&mut self, pages: u64) -> u64 {
        let taken = self.0.min(pages);
        self.0 -= taken;
        taken
    }

    /// Takes up to `pages` pages.
    pub fn spend(&mut self, pages: u64) {
        self.0 = self.0.saturating_sub(pages);
    }
}
