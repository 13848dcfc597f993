//! The lists as rings of linked records, and the counts of each list.

use super::fields::{EPOCH, Fields, LEASE_US, LIST, NAME, NEXT, PAGES, PREVIOUS};
use super::list::{List, Usage};

/// The field in which the head of a list stores its number of regions. In a record of a region, the
/// same field stores the name. The next constant is the field for the number of pages.
pub(super) const COUNT: usize = NAME;
pub(super) const TOTAL_PAGES: usize = LEASE_US;

impl Fields {
    /// Adds a region at the front of a list, and counts it.
    pub(super) fn link(&mut self, list: List, slot: u32) {
        self.join_behind(list, slot);
        self.count_by(list, slot);
    }

    /// Links a region after the head of a list, without counting it.
    pub(super) fn join_behind(&mut self, list: List, slot: u32) {
        let next = self.get(list.0, NEXT);
        self.join(list.0, slot);
        self.join(slot, next);
    }

    /// Adds a region to the count of `list`.
    pub(super) fn count_by(&mut self, list: List, slot: u32) {
        self.set(slot, LIST, list.0);
        self.set(slot, EPOCH, self.get(list.0, EPOCH));
        self.tally(slot, true);
    }

    /// Removes a region from its list, and from the count of that list.
    pub(super) fn unlink(&mut self, slot: u32) {
        self.tally(slot, false);
        self.join(self.get(slot, PREVIOUS), self.get(slot, NEXT));
    }

    /// Links two records as neighbours: `next` follows `one`.
    pub(super) fn join(&mut self, one: u32, next: u32) {
        self.set(one, NEXT, next);
        self.set(next, PREVIOUS, one);
    }

    /// Adds a region to the count of its list if `is_in`, and subtracts it otherwise. Does nothing
    /// if the list has another owner than when the region was counted.
    pub(super) fn tally(&mut self, slot: u32, is_in: bool) {
        let (list, pages) = (self.get(slot, LIST), self.get(slot, PAGES));
        if self.get(list, EPOCH) == self.get(slot, EPOCH) {
            self.count_in(list, Usage { regions: 1, pages: pages.into() }, is_in);
        }
    }

    /// Adds `usage` to the count of a list if `is_in`, and subtracts it otherwise.
    pub(super) fn count_in(&mut self, list: u32, usage: Usage, is_in: bool) {
        let (count, all) = (self.get(list, COUNT), self.records.u64(list as usize, TOTAL_PAGES));
        let (count, all) = match is_in {
            true => (count.wrapping_add(usage.regions), all.wrapping_add(usage.pages)),
            false => (count.wrapping_sub(usage.regions), all.wrapping_sub(usage.pages)),
        };
        self.set(list, COUNT, count);
        self.records.set_u64(list as usize, TOTAL_PAGES, all);
    }
}
