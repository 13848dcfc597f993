//! What the service notes of each client's region: one record per region slot, made at boot.
//!
//! The unnamed regions of one session form a list, linked through the records, so that a dying
//! connection's regions are found without a search and taken over at once, however many they are.

use vmalloc::RegionId;

use super::names::NameIndex;
use super::records::Records;
use crate::buffers::{Buffers, Shortage};

const ID: usize = 0;
const BORN_US: usize = 8;
const NEXT: usize = 16;
const PREVIOUS: usize = 20;
const NAME: usize = 24;
const STATE: usize = 28;
const RECORD_BYTES: usize = 32;

const STATE_FRESH: u32 = 1;
const STATE_READY: u32 = 2;

/// Regions that go together, newest first. Slots are linked; 0 is none.
#[derive(Debug, Default)]
pub struct List {
    head: u32,
    tail: u32,
}

impl List {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == 0
    }
}

/// Notes on clients' regions, by slot.
#[derive(Debug)]
pub struct Ledger {
    /// Index 0 stands for "none" and is never used.
    records: Records<RECORD_BYTES>,
    count: u64,
}

impl Ledger {
    /// Makes room for every slot there is.
    ///
    /// # Errors
    ///
    /// The buffer could not be had.
    pub fn try_new<B: Buffers>(buffers: &B, slots: u32) -> Result<Self, Shortage> {
        let records = Records::try_new(buffers, "service/ledger", slots as usize + 1)?;
        Ok(Self { records, count: 0 })
    }

    /// How many regions are noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Notes a new region in a session's list. Nobody may use it before it is
    /// [ready](Self::set_ready).
    ///
    /// # Panics
    ///
    /// The slot's last region was not [removed](Self::remove): lists would lead to another's.
    pub fn insert(&mut self, list: &mut List, id: RegionId, now_us: u64) {
        let slot = id.slot() as usize;
        debug_assert!(slot < self.records.count(), "slot {slot} is beyond the ledger");
        assert_eq!(self.records.u64(slot, ID), 0, "the slot of region {id} is noted already");
        self.records.set_u64(slot, ID, id.get());
        self.records.set_u64(slot, BORN_US, now_us);
        self.records.set_u32(slot, STATE, STATE_FRESH);
        self.count += 1;
        self.link(list, id.slot());
    }

    /// Lets the region be used.
    pub fn set_ready(&mut self, id: RegionId) {
        if self.holds(id) {
            self.records.set_u32(id.slot() as usize, STATE, STATE_READY);
        }
    }

    /// Whether the region is noted and may be used.
    #[must_use]
    pub fn is_ready(&self, id: RegionId) -> bool {
        self.holds(id) && self.records.u32(id.slot() as usize, STATE) == STATE_READY
    }

    /// Gives the region a name and takes it out of the list: nobody owns it any more.
    pub fn set_name(&mut self, list: &mut List, id: RegionId, name: NameIndex) {
        if self.holds(id) {
            self.unlink(list, id.slot());
            self.records.set_u32(id.slot() as usize, NAME, name.get());
        }
    }

    /// Puts a region that has no name, and is in no list, on one; nobody may use it any more.
    pub fn hand_over(&mut self, list: &mut List, id: RegionId) {
        if self.holds(id) {
            self.records.set_u32(id.slot() as usize, STATE, STATE_FRESH);
            self.link(list, id.slot());
        }
    }

    /// Takes the region's name away, and gives it to nobody.
    pub fn clear_name(&mut self, id: RegionId) {
        if self.holds(id) {
            self.records.set_u32(id.slot() as usize, NAME, 0);
        }
    }

    /// The region's name, if it has one.
    #[must_use]
    pub fn name(&self, id: RegionId) -> Option<NameIndex> {
        if !self.holds(id) {
            return None;
        }
        NameIndex::new(self.records.u32(id.slot() as usize, NAME))
    }

    /// When the region was made.
    #[must_use]
    pub fn born_us(&self, id: RegionId) -> Option<u64> {
        self.holds(id).then(|| self.records.u64(id.slot() as usize, BORN_US))
    }

    /// Forgets a region, and takes it out of `list` if it has no name. Returns its name.
    pub fn remove(&mut self, list: &mut List, id: RegionId) -> Option<NameIndex> {
        if !self.holds(id) {
            return None;
        }
        let name = self.name(id);
        let slot = id.slot() as usize;
        if name.is_none() && self.is_linked(list, id.slot()) {
            self.unlink(list, id.slot());
        }
        *self.records.record_mut(slot) = [0; RECORD_BYTES];
        self.count -= 1;
        name
    }

