//! Lists of regions: their counts, charges, order and changes.

use vmalloc::RegionId;

use super::Ledger;
use super::fields::{EPOCH, ID, NEXT, PREVIOUS};
use super::list::{Charge, List, Usage};
use super::rings::{COUNT, TOTAL_PAGES};

/// Maximum number of pages of one charge. No machine has that number of pages, and the sum of the
/// charges of all connections does not overflow 64 bits.
const CHARGE_PAGES_MAX: u64 = 1 << 48;

impl Ledger {
    /// Returns the number of regions and pages that a list counts, including charges. The count of
    /// the orphans' list is incomplete and must not be used.
    #[must_use]
    pub(in crate::service) fn usage(&self, list: List) -> Usage {
        let pages = self.fields.records.u64(list.0 as usize, TOTAL_PAGES);
        Usage { regions: self.fields.get(list.0, COUNT), pages }
    }

    /// Charges a list for the regions and pages of a request in flight.
    pub(in crate::service) fn charge(&mut self, list: List, usage: Usage) -> Charge {
        let usage = Usage { pages: usage.pages.min(CHARGE_PAGES_MAX), ..usage };
        self.fields.count_in(list.0, usage, true);
        Charge { list, epoch: self.fields.get(list.0, EPOCH), usage }
    }

    /// Returns a charge. This has no effect if the list has another owner than when it was charged.
    pub(in crate::service) fn discharge(&mut self, charge: Charge) {
        let Charge { list, epoch, usage } = charge;
        if self.fields.get(list.0, EPOCH) == epoch {
            self.fields.count_in(list.0, usage, false);
        }
    }

    /// Moves a region to another list.
    pub(in crate::service) fn move_to(&mut self, list: List, id: RegionId) {
        if self.fields.holds(id) {
            self.fields.unlink(id.slot());
            self.fields.link(list, id.slot());
        }
    }

    /// Returns the newest region of a list, if the list has regions.
    #[must_use]
    pub(in crate::service) fn first(&self, list: List) -> Option<RegionId> {
        RegionId::from_raw(self.fields.records.u64(self.fields.get(list.0, NEXT) as usize, ID))
    }

    /// Returns the region that was added to the list just before this one, if there is one.
    #[must_use]
    pub(in crate::service) fn next(&self, id: RegionId) -> Option<RegionId> {
        RegionId::from_raw(self.fields.records.u64(self.fields.get(id.slot(), NEXT) as usize, ID))
    }

    /// Returns the region that was added to the list just after this one, if there is one.
    #[must_use]
    pub(in crate::service) fn newer(&self, id: RegionId) -> Option<RegionId> {
        RegionId::from_raw(
            self.fields.records.u64(self.fields.get(id.slot(), PREVIOUS) as usize, ID),
        )
    }

    /// Makes all regions of a list orphans in one operation.
    pub(in crate::service) fn abandon(&mut self, list: List) {
        // The counted regions and charges belong to the previous owner of the list, so its next
        // owner begins with 0 in a new epoch.
        self.fields.set(list.0, COUNT, 0);
        self.fields.records.set_u64(list.0 as usize, TOTAL_PAGES, 0);
        self.fields.set(list.0, EPOCH, self.fields.get(list.0, EPOCH).wrapping_add(1));
        let (first, last) = (self.fields.get(list.0, NEXT), self.fields.get(list.0, PREVIOUS));
        if first == list.0 {
            return;
        }
        let to = self.orphans().0;
        let behind = self.fields.get(to, NEXT);
        self.fields.join(to, first);
        self.fields.join(last, behind);
        self.fields.join(list.0, list.0);
    }
}
