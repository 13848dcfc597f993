//! The plan of a shootdown: the pages whose translations must be dropped one by one, or all
//! translations.

use x86_64::VirtAddr;

use super::flush::FlushKind;
use crate::machine::{FLUSH_PAGES_MAX, TlbControl};
use crate::page::{Page, PageRange};
use crate::sync::{AtomicU64, Ordering, fence};

/// The number of pages of a posted plan that requires a full flush.
const FULL: u64 = u64::MAX;

/// A plan that is being collected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pages: [u64; FLUSH_PAGES_MAX],
    /// The number of pages. Above `limit` the plan requires a full flush.
    count: usize,
    limit: usize,
}

impl Plan {
    /// Creates an empty plan for a machine.
    pub(crate) const fn new<T: TlbControl>() -> Self {
        const { assert!(T::PAGES_MAX <= FLUSH_PAGES_MAX, "PAGES_MAX exceeds FLUSH_PAGES_MAX") };
        Self { pages: [0; FLUSH_PAGES_MAX], count: 0, limit: T::PAGES_MAX }
    }

    /// Creates a plan that requires a full flush.
    pub(crate) const fn full() -> Self {
        Self { pages: [0; FLUSH_PAGES_MAX], count: 1, limit: 0 }
    }

    /// Returns whether the plan requires a full flush, so that adding pages has no effect.
    pub(crate) fn is_full(&self) -> bool {
        self.count > self.limit
    }

    /// Returns whether the plan is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the kind of flush that the plan requires.
    pub(crate) fn kind(&self) -> FlushKind {
        match self.count {
            0 => FlushKind::None,
            _ if self.is_full() => FlushKind::Full,
            _ => FlushKind::Pages,
        }
    }

    /// Adds the pages of a range.
    #[inline]
    pub(crate) fn add(&mut self, range: PageRange) {
        if !self.is_full() {
            self.add_strides(range, 1);
        }
    }

    /// Adds the leaves of a range, each of `stride` pages. One address suffices to flush a large
    /// leaf.
    pub(crate) fn add_strides(&mut self, range: PageRange, stride: u64) {
        let leaves = range.count().get().div_ceil(stride);
        if self.is_full() || leaves > (self.limit - self.count) as u64 {
            (self.count, self.limit) = (1, 0);
            return;
        }
        for leaf in 0..leaves {
            self.pages[self.count] = (range.start() + leaf * stride).start_address().as_u64();
            self.count += 1;
        }
    }
}

/// The plan of the last generation, which every CPU can read.
#[derive(Debug)]
pub(crate) struct Posted {
    /// The generation of the plan; 0 while the plan is being written.
    generation: AtomicU64,
    count: AtomicU64,
    pages: [AtomicU64; FLUSH_PAGES_MAX],
}

