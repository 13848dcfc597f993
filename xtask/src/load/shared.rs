//! What all clients of a run know together.

use super::exposed::Exposed;
use super::live_ranges::{AddressRange, LiveRanges};
use super::plan::LoadPlan;
use super::stats::LoadStats;
use super::violation::Violation;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Clients work.
    Work,
    /// What they have is checked once more and freed.
    Finish,
    /// There is no time for checks: it is freed.
    Hurry,
}

/// The plan, and what was seen.
#[derive(Debug)]
pub(super) struct Shared {
    /// What to do.
    pub(super) plan: LoadPlan,
    /// How far it is.
    pub(super) stage: Stage,
    /// Where regions lie.
    pub(super) live: LiveRanges,
    /// Which of them others may try.
    pub(super) exposed: Exposed,
    /// What is counted.
    pub(super) tally: LoadStats,
}

impl Shared {
    /// At the start.
    pub(super) fn new(plan: LoadPlan) -> Self {
        let (live, exposed, tally) = (LiveRanges::default(), Exposed::default(), LoadStats::new());
        Self { plan, stage: Stage::Work, live, exposed, tally }
    }

    /// A region lies here from now on.
    pub(super) fn settle(&mut self, place: AddressRange) {
        if !self.plan.verify {
            return;
        }
        self.tally.places_checked += 1;
        if let Err(other) = self.live.insert(place) {
            self.tally.violate(Violation::Overlap(place, other));
        }
    }
}
