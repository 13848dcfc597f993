//! What the service notes of each client's region: one record per region slot, made at boot.
//!
//! Every region is in one list: its connection's while it has no name, that of the named ones, or
//! that of the orphans, which nobody owns any more. A dying connection's regions are found without
//! a search and taken over at once, however many they are. Each list counts what it holds.

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
/// The list that counts it, and which of that list's owners: after a [`splice`](Ledger::splice) it
/// is in another list, which counts nothing.
const LIST: usize = 36;
const EPOCH: usize = 40;
/// The low byte is the [`State`], the rest what else is so.
const STATE: usize = 44;
const RECORD_BYTES: usize = 48;

const STATE_MASK: u32 = 0xff;
/// Whether the region holds a value of no bytes.
const EMPTY: u32 = 1 << 8;
/// Whether a request in flight replaces the region, and is charged by the difference.
const CREDITED: u32 = 1 << 9;
/// How many replies are being copied out of the region; there are fewer connections.
const READER: u32 = 1 << 16;

/// The head of a list has a count of regions in place of a name, and of pages in place of a lease.
const COUNT: usize = NAME;
const TOTAL_PAGES: usize = LEASE_US;

/// The most pages that one charge counts: no machine has as many, and the sum of the charges of all
/// connections does not overflow.
const CHARGE_PAGES_MAX: u64 = 1 << 48;

/// Whether a region may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// It is being made, or is on its way out: for all commands it is not there.
    Fresh = 1,
    /// It may be used.
    Ready,
    /// It is being resized: asked again later, it can be used.
    Changing,
}

/// Regions that go together, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(u32);

/// What a list counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Regions.
    pub regions: u32,
    /// Their pages, without guards.
    pub pages: u64,
}

/// Regions and pages that a list counts for a request in flight, before any region of its stands in
/// the list. The ledger that made a charge must get it back.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a charge that is not given back counts for ever"]
pub struct Charge {
    list: List,
    /// Which of the list's owners is charged: the next one begins with nothing.
    epoch: u32,
    usage: Usage,
}

/// Notes on clients' regions, by slot.
#[derive(Debug)]
pub struct Ledger {
    /// Index 0 is never used; behind the slots the heads of the lists, which are rings.
    records: Records<RECORD_BYTES>,
    slots: u32,
    count: u64,
    leases: usize,
    expiring: Expiring,
}

/// The leases of regions with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiring {
    /// How many there are.
    pub count: u64,
    /// The sum of the times at which they end, in microseconds of the clock.
    until_us: u128,
}

impl Expiring {
    /// How long they go on, on average; 0 where there are none.
    #[must_use]
    pub fn average_us(&self, now_us: u64) -> u64 {
        let until_us = self.until_us.checked_div(self.count.into()).unwrap_or(0);
        u64::try_from(until_us).unwrap_or(u64::MAX).saturating_sub(now_us)
    }
}

