//! What is known of a region.

use crate::id::RegionId;
use crate::page::{PageCount, PageRange};
use crate::request::Protection;

/// What a region's addresses are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionState {
    /// Handed out.
    Busy,
    /// Unmapped, and not yet acknowledged by every TLB.
    Lazy,
}

/// What is known of a region, as it was when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct RegionInfo {
    /// Its id.
    pub id: RegionId,
    /// Its pages, without the guard page behind them.
    pub range: PageRange,
    /// The bytes that were asked for.
    pub requested: u64,
    /// What the pages may be used for.
    pub protection: Protection,
    /// The code that asked.
    pub caller: &'static str,
    /// The caller's own tag.
    pub owner: u64,
    /// What its addresses are worth.
    pub state: RegionState,
    /// Whether it is the kernel's own.
    pub system: bool,
    /// Whether its frames are the caller's: made by [`Vmalloc::vmap`](crate::Vmalloc::vmap).
    pub is_mapped: bool,
    /// Whether it is what a region has lost by shrinking.
    pub(crate) is_tail: bool,
}

impl RegionInfo {
    /// The pages with the guard: what the region takes of the window.
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
