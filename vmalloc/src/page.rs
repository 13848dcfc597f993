//! Pages and frames, and runs of pages whose arithmetic is checked.

use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::{self, PhysFrame, Size4KiB};

/// 4 KiB of virtual memory.
pub type Page = paging::Page<Size4KiB>;

/// 4 KiB of physical memory.
pub type Frame = PhysFrame<Size4KiB>;

/// The number of bytes in a page and in a frame.
pub const PAGE_BYTES: u64 = 4096;

/// The number of pages that a large leaf maps.
pub(crate) const LARGE_PAGES: u64 = 512;

/// A number of pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageCount(u64);

impl PageCount {
    /// No pages.
    pub const ZERO: Self = Self(0);

    /// One page, which is also the size of every guard page.
    pub const ONE: Self = Self(1);

    /// The highest number of pages whose size in bytes fits in 64 bits.
    pub const MAX: Self = Self(u64::MAX / PAGE_BYTES);

    /// Creates a count, if its size in bytes fits in 64 bits.
    #[must_use]
    pub const fn from_pages(pages: u64) -> Option<Self> {
        if pages <= Self::MAX.0 { Some(Self(pages)) } else { None }
    }

    /// Returns the number of pages that `bytes` bytes take, rounded up. It is `Some` for every
    /// 64-bit size.
    #[must_use]
    pub const fn covering(bytes: u64) -> Option<Self> {
        Self::from_pages(bytes.div_ceil(PAGE_BYTES))
    }

    /// Returns the number of pages.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of bytes. This cannot overflow: see [`MAX`](Self::MAX).
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 * PAGE_BYTES
    }

    /// Returns the sum, if its size in bytes fits in 64 bits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_pages(self.0 + other.0)
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0)
    }
}

/// A run of adjacent pages in one half of the address space.
///
/// Holding a range proves that its start and the address behind its end are canonical and in the
/// same half.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    start: Page,
    count: PageCount,
}

impl PageRange {
    /// Creates the run of `count` pages from `start`, if all its addresses are canonical.
    #[must_use]
    pub fn try_new(start: Page, count: PageCount) -> Option<Self> {
        let first = start.start_address().as_u64();
        let past = first.checked_add(count.bytes())?;
        // The address behind the last byte must be canonical too, because `end` returns it.
        let end = VirtAddr::try_new(past).ok()?;
        (first >> 63 == end.as_u64() >> 63).then_some(Self { start, count })
    }

    /// Creates a run without a check, for pages that were checked before.
    #[inline]
    pub(crate) fn proven(start: Page, count: PageCount) -> Self {
        debug_assert!(Self::try_new(start, count).is_some());
        Self { start, count }
    }

    /// Creates the run of `count` pages that starts `offset` pages behind the start of `outer`. The
    /// run must lie in `outer`.
    #[inline]
    pub(crate) fn within(outer: Self, offset: PageCount, count: PageCount) -> Self {
        assert!(
            offset.0 + count.0 <= outer.count.0,
            "pages {}+{} leave a run of {}",
            offset.0,
            count.0,
            outer.count.0
        );
        // The sum is canonical, because it lies in `outer`. The `+` operator would check it again.
        let address = outer.address().as_u64() + offset.bytes();
        let start = Page::containing_address(VirtAddr::new_truncate(address));
        Self { start, count }
    }

    /// Returns the first page.
    #[must_use]
    pub fn start(self) -> Page {
        self.start
    }

    /// Returns the number of pages.
    #[must_use]
    pub fn count(self) -> PageCount {
        self.count
    }

    /// Returns the address of the first byte.
    #[must_use]
    pub fn address(self) -> VirtAddr {
        self.start.start_address()
    }

    /// Returns the address behind the last byte.
    #[must_use]
    pub fn end(self) -> VirtAddr {
        self.address() + self.count.bytes()
    }

    /// Returns whether an address lies in the run.
    #[must_use]
    pub fn holds(self, address: VirtAddr) -> bool {
        self.address() <= address && address < self.end()
    }

    /// Iterates over the pages in order.
    pub fn pages(self) -> impl Iterator<Item = Page> {
        (0..self.count.0).map(move |offset| self.start + offset)
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.address(), self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(address: u64) -> Page {
        Page::containing_address(VirtAddr::new(address))
    }

    #[test]
    fn sizes_round_up_and_never_wrap() {
        assert_eq!(PageCount::covering(0), Some(PageCount::ZERO));
        assert_eq!(PageCount::covering(1), Some(PageCount::ONE));
        assert_eq!(PageCount::covering(4096), Some(PageCount::ONE));
        assert_eq!(PageCount::covering(4097).unwrap().get(), 2);
        assert_eq!(PageCount::covering(u64::MAX), None);
        assert_eq!(PageCount::MAX.checked_add(PageCount::ONE), None);
    }

    #[test]
    fn a_run_may_not_leave_its_half() {
        let low_end = page(0x0000_7fff_ffff_f000);
        assert!(PageRange::try_new(low_end, PageCount::ONE).is_none());
        let high_end = page(0xffff_ffff_ffff_f000);
        assert!(PageRange::try_new(high_end, PageCount::ONE).is_none());
        let run = PageRange::try_new(page(0xffff_c900_0000_0000), PageCount::ONE).unwrap();
        assert!(run.holds(VirtAddr::new(0xffff_c900_0000_0fff)));
        assert!(!run.holds(run.end()));
    }
}
