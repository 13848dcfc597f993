//! The ledger: the records of the regions of clients. It is allocated at boot, with one record for
//! each region slot.
//!
//! Every region is in exactly one list: the list of its connection while it has no name, the list
//! of named regions, or the list of orphans, which have no owner. The regions of an ended
//! connection are therefore found without a search, and all of them become orphans in one
//! operation. Each list counts its regions and pages.

mod expiring;
mod fields;
mod list;
mod lists;
mod marks;
mod rings;
mod state;

pub(in crate::service) use expiring::Expiring;
pub(in crate::service) use list::{Charge, List, Usage};
pub(in crate::service) use state::State;

use vmalloc::RegionId;

use super::names::NameIndex;
use super::records::Records;
use crate::buffers::{Buffers, Shortage};

use fields::{BORN_S, Fields, ID, LEASE_US, NAME, NEXT, PAGES, PREVIOUS, RECORD_BYTES, STATE};

/// The records of the regions of clients, by region slot.
#[derive(Debug)]
pub(in crate::service) struct Ledger {
    /// The record of each slot, followed by the heads of the lists, which are rings. Index 0 is
    /// unused.
    fields: Fields,
    slots: u32,
    count: u64,
    leases: usize,
    expiring: Expiring,
}

impl Ledger {
    /// Allocates a record for each slot, and lists for `places` connections.
    ///
    /// # Errors
    ///
    /// The buffer could not be allocated.
    pub(in crate::service) fn try_new<B: Buffers>(
        buffers: &B,
        slots: u32,
        connections: usize,
    ) -> Result<Self, Shortage> {
        let heads = slots as usize + 1..slots as usize + 3 + connections;
        let mut records = Records::try_new(buffers, "service/ledger", heads.end)?;
        for head in heads {
            #[expect(clippy::cast_possible_truncation, reason = "slots have 24 bits")]
            for link in [NEXT, PREVIOUS] {
                records.set_u32(head, link, head as u32);
            }
        }
        Ok(Self {
            fields: Fields { records },
            slots,
            count: 0,
            leases: 0,
            expiring: Expiring::default(),
        })
    }

    /// Returns how many regions have a record.
    #[must_use]
    pub(in crate::service) fn count(&self) -> u64 {
        self.count
    }

    /// Adds the record of a new region to `list`. Clients cannot use the region until
    /// [`set_state`](Self::set_state) permits that.
    ///
    /// # Panics
    ///
    /// The previous region of this slot still has its record, because it was not
    /// [removed](Self::remove). Adding another record would corrupt the lists.
    pub(in crate::service) fn insert(&mut self, list: List, id: RegionId, pages: u64, now_us: u64) {
        self.record(id, pages, now_us);
        self.fields.link(list, id.slot());
    }

