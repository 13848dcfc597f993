//! Empty tables: the cached ones, and the unlinked ones.

use crate::frame::FrameIndex;

/// Empty leaf tables that are cached, so that short-lived regions reuse their tables: as many as a
/// purge empties on a few CPUs, each of which has lazy pages of 16 tables.
pub(crate) const TABLES_CACHED: usize = 64;

/// The cached empty leaf tables: those that were emptied last.
#[derive(Debug)]
pub(super) struct Cached {
    tables: [Option<FrameIndex>; TABLES_CACHED],
    /// The place that is evicted next.
    next: usize,
}

impl Default for Cached {
    fn default() -> Self {
        Self { tables: [None; TABLES_CACHED], next: 0 }
    }
}

impl Cached {
    pub(super) fn count(&self) -> usize {
        self.tables.iter().flatten().count()
    }

    pub(super) fn remove(&mut self, table: Option<FrameIndex>) {
        if let Some(place) = self.tables.iter_mut().find(|place| **place == table) {
            *place = None;
        }
    }

    /// Caches a table. Returns the evicted one if the cache is full.
    pub(super) fn put(&mut self, table: FrameIndex) -> Option<FrameIndex> {
        if let Some(place) = self.tables.iter_mut().find(|place| place.is_none()) {
            *place = Some(table);
            return None;
        }
        let place = self.next;
        self.next = (place + 1) % TABLES_CACHED;
        self.tables[place].replace(table)
    }

    pub(super) fn take(&mut self) -> Option<FrameIndex> {
        self.tables.iter_mut().find_map(Option::take)
    }
}

/// Tables that have been unlinked, linked through their records; leaves are freed before the tables
/// above them.
#[derive(Debug)]
pub(super) struct Unlinked {
    pub(super) leaves: FrameIndex,
    pub(super) middles: FrameIndex,
}

impl Default for Unlinked {
    fn default() -> Self {
        Self { leaves: FrameIndex::NONE, middles: FrameIndex::NONE }
    }
}

impl Unlinked {
    pub(super) fn is_any(&self) -> bool {
        self.leaves != FrameIndex::NONE || self.middles != FrameIndex::NONE
    }
}
