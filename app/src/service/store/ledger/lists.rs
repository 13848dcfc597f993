//! The lists of regions, and the counts of each.

use vmalloc::RegionId;

use super::{EPOCH, ID, LEASE_US, LIST, Ledger, NAME, NEXT, PAGES, PREVIOUS};

/// The head of a list has a count of regions in place of a name, and of pages in place of a lease.
const COUNT: usize = NAME;
const TOTAL_PAGES: usize = LEASE_US;

/// The most pages that one charge counts: no machine has as many, and the sum of the charges of all
/// connections does not overflow.
const CHARGE_PAGES_MAX: u64 = 1 << 48;

/// Regions that go together, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct List(u32);

/// The regions and pages that a list counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Usage {
    /// Regions.
    pub(in crate::service) regions: u32,
    /// Their pages, without guards.
    pub(in crate::service) pages: u64,
}

/// Regions and pages that a list counts for a request in flight, before any region of its stands in
/// the list. The ledger that made a charge must get it back.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a charge that is not given back counts for ever"]
pub(in crate::service) struct Charge {
    list: List,
    /// Which of the list's owners is charged: the next one begins with nothing.
    epoch: u32,
    usage: Usage,
}

impl Ledger {
    /// The regions that nobody owns any more.
    #[must_use]
    pub(in crate::service) fn orphans(&self) -> List {
        List(self.slots + 1)
    }

    /// The regions that have a name.
    #[must_use]
    pub(in crate::service) fn named(&self) -> List {
        List(self.slots + 2)
    }

    /// The regions of the connection in a place.
    #[must_use]
    pub(in crate::service) fn of_place(&self, place: u32) -> List {
        List(self.slots + 3 + place)
    }

    /// The regions and charges that a list counts. The count of the orphans is incomplete and not used.
    #[must_use]
    pub(in crate::service) fn usage(&self, list: List) -> Usage {
        let pages = self.records.u64(list.0 as usize, TOTAL_PAGES);
        Usage { regions: self.get(list.0, COUNT), pages }
    }

    /// Lets a list count regions and pages that are in flight.
    pub(in crate::service) fn charge(&mut self, list: List, usage: Usage) -> Charge {
        let usage = Usage { pages: usage.pages.min(CHARGE_PAGES_MAX), ..usage };
        self.count_in(list.0, usage, true);
        Charge { list, epoch: self.get(list.0, EPOCH), usage }
    }

    /// Gives a charge back. It does nothing where the list has another owner by then.
    pub(in crate::service) fn discharge(&mut self, charge: Charge) {
        let Charge { list, epoch, usage } = charge;
        if self.get(list.0, EPOCH) == epoch {
            self.count_in(list.0, usage, false);
        }
    }

    /// Puts the region in another list.
    pub(in crate::service) fn move_to(&mut self, list: List, id: RegionId) {
        if self.holds(id) {
            self.unlink(id.slot());
            self.link(list, id.slot());
        }
    }

    /// The newest region of a list.
    #[must_use]
    pub(in crate::service) fn first(&self, list: List) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(self.get(list.0, NEXT) as usize, ID))
    }

    /// The region that was put into the list before this one.
    #[must_use]
    pub(in crate::service) fn next(&self, id: RegionId) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(self.get(id.slot(), NEXT) as usize, ID))
    }

    /// The region that was put into the list after this one.
    #[must_use]
    pub(in crate::service) fn newer(&self, id: RegionId) -> Option<RegionId> {
        RegionId::from_raw(self.records.u64(self.get(id.slot(), PREVIOUS) as usize, ID))
    }

    /// Makes orphans of all regions of a list, at once.
    pub(in crate::service) fn abandon(&mut self, list: List) {
        // The regions and charges of the list belong to its last owner.
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

    pub(super) fn link(&mut self, list: List, slot: u32) {
        self.join_behind(list, slot);
        self.count_by(list, slot);
    }

    pub(super) fn join_behind(&mut self, list: List, slot: u32) {
        let next = self.get(list.0, NEXT);
        self.join(list.0, slot);
        self.join(slot, next);
    }

    pub(super) fn count_by(&mut self, list: List, slot: u32) {
        self.set(slot, LIST, list.0);
        self.set(slot, EPOCH, self.get(list.0, EPOCH));
        self.tally(slot, true);
    }

    pub(super) fn unlink(&mut self, slot: u32) {
        self.tally(slot, false);
        self.join(self.get(slot, PREVIOUS), self.get(slot, NEXT));
    }

    fn join(&mut self, one: u32, next: u32) {
        self.set(one, NEXT, next);
        self.set(next, PREVIOUS, one);
    }

    /// Counts a region in its list, or out of it.
    pub(super) fn tally(&mut self, slot: u32, is_in: bool) {
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
}