impl Ledger {
    /// Makes room for every slot there is, and for the lists of so many connections.
    ///
    /// # Errors
    ///
    /// The buffer could not be had.
    pub fn try_new<B: Buffers>(
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

    /// The regions that nobody owns any more.
    #[must_use]
    pub fn orphans(&self) -> List {
        List(self.slots + 1)
    }

    /// The regions that have a name.
    #[must_use]
    pub fn named(&self) -> List {
        List(self.slots + 2)
    }

    /// The regions of the connection in a place.
    #[must_use]
    pub fn of_place(&self, place: u32) -> List {
        List(self.slots + 3 + place)
    }

    /// How many regions are noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What a list counts: its regions, and charges. The orphans' is not counted.
    #[must_use]
    pub fn usage(&self, list: List) -> Usage {
        let pages = self.records.u64(list.0 as usize, TOTAL_PAGES);
        Usage { regions: self.get(list.0, COUNT), pages }
    }

    /// Lets a list count regions and pages that are in flight.
    pub fn charge(&mut self, list: List, usage: Usage) -> Charge {
        let usage = Usage { pages: usage.pages.min(CHARGE_PAGES_MAX), ..usage };
        self.count_in(list.0, usage, true);
        Charge { list, epoch: self.get(list.0, EPOCH), usage }
    }

    /// Gives a charge back. It does nothing where the list has another owner by then.
    pub fn discharge(&mut self, charge: Charge) {
        let Charge { list, epoch, usage } = charge;
        if self.get(list.0, EPOCH) == epoch {
            self.count_in(list.0, usage, false);
        }
    }

    /// Marks a region as one whose pages a request in flight is credited with; false where another
    /// one is already: a region makes room once.
    pub fn credit(&mut self, id: RegionId) -> bool {
        let state = self.get(id.slot(), STATE);
        let is_first = self.holds(id) && state & CREDITED == 0;
        if is_first {
            self.set(id.slot(), STATE, state | CREDITED);
        }
        is_first
    }

    /// Takes the mark away, if the region is still there.
    pub fn uncredit(&mut self, id: RegionId) {
        if self.holds(id) {
            self.set(id.slot(), STATE, self.get(id.slot(), STATE) & !CREDITED);
        }
    }

    /// Notes a new region. Nobody may use it before its [state](Self::set_state) says so.
    ///
    /// # Panics
    ///
    /// The slot's last region was not [removed](Self::remove): lists would lead to another's.
    pub fn insert(&mut self, list: List, id: RegionId, pages: u64, now_us: u64) {
        self.record(id, pages, now_us);
        self.link(list, id.slot());
    }

    /// The same for a region in flight: it is found in the list, which does not count it before it
    /// is [moved](Self::move_to). A [`Charge`] counts it until then.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_in_flight(&mut self, list: List, id: RegionId, pages: u64, now_us: u64) {
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

    /// Says whether the region may be used.
    pub fn set_state(&mut self, id: RegionId, state: State) {
        if self.holds(id) {
            let rest = self.get(id.slot(), STATE) & !STATE_MASK;
            self.set(id.slot(), STATE, rest | state as u32);
        }
    }

    /// Whether the region may be used; `None` where it is not noted.
    #[must_use]
    pub fn state(&self, id: RegionId) -> Option<State> {
        let known = [State::Fresh, State::Ready, State::Changing];
        let state = self.get(id.slot(), STATE) & STATE_MASK;
        known.into_iter().find(|known| self.holds(id) && *known as u32 == state)
    }

    /// Says whether the region holds a value of no bytes: the library's regions have at least one.
    pub fn set_empty(&mut self, id: RegionId, is_empty: bool) {
        if self.holds(id) {
            let rest = self.get(id.slot(), STATE) & !EMPTY;
            self.set(id.slot(), STATE, rest | if is_empty { EMPTY } else { 0 });
        }
    }

    /// Whether the region holds a value of no bytes.
    #[must_use]
    pub fn is_empty(&self, id: RegionId) -> bool {
        self.holds(id) && self.get(id.slot(), STATE) & EMPTY != 0
    }

    /// Notes that a reply is being copied out of the region.
    pub fn add_reader(&mut self, id: RegionId) {
        if self.holds(id) {
            self.set(id.slot(), STATE, self.get(id.slot(), STATE) + READER);
        }
    }

    /// Notes that such a reply has ended. Returns whether it was the last one.
    pub fn remove_reader(&mut self, id: RegionId) -> bool {
        if self.has_readers(id) {
            self.set(id.slot(), STATE, self.get(id.slot(), STATE) - READER);
        }
        !self.has_readers(id)
    }

    /// Whether replies are being copied out of the region: it must stay as it is.
    #[must_use]
    pub fn has_readers(&self, id: RegionId) -> bool {
        self.holds(id) && self.get(id.slot(), STATE) >= READER
    }

    /// Notes how many pages the region has from now on.
    pub fn set_pages(&mut self, id: RegionId, pages: u64) {
        if self.holds(id) {
            self.tally(id.slot(), false);
            self.set(id.slot(), PAGES, u32::try_from(pages).unwrap_or(u32::MAX));
            self.tally(id.slot(), true);
        }
    }

    /// How many pages it has; 0 where it is not noted.
    #[must_use]
    pub fn pages(&self, id: RegionId) -> u64 {
        if self.holds(id) { u64::from(self.get(id.slot(), PAGES)) } else { 0 }
    }

    /// Puts the region in another list.
    pub fn move_to(&mut self, list: List, id: RegionId) {
        if self.holds(id) {
            self.unlink(id.slot());
            self.link(list, id.slot());
        }
    }

    /// Gives the region a name, or takes it away.
    pub fn set_name(&mut self, id: RegionId, name: Option<NameIndex>) {
        if self.holds(id) {
            self.count_expiring(id, false);
            self.set(id.slot(), NAME, name.map_or(0, NameIndex::get));
            self.count_expiring(id, true);
        }
    }

    /// The region's name, if it has one.
    #[must_use]
    pub fn name(&self, id: RegionId) -> Option<NameIndex> {
        if !self.holds(id) {
            return None;
        }
        NameIndex::new(self.get(id.slot(), NAME))
    }

    /// Sets when the region ends by itself, in microseconds of the clock; 0 is never.
    pub fn set_lease(&mut self, id: RegionId, until_us: u64) {
        if self.holds(id) {
            self.count_expiring(id, false);
            self.leases -= usize::from(self.lease(id).is_some());
            self.leases += usize::from(until_us != 0);
            self.records.set_u64(id.slot() as usize, LEASE_US, until_us);
            self.count_expiring(id, true);
        }
    }

    /// Counts the region's lease where it has a name and a lease, or no longer counts it.
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

    /// The leases of regions with a name.
    #[must_use]
    pub fn expiring(&self) -> Expiring {
        self.expiring
    }

    /// How many regions end by themselves.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.leases
    }

