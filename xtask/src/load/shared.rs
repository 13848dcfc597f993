//! The state that all clients of a run share.

use super::exposed::Exposed;
use super::live_ranges::{AddressRange, LiveRanges};
use super::plan::LoadPlan;
use super::stats::LoadStats;
use super::violation::Violation;

/// The stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Clients work.
    Work,
    /// The remaining regions are checked once more and freed.
    Finish,
    /// The time for checks is over: the remaining regions are freed.
    Hurry,
}

/// The settings and the shared state.
#[derive(Debug)]
pub(super) struct Shared {
    /// The settings.
    pub(super) plan: LoadPlan,
    /// The stage.
    pub(super) stage: Stage,
    /// The addresses of live regions.
    pub(super) live: LiveRanges,
    /// The regions that other clients may try to access.
    pub(super) exposed: Exposed,
    /// The counts.
    pub(super) stats: LoadStats,
}

impl Shared {
    /// Makes the state of the start of a run.
    pub(super) fn new(plan: LoadPlan) -> Self {
        let (live, exposed, stats) = (LiveRanges::default(), Exposed::default(), LoadStats::new());
        Self { plan, stage: Stage::Work, live, exposed, stats }
    }

    /// Records the addresses of a live region.
    pub(super) fn settle(&mut self, range: AddressRange) {
        if !self.plan.verify {
            return;
        }
        self.stats.ranges_checked += 1;
        if let Err(other) = self.live.insert(range) {
            self.stats.violate(Violation::Overlap(range, other));
        }
    }
}
