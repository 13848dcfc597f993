//! Frees regions and their records, immediately or later.

use vmalloc::{Access, RegionError, RegionId, RegionInfo};

use super::Store;
use super::ledger::State;

impl<M: Access> Store<M> {
    /// Frees a region and removes its record. If this fails, no state has changed.
    pub(in crate::service) fn release(&mut self, id: RegionId) -> Result<RegionInfo, RegionError> {
        let info = self.vm.vfree(id)?;
        self.forget(id);
        Ok(info)
    }

    /// Takes a region away from its owner, and frees it. A region that is large, being changed, or
    /// being sent to a client is freed later. Returns how many pages were freed immediately.
    pub(in crate::service) fn give_up(&mut self, id: RegionId) -> u64 {
        let has_readers = self.ledger.has_readers(id);
        if !has_readers && self.ledger.pages(id) <= self.free_pages_max {
            match self.release(id) {
                Ok(info) => return info.range.count().get(),
                Err(RegionError::Changing { .. }) => {}
                // Code outside the service has already freed the region.
                Err(_) => {
                    self.forget(id);
                    return 0;
                }
            }
        }
        self.touch(id);
        if let Some(name) = self.ledger.name(id) {
            self.names.remove(name);
            self.ledger.set_name(id, None);
        }
        self.ledger.set_state(id, State::Fresh);
        self.ledger.set_lease(id, 0);
        // A region with readers stays in its list, so that it counts in the quota of its owner
        // until its last reader has ended.
        if !has_readers {
            self.ledger.move_to(self.ledger.orphans(), id);
        }
        0
    }

    /// Removes the record of a region, and its name.
    pub(in crate::service) fn forget(&mut self, id: RegionId) {
        self.touch(id);
        if let Some(name) = self.ledger.remove(id) {
            self.names.remove(name);
        }
    }

    /// Records the result of a free on an AP. A region that could not be freed, because it was
    /// being changed, becomes an orphan and is freed later.
    pub(in crate::service) fn note_freed(
        &mut self,
        id: RegionId,
        result: Result<RegionInfo, RegionError>,
    ) {
        if let Err(RegionError::Changing { .. }) = result {
            self.ledger.insert(self.ledger.orphans(), id, 0, self.clock.now_us);
        }
    }
}
