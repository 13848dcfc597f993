//! Does work that no request asks for: frees regions with an expired lease and orphaned regions,
//! and collects the tasks of ended connections.

use alloc::vec::Vec;

use runtime_config::limits::CPUS_MAX;
use vmalloc::{Access, RegionError};

use super::background;
use super::connection::{Abandoned, Connection};
use super::parts::Parts;
use super::workers::Budget;

/// The tasks of ended connections, which still wait for APs.
#[derive(Debug)]
pub(super) struct Housekeeping {
    abandoned: Vec<Abandoned>,
}

impl Housekeeping {
    /// Allocates space for one task per CPU, which is the maximum number of operations in flight.
    pub(super) fn new() -> Self {
        Self { abandoned: Vec::with_capacity(CPUS_MAX) }
    }

    /// Ends a connection: cancels its task, discards its transaction and marks its regions as orphaned. Later
    /// turns free these regions, each turn within its budget.
    pub(super) fn end<M: Access>(&mut self, parts: &mut Parts<M>, connection: &mut Connection) {
        self.abandoned.extend(connection.cancel(parts));
        let session = &mut connection.session;
        let owner = session.owner;
        parts.end_streamed(session);
        parts.store.readers.forget_writer(owner);
        parts.store.ledger.abandon(parts.store.ledger.of_place(owner.place));
        parts.discard_transaction(session);
        parts.clients.leave(owner.place);
        self.assert_given_back(parts);
        parts.workers.release(owner.number);
    }

    /// Collects the results of completed operations that no connection waits for. Returns whether
    /// there were any.
    pub(super) fn collect<M: Access>(&mut self, parts: &mut Parts<M>) -> bool {
        let was_idle = parts.workers.are_idle();
        background::collect(parts);
        for _ in 0..self.abandoned.len() {
            let Abandoned { task, reservation } = self.abandoned.remove(0);
            match task.cancel(parts) {
                Some(task) => self.abandoned.push(Abandoned { task, reservation }),
                None => parts.store.give_back(reservation),
            }
        }
        self.assert_given_back(parts);
        was_idle != parts.workers.are_idle()
    }

    /// Frees regions with an expired lease and regions of ended connections, within the budget.
    /// Returns whether any work was done.
    pub(super) fn reap<M: Access>(&self, parts: &mut Parts<M>, budget: &mut Budget) -> bool {
        if parts.workers.are_restricted() {
            return false;
        }
        let mut reaped = false;
        let now_us = parts.store.clock.now_us;
        while !budget.is_spent()
            && let Some(id) = parts.store.leases.due(&parts.store.ledger, now_us)
        {
            reaped = true;
            let has_name = parts.store.ledger.name(id).is_some();
            parts.metrics.counters.expired_keys += u64::from(has_name);
            budget.spend(parts.store.give_up(id) + 1);
        }
        while !budget.is_spent()
            && let Some(id) = parts.store.ledger.first(parts.store.ledger.orphans())
        {
            if background::is_freed_by_ap(parts, id) {
                reaped |= background::free(parts, id);
                break;
            }
            match parts.store.release(id) {
                Ok(info) => budget.spend(info.range.count().get() + 1),
                // The region is being changed. The next turn tries to free it again.
                Err(RegionError::Changing { .. }) => break,
                // Code outside the service has already freed the region, so only its record is
                // removed.
                Err(_) => parts.store.forget(id),
            }
            reaped = true;
        }
        reaped
    }

    /// Asserts that no reservation is left when there is neither a connection nor a task that could
    /// return it.
    fn assert_given_back<M: Access>(&self, parts: &Parts<M>) {
        let is_deserted = parts.clients.entries().next().is_none() && self.abandoned.is_empty();
        let reservations = parts.store.reservations;
        debug_assert!(
            !is_deserted || reservations == 0,
            "{reservations} reservations were not given back"
        );
    }
}
