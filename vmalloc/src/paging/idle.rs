//! Lists of empty tables: leaf tables that are cached, and tables that are unlinked and wait for a
//! shootdown.

use crate::frame::FrameIndex;

/// The number of empty leaf tables that are cached, so that short-lived regions reuse tables. It is
/// as many as a purge empties on four CPUs, each of which has lazy pages of 16 tables.
pub(crate) const TABLES_CACHED: usize = 64;

/// The leaf tables that became empty last. The count of each is 0.
#[derive(Debug)]
pub(super) struct Cached {
    tables: [Option<FrameIndex>; TABLES_CACHED],
    /// The index of the table that is evicted next.
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

    /// Adds a table. Returns the evicted table if the cache was full.
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

/// The lists of unlinked tables, linked through the frame records. Leaf tables are freed before the
/// tables of level 2 (`middles`), because a leaf table is found through the table above it.
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
