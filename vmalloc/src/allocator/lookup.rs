//! What the slots say of a region, and the real tables of an address.

use x86_64::{PhysAddr, VirtAddr};

use crate::allocator::Vmalloc;
use crate::error::RegionError;
use crate::id::RegionId;
use crate::machine::Machine;
use crate::page::{Frame, Page, PageRange};
use crate::paging::Walk;
use crate::region::{RegionInfo, RegionState};
use crate::{paging, raw};

impl<M: Machine> Vmalloc<M> {
    /// Says what is known of a living region.
    ///
    /// # Errors
    ///
    /// - [`RegionError::Unknown`]: no region has, or had, this id.
    /// - [`RegionError::Gone`]: it is freed.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(1).
    pub fn info(&self, id: RegionId) -> Result<RegionInfo, RegionError> {
        self.slots().known(id)?;
        let info = self.slots().read(id).filter(|info| info.state == RegionState::Busy);
        info.ok_or(RegionError::Gone { id })
    }

    /// Walks the real tables and returns every entry on the way. Works for any address, not only the
    /// window's.
    ///
    /// # Context
    ///
    /// Anywhere, fault handlers too: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(1).
    #[must_use]
    pub fn walk(&self, address: VirtAddr) -> Walk {
        self.machine.without_interrupts(|| self.tables.walk(&self.machine, address))
    }

    /// The physical address behind an address, from the real tables; `None` where nothing is present.
    ///
    /// # Context
    ///
    /// As [`walk`](Self::walk).
    ///
    /// # Source
    ///
    /// Linux's `vmalloc_to_page`.
    #[must_use]
    pub fn translate(&self, address: VirtAddr) -> Option<PhysAddr> {
        self.walk(address).translation()
    }

    /// The pages of a region with their entries, in order, each walked when it is asked for.
    ///
    /// # Context
    ///
    /// As [`walk`](Self::walk). A region that is freed or resized meanwhile shows what is there by then.
    pub fn entries(&self, info: &RegionInfo) -> impl Iterator<Item = (Page, Walk)> {
        info.range.pages().map(|page| (page, self.walk(page.start_address())))
    }

    /// The frame behind a page, also where its rights keep the hardware from it.
    pub(crate) fn frame_of(&self, page: Page) -> Option<Frame> {
        let (level, leaf) = self.walk(page.start_address()).last()?;
        leaf.has_frame().then(|| paging::large::frame_of(leaf, level, page))
    }

    /// Fills pages of a region with zeros through their frames.
    pub(crate) fn zero_pages(&self, pages: PageRange) {
        for page in pages.pages() {
            raw::clear(&self.machine, self.frame_of(page).expect("pages have frames"));
        }
    }
}
