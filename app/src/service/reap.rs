//! Freeing regions, at once or later, with all that was noted of them.

use vmalloc::{Machine, RegionError, RegionId, RegionInfo};

use super::Service;
use super::job::Budget;
use super::ledger::State;

impl<M: Machine> Service<M> {
    /// Frees regions whose lease has ended and what sessions that have ended left behind, as far as
    /// the budget goes. Returns whether anything was done.
    pub fn reap(&mut self, budget: &mut Budget) -> bool {
        if self.is_restricted() {
            return false;
        }
        let mut reaped = false;
        while !budget.is_spent()
            && let Some(id) = self.leases.due(&self.ledger, self.now_us)
        {
            reaped = true;
            self.counters.expired_keys += u64::from(self.ledger.name(id).is_some());
            budget.spend(self.give_up(id) + 1);
        }
        while !budget.is_spent()
            && let Some(id) = self.ledger.first(self.ledger.orphans())
        {
            if let Ok(info) = self.vm.info(id)
                && self.is_freed_away(&info)
            {
                reaped |= self.send_to_free(id);
                break;
            }
            match self.release(id) {
                Ok(info) => budget.spend(info.range.count().get() + 1),
                // Asked again in the next turn.
                Err(RegionError::Changing { .. }) => break,
                // Freed by other means than the service: only the note is left.
                Err(_) => self.forget(id),
            }
            reaped = true;
        }
        reaped
    }

    /// When [`reap`](Self::reap) has something to do that nobody asks for.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        self.leases.wake_at()
    }

    /// Whether nothing is left to reap, or nothing before another CPU has done its part.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        self.ledger.first(self.ledger.orphans()).is_none() || !self.errands.is_idle()
    }

    /// Frees a region and forgets all that was noted of it; after an error nothing has changed.
    pub(super) fn release(&mut self, id: RegionId) -> Result<RegionInfo, RegionError> {
        let info = self.vm.vfree(id)?;
        self.forget(id);
        Ok(info)
    }

    /// Frees a region that nobody shall use any more: at once, or later where it is large, being
    /// changed, or being sent to a client. Returns how many pages were freed at once.
    pub(super) fn give_up(&mut self, id: RegionId) -> u64 {
        let has_readers = self.ledger.has_readers(id);
        if !has_readers && !self.is_long_free(self.ledger.pages(id)) {
            match self.release(id) {
                Ok(info) => return info.range.count().get(),
                Err(RegionError::Changing { .. }) => {}
                // Freed by other means than the service.
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
        // The pages that readers keep count in their quota until the last one has ended.
        if !has_readers {
            self.ledger.move_to(self.ledger.orphans(), id);
        }
        0
    }

    /// Forgets all that was noted of a region.
    pub(super) fn forget(&mut self, id: RegionId) {
        self.touch(id);
        if let Some(name) = self.ledger.remove(id) {
            self.names.remove(name);
        }
    }
}
