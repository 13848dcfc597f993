//! Lists of empty tables: leaf tables that are cached, and tables that are unlinked and wait for a
//! shootdown. A table is named by its place.

/// The number of empty leaf tables that are cached, so that short-lived regions reuse tables. It is
/// as many as a purge empties on four CPUs, each of which has lazy pages of 16 tables.
pub(crate) const TABLES_CACHED: usize = 64;

/// The end of a list.
pub(super) const END: u32 = u32::MAX;

/// The places of the leaf tables that became empty last. The count of each is 0.
#[derive(Debug)]
pub(super) struct Cached {
    places: [Option<u32>; TABLES_CACHED],
    /// The index of the table that is evicted next.
    next: usize,
}

impl Default for Cached {
    fn default() -> Self {
        Self { places: [None; TABLES_CACHED], next: 0 }
    }
}

impl Cached {
    pub(super) fn count(&self) -> usize {
        self.places.iter().flatten().count()
    }

    pub(super) fn remove(&mut self, place: u32) {
        if let Some(found) = self.places.iter_mut().find(|found| **found == Some(place)) {
            *found = None;
        }
    }

    /// Adds a table. Returns the evicted table if the cache was full.
    pub(super) fn put(&mut self, place: u32) -> Option<u32> {
        if let Some(free) = self.places.iter_mut().find(|free| free.is_none()) {
            *free = Some(place);
            return None;
        }
        let oldest = self.next;
        self.next = (oldest + 1) % TABLES_CACHED;
        self.places[oldest].replace(place)
    }

    pub(super) fn take(&mut self) -> Option<u32> {
        self.places.iter_mut().find_map(Option::take)
    }
}

/// The lists of unlinked tables, linked through their records. Leaf tables are freed before the
/// tables of level 2 (`middles`), which are named by any place below them.
#[derive(Debug)]
pub(super) struct Unlinked {
    pub(super) leaves: u32,
    pub(super) middles: u32,
    /// Whether a table was unlinked since the shootdown for these tables was about to begin. Then
    /// that shootdown proves nothing about this table.
    pub(super) is_late: bool,
}

impl Default for Unlinked {
    fn default() -> Self {
        Self { leaves: END, middles: END, is_late: false }
    }
}

impl Unlinked {
    pub(super) fn is_any(&self) -> bool {
        self.leaves != END || self.middles != END
    }
}
