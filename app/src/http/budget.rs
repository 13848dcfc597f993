//! The work that the reports of one turn may take.

use vmalloc::{Machine, RegionInfo};

use crate::service::Service;

/// Rows that all connections together may write in one turn, so that a turn stays short.
const ROWS_MAX: u64 = 64;

/// Number of pages whose nodes are counted in the time of one row.
const PAGES_PER_ROW: u64 = 64;

/// The rows that are left in a turn.
#[derive(Debug)]
pub struct RowBudget(u64);

impl RowBudget {
    /// Returns the rows of one turn.
    #[must_use]
    pub fn of_a_turn() -> Self {
        Self(ROWS_MAX)
    }

    /// Returns whether no row is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes one row.
    pub(super) fn spend_one(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// Takes the row of a region, and further rows if the frames of the region are counted by node.
    pub(super) fn spend<M: Machine>(&mut self, service: &Service<M>, info: &RegionInfo) {
        let is_counted = service.vm().nodes() > 1;
        let pages = if is_counted { info.range.count().get() } else { 0 };
        self.0 = self.0.saturating_sub(1 + pages / PAGES_PER_ROW);
    }
}
