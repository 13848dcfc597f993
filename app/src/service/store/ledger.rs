//! What the service notes of each client's region: one record per region slot, made at boot.
//!
//! Every region is in one list: its connection's while it has no name, that of the named ones, or
//! that of the orphans, which nobody owns any more. A dying connection's regions are found without
//! a search and taken over at once, however many they are. Each list counts what it holds.

mod leases;
mod lists;
mod marks;

pub(in crate::service) use leases::Expiring;
pub(in crate::service) use lists::{Charge, List, Usage};
pub(in crate::service) use marks::State;

use vmalloc::RegionId;

use super::names::NameIndex;
use super::records::Records;
use crate::buffers::{Buffers, Shortage};

const ID: usize = 0;
/// Microseconds of the clock; 0 is no lease.
const LEASE_US: usize = 8;
const BORN_S: usize = 16;
const NEXT: usize = 20;
const PREVIOUS: usize = 24;
const NAME: usize = 28;
const PAGES: usize = 32;
/// The list that counts it, and which of that list's owners. A region that is
/// [abandoned](Ledger::abandon) is in another list, which counts nothing.
const LIST: usize = 36;
const EPOCH: usize = 40;
/// The low byte is the [`State`], the rest what else is so.
const STATE: usize = 44;
const RECORD_BYTES: usize = 48;

/// Notes on clients' regions, by slot.
#[derive(Debug)]
pub(in crate::service) struct Ledger {
    /// Index 0 is never used; behind the slots the heads of the lists, which are rings.
    records: Records<RECORD_BYTES>,
    slots: u32,
    count: u64,
    leases: usize,
    expiring: Expiring,
}

impl Ledger {
    /// Makes room for every slot there is, and for the lists of so many connections.
    ///
    /// # Errors
    ///
    /// The buffer could not be had.
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
        Ok(Self { records, slots, count: 0, leases: 0, expiring: Expiring::default() })
    }

    /// How many regions are noted.
    #[must_use]
    pub(in crate::service) fn count(&self) -> u64 {
        self.count
    }

    /// Notes a new region. Nobody may use it before its [state](Self::set_state) says so.
    ///
    /// # Panics
    ///
    /// The slot's last region was not [removed](Self::remove): lists would lead to another's.
    pub(in crate::service) fn insert(&mut self, list: List, id: RegionId, pages: u64, now_us: u64) {
        self.record(id, pages, now_us);
        self.link(list, id.slot());
    }

    /// The same for a region in flight: it is found in the list, which does not count it before it
    /// is [moved](Self::move_to). A [`Charge`] counts it until then.
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
        self.join_behind(list, id.slot());
        self.count_by(self.orphans(), id.slot());
    }

    fn record(&mut self, id: RegionId, pages: u64, now_us: u64) {
        let slot = id.slot() as usize;
        assert_eq!(self.records.u64(slot, ID), 0, "the slot of region {id} is noted already");
        self.records.set_u64(slot, ID, id.get());
        // 136 years, and 16 TiB.
        let born_s = u32::try_from(now_us / 1_000_000).unwrap_or(u32::MAX);
        self.records.set_u32(slot, BORN_S, born_s);
        self.records.set_u32(slot, PAGES, u32::try_from(pages).unwrap_or(u32::MAX));
        self.records.set_u32(slot, STATE, State::Fresh as u32);
        self.count += 1;
    }

    /// Notes how many pages the region has from now on.
    pub(in crate::service) fn set_pages(&mut self, id: RegionId, pages: u64) {
        if self.holds(id) {
            self.tally(id.slot(), false);
            self.set(id.slot(), PAGES, u32::try_from(pages).unwrap_or(u32::MAX));
            self.tally(id.slot(), true);
        }
    }

    /// How many pages it has; 0 where it is not noted.
    #[must_use]
    pub(in crate::service) fn pages(&self, id: RegionId) -> u64 {
        if self.holds(id) { u64::from(self.get(id.slot(), PAGES)) } else { 0 }
    }

    /// Gives the region a name, or takes it away.
    pub(in crate::service) fn set_name(&mut self, id: RegionId, name: Option<NameIndex>) {
        if self.holds(id) {
            self.count_expiring(id, false);
            self.set(id.slot(), NAME, name.map_or(0, NameIndex::get));
            self.count_expiring(id, true);
        }
    }

    /// The region's name, if it has one.
    #[must_use]
    pub(in crate::service) fn name(&self, id: RegionId) -> Option<NameIndex> {
        if !self.holds(id) {
            return None;
        }
        NameIndex::new(self.get(id.slot(), NAME))
    }

    /// The second in which the region was made.
    #[must_use]
    pub(in crate::service) fn born_s(&self, id: RegionId) -> Option<u32> {
        self.holds(id).then(|| self.get(id.slot(), BORN_S))
    }

    /// Forgets a region. Returns its name.
    pub(in crate::service) fn remove(&mut self, id: RegionId) -> Option<NameIndex> {
        if !self.holds(id) {
            return None;
        }
        let name = self.name(id);
        self.set_lease(id, 0);
        self.unlink(id.slot());
        *self.records.record_mut(id.slot() as usize) = [0; RECORD_BYTES];
        self.count -= 1;
        name
    }

    fn holds(&self, id: RegionId) -> bool {
        self.records.u64(id.slot() as usize, ID) == id.get()
    }

    #[inline]
    fn get(&self, index: u32, field: usize) -> u32 {
        self.records.u32(index as usize, field)
    }

    #[inline]
    fn set(&mut self, index: u32, field: usize, value: u32) {
        self.records.set_u32(index as usize, field, value);
    }
}

#[cfg(test)]
mod tests;
