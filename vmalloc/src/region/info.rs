//! The description of a region.

use crate::id::RegionId;
use crate::page::{PageCount, PageRange};
use crate::request::Protection;

/// The state of a region's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionState {
    /// Handed out.
    Busy,
    /// Unmapped, and not yet acknowledged by every TLB.
    Lazy,
}

/// The description of a region at one moment.
#[derive(Clone, Copy, Debug)]
pub struct RegionInfo {
    /// Its id.
    pub id: RegionId,
    /// Its pages, without the guard page behind them.
    pub range: PageRange,
    /// The bytes that were asked for.
    pub requested: u64,
    /// The rights of the pages.
    pub protection: Protection,
    /// The code that asked.
    pub caller: &'static str,
    /// The caller's own tag.
    pub owner: u64,
    /// The state of its addresses.
    pub state: RegionState,
    /// Whether it is a region of the kernel itself.
    pub system: bool,
    /// Whether its frames are the caller's: made by [`Vmalloc::vmap`](crate::Vmalloc::vmap).
    pub is_mapped: bool,
    /// Whether it is the tail that a region has lost by shrinking.
    pub(crate) is_tail: bool,
}

impl RegionInfo {
    /// The pages of the region and its guard page: its share of the window.
    #[must_use]
    pub fn with_guard(&self) -> PageRange {
        let pages = self.range.count().get();
        if self.is_tail {
            // Its first page is the guard of the region that goes on.
            let count = PageCount::from_pages(pages).unwrap_or(PageCount::MAX);
            return PageRange::proven(self.range.start() + 1, count);
        }
        let count = PageCount::from_pages(pages + 1).unwrap_or(PageCount::MAX);
        PageRange::proven(self.range.start(), count)
    }
}