    /// The newest region of a list.
    #[must_use]
    pub fn first(&self, list: &List) -> Option<RegionId> {
        if list.is_empty() {
            return None;
        }
        RegionId::from_raw(self.records.u64(list.head as usize, ID))
    }

    /// Moves all of `from` to `to`, at once.
    pub fn splice(&mut self, to: &mut List, from: &mut List) {
        if from.is_empty() {
            return;
        }
        if to.is_empty() {
            to.tail = from.tail;
        } else {
            self.records.set_u32(from.tail as usize, NEXT, to.head);
            self.records.set_u32(to.head as usize, PREVIOUS, from.tail);
        }
        to.head = from.head;
        *from = List::default();
    }

    fn holds(&self, id: RegionId) -> bool {
        self.records.u64(id.slot() as usize, ID) == id.get()
    }

    fn is_linked(&self, list: &List, slot: u32) -> bool {
        list.head == slot || self.records.u32(slot as usize, PREVIOUS) != 0
    }

    fn link(&mut self, list: &mut List, slot: u32) {
        self.records.set_u32(slot as usize, NEXT, list.head);
        self.records.set_u32(slot as usize, PREVIOUS, 0);
        match list.head {
            0 => list.tail = slot,
            head => self.records.set_u32(head as usize, PREVIOUS, slot),
        }
        list.head = slot;
    }

    fn unlink(&mut self, list: &mut List, slot: u32) {
        let next = self.records.u32(slot as usize, NEXT);
        let previous = self.records.u32(slot as usize, PREVIOUS);
        match previous {
            0 => list.head = next,
            previous => self.records.set_u32(previous as usize, NEXT, next),
        }
        match next {
            0 => list.tail = previous,
            next => self.records.set_u32(next as usize, PREVIOUS, previous),
        }
        self.records.set_u32(slot as usize, NEXT, 0);
        self.records.set_u32(slot as usize, PREVIOUS, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::HeapBuffers;

    fn id(raw: u64) -> RegionId {
        RegionId::from_raw(raw).unwrap()
    }

    fn drain(ledger: &mut Ledger, list: &mut List) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some(id) = ledger.first(list) {
            ids.push(id.get());
            ledger.remove(list, id);
        }
        assert!(list.is_empty() && list.tail == 0);
        ids
    }

    #[test]
    fn a_list_is_newest_first_and_loses_any_of_its_regions() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 9).unwrap();
        let mut list = List::default();
        for raw in 1..=9 {
            ledger.insert(&mut list, id(raw), 0);
        }
        for raw in [1, 5, 9] {
            assert_eq!(ledger.remove(&mut list, id(raw)), None);
        }
        assert_eq!(ledger.count(), 6);
        assert_eq!(drain(&mut ledger, &mut list), [8, 7, 6, 4, 3, 2]);
        assert_eq!(ledger.count(), 0);
    }

    #[test]
    fn lists_are_joined_whole() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 9).unwrap();
        let (mut one, mut two, mut none) = (List::default(), List::default(), List::default());
        ledger.insert(&mut one, id(1), 0);
        ledger.insert(&mut one, id(2), 0);
        ledger.insert(&mut two, id(3), 0);
        ledger.insert(&mut two, id(4), 0);
        ledger.splice(&mut one, &mut none);
        ledger.splice(&mut one, &mut two);
        assert!(two.is_empty());
        ledger.remove(&mut one, id(2));
        assert_eq!(drain(&mut ledger, &mut one), [4, 3, 1]);
    }

    #[test]
    fn another_generation_is_another_region() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 2).unwrap();
        let mut list = List::default();
        ledger.insert(&mut list, id(1), 0);
        ledger.set_ready(id(1));
        let later = id(1 << 24 | 1);
        assert!(ledger.is_ready(id(1)) && !ledger.is_ready(later));
        assert_eq!(ledger.remove(&mut list, later), None);
        assert_eq!(ledger.count(), 1);
        assert_eq!(drain(&mut ledger, &mut list), [1]);
    }

    #[test]
    fn a_named_region_belongs_to_no_list() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 2).unwrap();
        let mut list = List::default();
        ledger.insert(&mut list, id(1), 0);
        let name = NameIndex::new(7).unwrap();
        ledger.set_name(&mut list, id(1), name);
        assert!(list.is_empty());
        assert_eq!(ledger.name(id(1)), Some(name));
        assert_eq!(ledger.remove(&mut list, id(1)), Some(name));
    }
}
