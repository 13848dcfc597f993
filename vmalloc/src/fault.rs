//! What lies at an address: the attribution of a fault.

use x86_64::VirtAddr;

use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, Page};
use crate::region::{RegionInfo, RegionState};

/// The kind of place that an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// Not in the window.
    Outside,
    /// In the window, and nobody's.
    Free,
    /// In a region's pages.
    Busy,
    /// In the guard page behind a region.
    Guard,
    /// In a region that was freed and waits for its flush.
    Lazy,
}

/// What lies at an address, when it was asked: a region may come or go right after.
#[derive(Clone, Copy, Debug)]
pub struct FaultSite {
    /// The kind of place.
    pub kind: SiteKind,
    /// The region that the place belongs to, if it belongs to one.
    pub region: Option<RegionInfo>,
    /// Bytes from the region's first byte, or for a guard from the end of its pages.
    pub distance: u64,
}

impl<M: Machine> Vmalloc<M> {
    /// Says what lies at an address.
    ///
    /// # Context
    ///
    /// Anywhere, fault handlers too: takes no lock and allocates nothing.
    ///
    /// # Complexity
    ///
    /// O(1): two walks at most; for an address that nothing is known of, and while something is
    /// lazy, one look at each slot that was ever used.
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::{sim, SiteKind};
    ///
    /// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
    /// let region = vm.vmalloc(4_096)?;
    /// let (start, past) = (region.address(), region.address() + region.bytes());
    /// assert_eq!(vm.locate(start + 5u64).kind, SiteKind::Busy);
    /// assert_eq!(vm.locate(past + 5u64).kind, SiteKind::Guard);
    /// drop(region);
    /// assert_eq!(vm.locate(start).kind, SiteKind::Lazy);
    /// vm.purge();
    /// assert_eq!(vm.locate(start).kind, SiteKind::Free);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn locate(&self, address: VirtAddr) -> FaultSite {
        let nowhere = |kind| FaultSite { kind, region: None, distance: 0 };
        if !self.window.holds(address) {
            return nowhere(SiteKind::Outside);
        }
        let page = Page::containing_address(address);
        let holds = |info: &RegionInfo| info.range.holds(address);
        // The pages of a tail are lazy, but its first one is a guard again.
        let owns = |info: &RegionInfo| !info.is_tail || info.range.start() != page;
        let here = self.region_of(page).filter(|info| holds(info) && owns(info));
        if let Some(info) = here {
            let kind = match info.state {
                RegionState::Busy => SiteKind::Busy,
                RegionState::Lazy => SiteKind::Lazy,
            };
            let distance = address - info.range.address();
            return FaultSite { kind, region: Some(info), distance };
        }
        // A guard has no index entry of its own: the page before it names the region.
        let before = (page > self.window.start()).then(|| page - 1);
        let behind = before
            .and_then(|before| self.region_of(before))
            .filter(|info| info.range.end() == page.start_address());
        match behind {
            Some(info) => {
                let kind = match info.state {
                    RegionState::Busy => SiteKind::Guard,
                    RegionState::Lazy => SiteKind::Lazy,
                };
                FaultSite { kind, region: Some(info), distance: address - info.range.end() }
            }
            None => self.lazy_at(address).unwrap_or(nowhere(SiteKind::Free)),
        }
    }

    /// What a region has lost by shrinking or moving is named by no index: only the slots know.
    fn lazy_at(&self, address: VirtAddr) -> Option<FaultSite> {
        let info = self.next_lazy(0, |info| info.with_guard().holds(address))?;
        let distance = address - info.range.address();
        Some(FaultSite { kind: SiteKind::Lazy, region: Some(info), distance })
    }

    /// The first lazy area whose slot lies above `slot` and that `wanted` picks.
    pub(crate) fn next_lazy(
        &self,
        slot: u32,
        wanted: impl Fn(&RegionInfo) -> bool,
    ) -> Option<RegionInfo> {
        if self.lazies.iter().all(|list| list.areas() == 0) {
            return None;
        }
        // A listing's cursor may come from anywhere, so the slot may be any number.
        self.slots()
            .used_above(slot)
            .filter_map(|slot| self.slots().slot(slot).read(slot))
            .find(|info| info.state == RegionState::Lazy && wanted(info))
    }

    /// The busy region whose pages hold an address; a guard is in no region.
    ///
    /// # Context
    ///
    /// As [`locate`](Self::locate).
    ///
    /// # Complexity
    ///
    /// As [`locate`](Self::locate).
    ///
    /// # Source
    ///
    /// Linux's `find_vm_area`.
    #[must_use]
    pub fn find(&self, address: VirtAddr) -> Option<RegionInfo> {
        let site = self.locate(address);
        site.region.filter(|_| site.kind == SiteKind::Busy)
    }

    /// The region that the index names for a page. It may have ended, or lie elsewhere by now:
    /// the caller compares its range.
    pub(crate) fn region_of(&self, page: Page) -> Option<RegionInfo> {
        let machine = &self.machine;
        let slot =
            machine.without_interrupts(|| self.tables.slot_of(machine, &self.frames.buddy, page));
        (slot != 0).then(|| self.slots().slot(slot).read(slot)).flatten()
    }

    /// The first living region that starts at or above an address.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock. Regions that come and go meanwhile may or may not be seen.
    ///
    /// # Complexity
    ///
    /// One walk for each leaf table that is made, and one look at each of its pages.
    #[must_use]
    pub fn next_region(&self, from: VirtAddr) -> Option<RegionInfo> {
        let from = from.max(self.window.address());
        let (machine, frames) = (&self.machine, &self.frames.buddy);
        let mut address = from.as_u64();
        while address < self.window.end().as_u64() {
            let page = Page::containing_address(VirtAddr::new(address));
            let found = machine.without_interrupts(|| {
                let mut slots = self.tables.slots_from(machine, frames, page)?;
                Some(slots.find_map(|(page, slot)| self.starting_at(page, slot, from)))
            });
            match found {
                Some(Some(info)) => return Some(info),
                Some(None) => {
                    // The window's end may be the end of the address space but for one page.
                    let step = (512 - u64::from(page.p1_index())) * PAGE_BYTES;
                    address = page.start_address().as_u64().checked_add(step)?;
                }
                None => {
                    address =
                        machine.without_interrupts(|| self.tables.next_made(machine, page))?;
                }
            }
        }
        None
    }

    /// The living region of a slot, if it starts at this page and not below `from`.
    fn starting_at(&self, page: Page, slot: u32, from: VirtAddr) -> Option<RegionInfo> {
        if slot == 0 {
            return None;
        }
        let info = self.slots().slot(slot).read(slot)?;
        let starts = info.range.start() == page && info.range.address() >= from;
        (starts && info.state == RegionState::Busy).then_some(info)
    }
}
