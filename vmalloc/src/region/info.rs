//! The public description of a region.

use crate::id::RegionId;
use crate::page::{PageCount, PageRange};
use crate::request::Protection;

/// The state of a region's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionState {
    /// Allocated.
    Busy,
    /// Freed and unmapped, but some TLB may still hold its translations.
    Lazy,
}

/// The description of a region at one moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RegionInfo {
    /// The id of the region.
    pub id: RegionId,
    /// The pages of the region, without the guard page behind them.
    pub range: PageRange,
    /// The number of bytes that were requested.
    pub requested: u64,
    /// The rights of the pages.
    pub protection: Protection,
    /// The name of the code that allocated the region.
    pub caller: &'static str,
    /// The owner tag that the caller passed with the request.
    pub owner: u64,
    /// The state of the addresses.
    pub state: RegionState,
    /// Whether the region belongs to the kernel itself.
    pub system: bool,
    /// Whether the frames belong to the caller: the region was made by
    /// [`Vmalloc::vmap`](crate::Vmalloc::vmap).
    pub is_mapped: bool,
    /// Whether this is the lazy end that was cut off a region when the region shrank.
    pub(crate) is_tail: bool,
}

impl RegionInfo {
    /// Returns the pages of the region and its guard page, which is all of the window that the
    /// region occupies.
    #[must_use]
    pub fn with_guard(&self) -> PageRange {
        let pages = self.range.count().get();
        if self.is_tail {
            // The first page is the guard page of the shrunk region.
            let count = PageCount::from_pages(pages).unwrap_or(PageCount::MAX);
            return PageRange::proven(self.range.start() + 1, count);
        }
        let count = PageCount::from_pages(pages + 1).unwrap_or(PageCount::MAX);
        PageRange::proven(self.range.start(), count)
    }
}
