//! Publication: an allocated region gets its name and lease, and becomes usable by its client.

use vmalloc::{Access, RegionId, RegionInfo};

use super::Store;
use super::ledger::{List, State};
use super::names::NameIndex;
use super::publication::Publication;
use super::reservation::Reservation;
use crate::service::failure::Failure;
use crate::service::owner::Owner;

impl<M: Access> Store<M> {
    /// Records a region that an AP has allocated for a connection that has ended.
    pub(in crate::service) fn note_orphan(&mut self, info: &RegionInfo) {
        let pages = info.range.count().get();
        self.ledger.insert(self.ledger.orphans(), info.id, pages, self.clock.now_us);
    }

    /// Records a region of a request in flight. Its client must not use it yet, and the reservation
    /// of the request counts it.
    pub(in crate::service) fn note_in_flight(&mut self, list: List, info: &RegionInfo) {
        self.ledger.insert_in_flight(list, info.id, info.range.count().get(), self.clock.now_us);
    }

    /// Publishes the region of a request in flight. Its reservation ends, because the region itself
    /// counts from now on.
    ///
    /// # Errors
    ///
    /// The name was taken in the meantime, or the replaced region has gone or shrunk so that a
    /// limit is exceeded. The new region is freed.
    pub(in crate::service) fn publish_in_flight(
        &mut self,
        owner: Owner,
        reservation: Option<Reservation>,
        info: &RegionInfo,
        publication: &Publication<&[u8]>,
    ) -> Result<(), Failure> {
        self.give_back(reservation);
        match self.admit_region(owner, publication, info.range.count().get()) {
            Ok(demand) => {
                self.ledger.move_to(self.ledger.of_place(owner.place), info.id);
                self.publish(info.id, publication, demand.taken());
                Ok(())
            }
            Err(failure) => {
                // No client knows the id yet, so no client prevents the free.
                self.give_up(info.id);
                Err(failure)
            }
        }
    }

    /// Adds a new region to the ledger under the connection of `owner`, and publishes the region. The region must
    /// have been allocated in the current turn of the server loop, so it has no reservation.
    pub(in crate::service) fn publish_new(
        &mut self,
        owner: Owner,
        info: &RegionInfo,
        publication: &Publication<&[u8]>,
        taken: Option<NameIndex>,
    ) {
        let list = self.ledger.of_place(owner.place);
        self.ledger.insert(list, info.id, info.range.count().get(), self.clock.now_us);
        self.publish(info.id, publication, taken);
    }

    /// Publishes a region: assigns its name and lease, frees the region that had the name, and
    /// makes the new region usable. Every region of a client becomes usable here. The limits must
    /// have been checked in this turn.
    pub(in crate::service) fn publish(
        &mut self,
        id: RegionId,
        publication: &Publication<&[u8]>,
        taken: Option<NameIndex>,
    ) {
        let mut until_us = publication.lease.map(|lease| self.clock.deadline_of(lease));
        if let Some(name) = publication.name {
            let old_until_us = give_name(self, id, name, taken);
            until_us = until_us.or(old_until_us.filter(|_| publication.keep_lease));
        }
        self.ledger.set_state(id, State::Ready);
        if let Some(until_us) = until_us {
            let is_set = self.leases.set(&mut self.ledger, id, until_us);
            debug_assert!(is_set, "the demand had room for it");
            if until_us <= self.clock.now_us {
                // The lease has expired already.
                self.give_up(id);
            }
        }
    }
}

/// Assigns a name that was checked, and frees the region that had it. Returns the lease of that
/// region.
fn give_name<M: Access>(
    store: &mut Store<M>,
    id: RegionId,
    name: &[u8],
    taken: Option<NameIndex>,
) -> Option<u64> {
    let mut until_us = None;
    let index = match taken {
        Some(index) => {
            let old = store.names.id(index);
            store.names.set_id(index, id);
            if let Some(old) = old {
                until_us = store.ledger.lease(old);
                store.ledger.set_name(old, None);
                store.give_up(old);
            }
            Some(index)
        }
        None => store.names.insert(name, id),
    };
    store.ledger.set_name(id, index);
    store.touch(id);
    store.ledger.move_to(store.ledger.named(), id);
    until_us
}
