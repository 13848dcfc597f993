//! How much sliced work a turn does.

/// Pages that sliced work may touch in one turn, over all connections: 1 MiB is zeroed in a quarter
/// of a millisecond on slow machines.
pub(super) const SLICE_PAGES: u64 = 256;

/// Pages that the sliced work of a turn may still touch.
#[derive(Debug)]
pub struct Budget(u64);

impl Budget {
    /// The budget of one turn.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(SLICE_PAGES)
    }

    /// Returns whether no page is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes up to `pages` pages, as many as are left, and returns how many that is.
    pub(in crate::service) fn take(&mut self, pages: u64) -> u64 {
        let taken = self.0.min(pages);
        self.0 -= taken;
        taken
    }

    /// Takes up to `pages` pages, as many as are left.
    pub fn spend(&mut self, pages: u64) {
        self.0 = self.0.saturating_sub(pages);
    }
}