    /// Adds the record of a region of a request in flight to `list`. The list does not count the
    /// region until it is [moved](Self::move_to) to its final list; before that, a [`Charge`]
    /// counts it.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    pub(in crate::service) fn insert_in_flight(
        &mut self,
        list: List,
        id: RegionId,
        pages: u64,
        now_us: u64,
    ) {
        self.record(id, pages, now_us);
        self.fields.join_behind(list, id.slot());
        self.fields.count_by(self.orphans(), id.slot());
    }

    fn record(&mut self, id: RegionId, pages: u64, now_us: u64) {
        let slot = id.slot() as usize;
        assert_eq!(
            self.fields.records.u64(slot, ID),
            0,
            "the slot of region {id} is noted already"
        );
        self.fields.records.set_u64(slot, ID, id.get());
        // The fields of 32 bits hold up to 136 years and 16 TiB.
        let born_s = u32::try_from(now_us / 1_000_000).unwrap_or(u32::MAX);
        self.fields.records.set_u32(slot, BORN_S, born_s);
        self.fields.records.set_u32(slot, PAGES, u32::try_from(pages).unwrap_or(u32::MAX));
        self.fields.records.set_u32(slot, STATE, State::Fresh as u32);
        self.count += 1;
    }

    /// Sets the number of pages of a region.
    pub(in crate::service) fn set_pages(&mut self, id: RegionId, pages: u64) {
        if self.fields.holds(id) {
            self.fields.tally(id.slot(), false);
            self.fields.set(id.slot(), PAGES, u32::try_from(pages).unwrap_or(u32::MAX));
            self.fields.tally(id.slot(), true);
        }
    }

    /// Returns the number of pages of a region, or 0 if it has no record.
    #[must_use]
    pub(in crate::service) fn pages(&self, id: RegionId) -> u64 {
        if self.fields.holds(id) { u64::from(self.fields.get(id.slot(), PAGES)) } else { 0 }
    }

    /// Sets the name of a region, or removes it if `name` is `None`.
    pub(in crate::service) fn set_name(&mut self, id: RegionId, name: Option<NameIndex>) {
        if self.fields.holds(id) {
            self.count_expiring(id, false);
            self.fields.set(id.slot(), NAME, name.map_or(0, NameIndex::get));
            self.count_expiring(id, true);
        }
    }

    /// Returns the name of a region, if it has one.
    #[must_use]
    pub(in crate::service) fn name(&self, id: RegionId) -> Option<NameIndex> {
        if !self.fields.holds(id) {
            return None;
        }
        NameIndex::new(self.fields.get(id.slot(), NAME))
    }

    /// Returns the second since boot in which a region was allocated.
    #[must_use]
    pub(in crate::service) fn born_s(&self, id: RegionId) -> Option<u32> {
        self.fields.holds(id).then(|| self.fields.get(id.slot(), BORN_S))
    }

    /// Removes the record of a region. Returns the name that the region had.
    pub(in crate::service) fn remove(&mut self, id: RegionId) -> Option<NameIndex> {
        if !self.fields.holds(id) {
            return None;
        }
        let name = self.name(id);
        self.set_lease(id, 0);
        self.fields.unlink(id.slot());
        *self.fields.records.record_mut(id.slot() as usize) = [0; RECORD_BYTES];
        self.count -= 1;
        name
    }
    /// Returns the list of regions without an owner.
    #[must_use]
    pub(in crate::service) fn orphans(&self) -> List {
        List(self.slots + 1)
    }

    /// Returns the list of regions with a name.
    #[must_use]
    pub(in crate::service) fn named(&self) -> List {
        List(self.slots + 2)
    }

    /// Returns the list of the regions of the connection in `place`.
    #[must_use]
    pub(in crate::service) fn of_place(&self, place: u32) -> List {
        List(self.slots + 3 + place)
    }

    /// Sets the deadline of a region's lease, in microseconds since boot. 0 removes the lease.
    pub(in crate::service) fn set_lease(&mut self, id: RegionId, until_us: u64) {
        if self.fields.holds(id) {
            self.count_expiring(id, false);
            self.leases -= usize::from(self.lease(id).is_some());
            self.leases += usize::from(until_us != 0);
            self.fields.records.set_u64(id.slot() as usize, LEASE_US, until_us);
            self.count_expiring(id, true);
        }
    }

    /// Adds a region that has both a name and a lease to the totals in [`Expiring`], or subtracts
    /// it.
    fn count_expiring(&mut self, id: RegionId, is_added: bool) {
        let Some((until_us, _)) = self.lease(id).zip(self.name(id)) else { return };
        let Expiring { count, until_us: sum } = &mut self.expiring;
        if is_added {
            *count += 1;
            *sum += u128::from(until_us);
        } else {
            *count -= 1;
            *sum -= u128::from(until_us);
        }
    }

    /// Returns the totals of the leases of named regions.
    #[must_use]
    pub(in crate::service) fn expiring(&self) -> Expiring {
        self.expiring
    }

    /// Returns how many regions have a lease.
    #[must_use]
    pub(in crate::service) fn leases(&self) -> usize {
        self.leases
    }

    /// Returns when the lease of a region expires, in microseconds since boot.
    #[must_use]
    pub(in crate::service) fn lease(&self, id: RegionId) -> Option<u64> {
        let until_us = self.fields.records.u64(id.slot() as usize, LEASE_US);
        (self.fields.holds(id) && until_us != 0).then_some(until_us)
    }
}

#[cfg(test)]
mod tests;
