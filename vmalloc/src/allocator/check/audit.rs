//! The result of an audit.

use core::fmt;

use crate::stats::Stats;

/// The number of violations that an audit keeps; further ones are only counted.
const KEPT: usize = 16;

/// A broken invariant and the place where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The broken invariant.
    pub what: &'static str,
    /// The place: an address, a frame number or a count.
    pub at: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.what, self.at)
    }
}

/// The result of an audit: the first violations, their number, and the totals that were compared.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    kept: [Option<Violation>; KEPT],
    count: usize,
    /// Busy regions, without those of the kernel itself.
    pub areas: u64,
    /// Areas that wait for a flush.
    pub areas_lazy: u64,
    /// Frames in use.
    pub frames_used: u64,
    /// Frames of page tables and their indexes.
    pub table_pages: u64,
    /// The number of the flush that was begun last.
    pub generation: u64,
}

impl Audit {
    /// Creates the result without violations, with the current totals.
    pub(super) fn of(stats: &Stats) -> Self {
        Self {
            kept: [None; KEPT],
            count: 0,
            areas: stats.areas,
            areas_lazy: stats.areas_lazy,
            frames_used: stats.frames_used(),
            table_pages: stats.table_pages,
            generation: stats.generation,
        }
    }

    /// Returns whether no violation was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.count == 0
    }

    /// Returns the number of violations.
    #[must_use]
    pub fn violation_count(&self) -> usize {
        self.count
    }

    /// Returns the first violations, at most 16.
    pub fn violations(&self) -> impl Iterator<Item = Violation> {
        self.kept.into_iter().flatten()
    }

    pub(super) fn note(&mut self, what: &'static str, at: u64) {
        if let Some(place) = self.kept.get_mut(self.count) {
            *place = Some(Violation { what, at });
        }
        self.count += 1;
    }

    pub(super) fn expect(&mut self, holds: bool, what: &'static str, at: u64) {
        if !holds {
            self.note(what, at);
        }
    }
}
