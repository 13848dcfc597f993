//! The state that all clients of a run share.

use super::exposed::Exposed;
use super::live_ranges::{AddressRange, LiveRanges};
use super::plan::LoadPlan;
use super::stats::LoadStats;
use super::violation::Violation;

/// The stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Clients send requests by their profile.
    Work,
    /// The time for requests is over. The remaining regions are checked once more, and freed.
    Finish,
    /// The time for checks is over too. The remaining regions are freed without a check.
    Hurry,
}

/// The settings of a run, and the state that all its clients share.
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
    /// Creates the state for the start of a run.
    pub(super) fn new(plan: LoadPlan) -> Self {
        let (live, exposed, stats) = (LiveRanges::default(), Exposed::default(), LoadStats::new());
        Self { plan, stage: Stage::Work, live, exposed, stats }
    }

    /// Records that a region lies at `range`. An overlap with another live region is a violation.
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
