//! Watched keys: records which connections must be informed when a key changes.

use alloc::vec::Vec;
use core::cell::Cell;

use hashbrown::HashTable;
use runtime_config::limits;

use crate::service::failure::Failure;

/// The watched keys of all connections, by the 64-bit hashes of their names. If two names have the
/// same hash, a transaction may fail without need. Clients cannot provoke that, because they do not
/// know the seed of the hash.
#[derive(Debug)]
pub(in crate::service) struct Watches {
    table: HashTable<Watch>,
    /// The watch state of the connection in each place of the client list.
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
    /// Whether a watched key has changed. The field is a cell, because a write to a region borrows
    /// the store immutably.
    is_dirty: Cell<bool>,
}

impl Watches {
    /// Allocates space for the watches of `count` connections.
    pub(in crate::service) fn with_places(count: usize) -> Self {
        // The table is twice as large as necessary. Because half of it is always unused, it can
        // reclaim removed entries without allocating memory.
        let table = HashTable::with_capacity(2 * limits::WATCHES);
        Self { table, places: alloc::vec![Watcher::default(); count] }
    }

    /// Returns whether no connection watches a key.
    #[inline]
    pub(in crate::service) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Adds a watch of a key for the connection in `place`. Returns `false` if that connection
    /// already watches the key.
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

    /// Removes the watch of a key by the connection in `place`.
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

    /// Returns whether a key that the connection in `place` watches has changed.
    pub(in crate::service) fn is_dirty(&self, place: u32) -> bool {
        self.places[place as usize].is_dirty.get()
    }

    /// Removes all watches of the connection in `place`.
    pub(in crate::service) fn clear(&mut self, place: u32) {
        let watcher = &mut self.places[place as usize];
        if watcher.watches > 0 {
            self.table.retain(|watch| watch.place != place);
        }
        *watcher = Watcher::default();
    }
}
