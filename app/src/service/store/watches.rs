//! Watched keys: the connections to inform when a key changes.

use alloc::vec::Vec;
use core::cell::Cell;

use hashbrown::HashTable;
use runtime_config::limits;

use crate::service::failure::Failure;

/// The watched keys of all connections, by the 64-bit hashes of their names. If two names have the
/// same hash, a transaction may fail that could have succeeded; clients cannot provoke that,
/// because they do not know the seed.
#[derive(Debug)]
pub(in crate::service) struct Watches {
    table: HashTable<Watch>,
    /// The state of the connection in each place.
    places: Vec<Watcher>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watch {
    hash: u64,
    place: u32,
}

#[derive(Clone, Debug, Default)]
struct Watcher {
    watches: usize,
    /// Whether a watched key has changed. It is a cell, because a write to a region borrows the
    /// store immutably.
    is_dirty: Cell<bool>,
}

impl Watches {
    /// Allocates room for the watches of `count` connections.
    pub(in crate::service) fn with_places(count: usize) -> Self {
        // With half of it always unused, the table can reclaim removed entries without allocating.
        let table = HashTable::with_capacity(2 * limits::WATCHES);
        Self { table, places: alloc::vec![Watcher::default(); count] }
    }

    /// Returns whether no connection watches a key.
    #[inline]
    pub(in crate::service) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Adds a watch of a key. Returns `false` if the connection watches the key already.
    pub(in crate::service) fn add(&mut self, hash: u64, place: u32) -> Result<bool, Failure> {
        let watch = Watch { hash, place };
        if self.table.find(hash, |other| *other == watch).is_some() {
            return Ok(false);
        }
        if self.table.len() >= limits::WATCHES {
            return Err(Failure::WatchLimit(limits::WATCHES));
        }
        self.table.insert_unique(hash, watch, |watch| watch.hash);
        self.places[place as usize].watches += 1;
        Ok(true)
    }

    /// Removes the watch of a key.
    pub(in crate::service) fn remove(&mut self, hash: u64, place: u32) {
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == Watch { hash, place }) {
            entry.remove();
            self.places[place as usize].watches -= 1;
        }
    }

    /// Marks the connections that watch a key.
    pub(in crate::service) fn touch(&self, hash: u64) {
        for watch in self.table.iter_hash(hash).filter(|watch| watch.hash == hash) {
            self.places[watch.place as usize].is_dirty.set(true);
        }
    }

    /// Returns whether a watched key of the connection in a place has changed.
    pub(in crate::service) fn is_dirty(&self, place: u32) -> bool {
        self.places[place as usize].is_dirty.get()
    }

    /// Removes the watches of the connection in a place.
    pub(in crate::service) fn clear(&mut self, place: u32) {
        let watcher = &mut self.places[place as usize];
        if watcher.watches > 0 {
            self.table.retain(|watch| watch.place != place);
        }
        *watcher = Watcher::default();
    }
}
