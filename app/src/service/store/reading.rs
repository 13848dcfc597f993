//! Adds and removes readers of regions.

use vmalloc::{Access, RegionId};

use super::Store;
use super::ledger::State;
use super::readers::WaitingWriter;
use crate::service::owner::Owner;

impl<M: Access> Store<M> {
    /// Adds a reader to a region.
    pub(in crate::service) fn add_reader(&mut self, id: RegionId) {
        self.ledger.add_reader(id);
        self.readers.count += 1;
    }

    /// Removes a reader of a region, even if it has not copied all bytes.
    pub(in crate::service) fn remove_reader(&mut self, id: RegionId) {
        self.readers.count -= 1;
        self.readers.has_ended = true;
        let is_last = self.ledger.remove_reader(id);
        if is_last && self.ledger.state(id) == Some(State::Fresh) {
            // The region was given up while it had readers. It becomes an orphan now, and is freed.
            self.ledger.move_to(self.ledger.orphans(), id);
        }
    }

    /// Returns whether a write of the session must wait, because bytes of the region are being sent
    /// to a client. Records the session as the waiting writer, or removes it.
    pub(in crate::service) fn is_read(&mut self, owner: Owner, id: RegionId) -> bool {
        let writer = WaitingWriter { id, session: owner.number };
        let is_read = self.ledger.has_readers(id);
        if is_read {
            self.readers.writer.get_or_insert(writer);
        } else if self.readers.writer == Some(writer) {
            self.readers.writer = None;
        }
        is_read
    }
}