    /// When the region ends by itself.
    #[must_use]
    pub fn lease(&self, id: RegionId) -> Option<u64> {
        let until_us = self.records.u64(id.slot() as usize, LEASE_US);
        (self.holds(id) && until_us != 0).then_some(until_us)
    }

    /// The second in which the region was made.
    #[must_use]
    pub fn born_s(&self, id: RegionId) -> Option<u32> {
        self.holds(id).then(|| self.get(id.slot(), BORN_S))
    }

    /// Forgets a region. Returns its name.
    pub fn remove(&mut self, id: RegionId) -> Option<NameIndex> {
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

    /// The newest region of a list.
    #[must_use]
    pub fn first(&self, list: List) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(self.get(list.0, NEXT) as usize, ID))
    }

    /// The region that was put into the list before this one.
    #[must_use]
    pub fn next(&self, id: RegionId) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(self.get(id.slot(), NEXT) as usize, ID))
    }

    /// Makes orphans of all regions of a list, at once.
    pub fn abandon(&mut self, list: List) {
        // What its regions and charges say of the list is about its last owner.
        self.set(list.0, COUNT, 0);
        self.records.set_u64(list.0 as usize, TOTAL_PAGES, 0);
        self.set(list.0, EPOCH, self.get(list.0, EPOCH).wrapping_add(1));
        let (first, last) = (self.get(list.0, NEXT), self.get(list.0, PREVIOUS));
        if first == list.0 {
            return;
        }
        let to = self.orphans().0;
        let behind = self.get(to, NEXT);
        self.join(to, first);
        self.join(last, behind);
        self.join(list.0, list.0);
    }

    fn holds(&self, id: RegionId) -> bool {
        self.records.u64(id.slot() as usize, ID) == id.get()
    }

    fn link(&mut self, list: List, slot: u32) {
        self.join_behind(list, slot);
        self.count_by(list, slot);
    }

    fn join_behind(&mut self, list: List, slot: u32) {
        let next = self.get(list.0, NEXT);
        self.join(list.0, slot);
        self.join(slot, next);
    }

    fn count_by(&mut self, list: List, slot: u32) {
        self.set(slot, LIST, list.0);
        self.set(slot, EPOCH, self.get(list.0, EPOCH));
        self.tally(slot, true);
    }

    fn unlink(&mut self, slot: u32) {
        self.tally(slot, false);
        self.join(self.get(slot, PREVIOUS), self.get(slot, NEXT));
    }

    fn join(&mut self, one: u32, next: u32) {
        self.set(one, NEXT, next);
        self.set(next, PREVIOUS, one);
    }

    /// Counts a region in its list, or out of it.
    fn tally(&mut self, slot: u32, is_in: bool) {
        let (list, pages) = (self.get(slot, LIST), self.get(slot, PAGES));
        if self.get(list, EPOCH) == self.get(slot, EPOCH) {
            self.count_in(list, Usage { regions: 1, pages: pages.into() }, is_in);
        }
    }

    fn count_in(&mut self, list: u32, usage: Usage, is_in: bool) {
        let (count, all) = (self.get(list, COUNT), self.records.u64(list as usize, TOTAL_PAGES));
        let (count, all) = match is_in {
            true => (count.wrapping_add(usage.regions), all.wrapping_add(usage.pages)),
            false => (count.wrapping_sub(usage.regions), all.wrapping_sub(usage.pages)),
        };
        self.set(list, COUNT, count);
        self.records.set_u64(list as usize, TOTAL_PAGES, all);
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
