//! Limits the work for reports in one turn of the server loop.

use vmalloc::{Access, RegionInfo};

use crate::service::Service;

/// Number of rows that the reports of all HTTP connections together may write in one turn of the server loop. The limit
/// keeps the turn short.
const ROWS_MAX: u64 = 64;

/// Number of pages for which the NUMA nodes can be counted in the time of one row.
const PAGES_PER_ROW: u64 = 64;

/// The number of rows that may still be written in the current turn of the server loop.
#[derive(Debug)]
pub struct RowBudget(u64);

impl RowBudget {
    /// Creates the budget of one turn of the server loop.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(ROWS_MAX)
    }

    /// Returns whether no row is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Subtracts one row.
    pub(super) fn spend_one(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// Subtracts one row for the region `info`, and further rows for its pages if the frames of the region must be
    /// counted by NUMA node.
    pub(super) fn spend<M: Access>(&mut self, service: &Service<M>, info: &RegionInfo) {
        let is_counted = service.vm().nodes() > 1;
        let pages = if is_counted { info.range.count().get() } else { 0 };
        self.0 = self.0.saturating_sub(1 + pages / PAGES_PER_ROW);
    }
}
