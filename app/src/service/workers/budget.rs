//! The budget for sliced work in one turn.

/// Maximum number of pages that the sliced work of one turn may touch, over all connections.
/// Zeroing these 1 MiB takes a slow machine 0.25 ms.
pub(super) const SLICE_PAGES: u64 = 256;

/// The number of pages that sliced work may still touch in this turn.
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

    /// Takes up to `pages` pages from the budget. Returns how many were taken.
    pub(in crate::service) fn take(&mut self, pages: u64) -> u64 {
        let taken = self.0.min(pages);
        self.0 -= taken;
        taken
    }

    /// Takes up to `pages` pages from the budget.
    pub fn spend(&mut self, pages: u64) {
        self.0 = self.0.saturating_sub(pages);
    }
}
