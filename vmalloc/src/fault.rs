//! What lies at an address: the attribution of a fault.

use x86_64::VirtAddr;

use crate::allocator::Vmalloc;
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, Page};
use crate::region::{RegionId, RegionInfo, RegionState};

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

/// What lies at an address.
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
    /// Takes no lock and allocates nothing: a fault handler may call it.
    ///
    /// # Complexity
    ///
    /// O(1): two walks at most.
    #[must_use]
    pub fn locate(&self, address: VirtAddr) -> FaultSite {
        let nowhere = |kind| FaultSite { kind, region: None, distance: 0 };
        if !self.window.holds(address) {
            return nowhere(SiteKind::Outside);
        }
        let page = Page::containing_address(address);
        let here = self.region_of(page).filter(|info| info.range.holds(address));
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
            None => nowhere(SiteKind::Free),
        }
    }

    /// The busy region whose pages hold an address.
    ///
    /// # Context
    ///
    /// As [`locate`](Self::locate).
    #[must_use]
    pub fn find(&self, address: VirtAddr) -> Option<RegionInfo> {
        let site = self.locate(address);
        site.region.filter(|_| site.kind == SiteKind::Busy)
    }

    /// The region that the index names for a page. It may have ended, or lie elsewhere by now:
    /// the caller compares its range.
    pub(crate) fn region_of(&self, page: Page) -> Option<RegionInfo> {
        let id = self.tables.id(&self.machine, &self.frames, page);
        self.slots.read(RegionId::from_raw(id)?)
    }

    /// The first region, busy or lazy, that starts at or above an address.
    ///
    /// # Context
    ///
    /// Takes no lock. Regions that come and go meanwhile may or may not be seen.
    ///
    /// # Complexity
    ///
    /// One walk for each leaf table that is made, and one look at each of its pages.
    #[must_use]
    pub fn next_region(&self, from: VirtAddr) -> Option<RegionInfo> {
        let from = from.max(self.window.address());
        let mut address = from.as_u64();
        while address < self.window.end().as_u64() {
            let page = Page::containing_address(VirtAddr::new(address));
            let Some((_, ids)) = self.tables.leaf(&self.machine, &self.frames, page) else {
                address = self.tables.next_made(&self.machine, page)?;
                continue;
            };
            let first = usize::from(page.p1_index());
            for (offset, id) in ids[first..].iter().enumerate() {
                let page = page + offset as u64;
                let id = RegionId::from_raw(id.load(core::sync::atomic::Ordering::Relaxed));
                let info = id.and_then(|id| self.slots.read(id));
                let starts = info.filter(|info| info.range.start() == page);
                if starts.is_some_and(|info| info.range.address() >= from) {
                    return starts;
                }
            }
            // The window's end may be the end of the address space but for one page.
            let step = (512 - first as u64) * PAGE_BYTES;
            address = page.start_address().as_u64().checked_add(step)?;
        }
        None
    }
}