impl Posted {
    pub(crate) fn new() -> Self {
        Self {
            generation: AtomicU64::new(0),
            count: AtomicU64::new(0),
            pages: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Writes the plan of a generation that is about to begin.
    pub(crate) fn post(&self, generation: u64, plan: &Plan) {
        self.generation.store(0, Ordering::Relaxed);
        // Release: pairs with the Acquire fence in `read`. A reader that reads a new page then also
        // reads the 0 and ignores the page.
        fence(Ordering::Release);
        let count = if plan.is_full() { FULL } else { plan.count as u64 };
        self.count.store(count, Ordering::Relaxed);
        if !plan.is_full() {
            for (place, page) in self.pages.iter().zip(&plan.pages[..plan.count]) {
                place.store(*page, Ordering::Relaxed);
            }
        }
        // Release: pairs with the Acquire in `read`.
        self.generation.store(generation, Ordering::Release);
    }

    /// Returns the pages that the plan of `generation` flushes one by one. Returns `None` if the
    /// plan requires a full flush, or if the plan of another generation is posted; the caller must
    /// then flush everything.
    pub(crate) fn read(&self, generation: u64) -> Option<impl Iterator<Item = Page>> {
        // Acquire: pairs with the Release at the end of `post`.
        if self.generation.load(Ordering::Acquire) != generation {
            return None;
        }
        let count = usize::try_from(self.count.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if count > FLUSH_PAGES_MAX {
            return None;
        }
        let mut pages = [0; FLUSH_PAGES_MAX];
        for (page, place) in pages.iter_mut().zip(&self.pages[..count]) {
            *page = place.load(Ordering::Relaxed);
        }
        // Acquire: pairs with the Release fence in `post`.
        fence(Ordering::Acquire);
        if self.generation.load(Ordering::Relaxed) != generation {
            return None;
        }
        let page = |page| Page::containing_address(VirtAddr::new_truncate(page));
        Some(pages.into_iter().take(count).map(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::CpuSet;
    use crate::page::PageCount;
    use crate::sim;
    use crate::sim::SimMachine;

    fn range(first: u64, pages: u64) -> PageRange {
        let (offset, count) = (PageCount::from_pages(first), PageCount::from_pages(pages));
        PageRange::within(sim::window(100_000), offset.unwrap(), count.unwrap())
    }

    fn posted(plan: &Plan) -> Option<std::vec::Vec<u64>> {
        let posted = Posted::new();
        posted.post(7, plan);
        let start = sim::window(1).start();
        posted.read(7).map(|pages| pages.map(|page| page - start).collect())
    }

    #[test]
    fn a_plan_names_pages_as_long_as_they_are_few() {
        let mut plan = Plan::new::<SimMachine>();
        assert!(plan.is_empty() && plan.kind() == FlushKind::None);
        plan.add(range(3, 30));
        plan.add(range(70, 3));
        assert!(!plan.is_empty() && !plan.is_full() && plan.kind() == FlushKind::Pages);
        let expected: std::vec::Vec<u64> = (3..33).chain(70..73).collect();
        assert_eq!(posted(&plan), Some(expected));
        plan.add(range(90, 1));
        assert!(plan.is_full() && plan.kind() == FlushKind::Full);
        assert_eq!(posted(&plan), None);
        plan.add(range(91, 1));
        assert!(plan.is_full());
    }

    struct Flushless<const LIMIT: usize>;

    #[expect(unsafe_code, reason = "the seam's traits are promises")]
    // SAFETY: there is no translation.
    unsafe impl<const LIMIT: usize> TlbControl for Flushless<LIMIT> {
        const PAGES_MAX: usize = LIMIT;

        fn flush_page(&self, _page: Page) {}

        fn flush_all(&self) {}

        fn interrupt(&self, _cpus: CpuSet) {}
    }

    #[test]
    fn the_machine_limits_the_pages_of_a_plan() {
        let full = |mut plan: Plan, pages| {
            plan.add(range(0, pages));
            (plan.kind(), posted(&plan).map(|pages| pages.len()))
        };
        let all = FLUSH_PAGES_MAX as u64;
        assert_eq!(full(Plan::new::<Flushless<0>>(), 1), (FlushKind::Full, None));
        assert_eq!(full(Plan::new::<Flushless<2>>(), 2), (FlushKind::Pages, Some(2)));
        assert_eq!(full(Plan::new::<Flushless<2>>(), 3), (FlushKind::Full, None));
        assert_eq!(full(Plan::new::<Flushless<64>>(), all), (FlushKind::Pages, Some(64)));
        assert_eq!(full(Plan::new::<Flushless<64>>(), all + 1), (FlushKind::Full, None));
        assert!(Plan::new::<Flushless<0>>().is_empty() && !Plan::new::<Flushless<0>>().is_full());
    }

    #[test]
    fn a_large_leaf_is_one_page_of_a_plan() {
        let mut plan = Plan::new::<SimMachine>();
        plan.add_strides(range(512, 3 * 512), 512);
        assert_eq!(posted(&plan), Some(std::vec![512, 1024, 1536]));
    }

    #[test]
    fn a_plan_is_one_generations() {
        let (posted, mut plan) = (Posted::new(), Plan::new::<SimMachine>());
        plan.add(range(0, 1));
        posted.post(3, &plan);
        assert!(posted.read(2).is_none() && posted.read(4).is_none());
        assert_eq!(posted.read(3).map(Iterator::count), Some(1));
    }
}
