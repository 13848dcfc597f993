//! Address allocators: the crate and its peers.
#![expect(unsafe_code, reason = "a peer's free is unsafe")]

use free_list::{FreeList, PageLayout, PageRange};
use offset_allocator::{Allocation, Allocator};
use range_alloc::RangeAllocator;
use vmalloc::bench::{Addresses, TakenArea};

use crate::churn::{AddressAllocator, Churn, Nothing, Sizes, Steady};
use crate::machine::{self, BenchMachine};

/// 32 TiB.
const WINDOW_PAGES: u64 = 1 << 33;

/// Bytes as `free-list` counts.
const PAGE_BYTES: u64 = 4096;

/// The name of the crate's own.
pub(crate) const OURS: &str = "ours";

/// The fastest of the peers.
pub(crate) const OFFSET_ALLOCATOR: &str = "offset-allocator";

/// The loop around the allocators.
pub(crate) const LOOP: &str = "the loop alone";

/// The names of the peers.
pub(crate) const PEERS: [&str; 4] = [OFFSET_ALLOCATOR, "free-list", "range-alloc", LOOP];

/// A steady state of an allocator, by its name.
pub(crate) fn steady(name: &str, sizes: Sizes, areas: u32) -> Box<dyn Steady> {
    match name {
        OURS => Box::new(Churn::new(ours(areas), sizes, areas)),
        OFFSET_ALLOCATOR => Box::new(Churn::new(offset(areas), sizes, areas)),
        "free-list" => Box::new(Churn::new(list(), sizes, areas)),
        "range-alloc" => Box::new(Churn::new(RangeAllocator::new(0..WINDOW_PAGES), sizes, areas)),
        _ => Box::new(Churn::new(Nothing, sizes, areas)),
    }
}

fn ours(areas: u32) -> Addresses<BenchMachine> {
    Addresses::new(machine::for_addresses(WINDOW_PAGES, areas))
}

impl AddressAllocator for Addresses<BenchMachine> {
    type Area = TakenArea;

    fn take(&mut self, pages: u32) -> Option<TakenArea> {
        self.take(pages)
    }

    fn put(&mut self, area: TakenArea) {
        self.put(area);
    }

    fn start(area: TakenArea) -> Option<u64> {
        Some(area.start)
    }
}

/// It has 32 bits: the most pages it can have are half of the others' window. Every free run takes
/// one of its records, too.
fn offset(areas: u32) -> Allocator<u32> {
    Allocator::with_max_allocs(u32::MAX, 2 * areas + 16)
}

impl AddressAllocator for Allocator<u32> {
    type Area = Allocation<u32>;

    fn take(&mut self, pages: u32) -> Option<Self::Area> {
        self.allocate(pages)
    }

    fn put(&mut self, area: Self::Area) {
        self.free(area);
    }

    fn start(area: Self::Area) -> Option<u64> {
        Some(u64::from(area.offset))
    }
}

fn bytes(pages: u64) -> usize {
    usize::try_from(pages * PAGE_BYTES).expect("the host has 64 bits")
}

fn list() -> FreeList<16> {
    let mut list = FreeList::new();
    // Address 0 is not one of its addresses.
    let window = PageRange::from_start_len(bytes(1), bytes(WINDOW_PAGES)).expect("whole pages");
    // SAFETY: numbers, behind which there is no memory.
    unsafe { list.deallocate(window) }.expect("the list is empty");
    list
}

impl AddressAllocator for FreeList<16> {
    type Area = PageRange;

    fn take(&mut self, pages: u32) -> Option<PageRange> {
        let layout = PageLayout::from_size(bytes(u64::from(pages))).ok()?;
        self.allocate(layout).ok()
    }

    fn put(&mut self, area: PageRange) {
        // SAFETY: as above.
        unsafe { self.deallocate(area) }.expect("the area was taken");
    }

    fn start(area: PageRange) -> Option<u64> {
        Some(area.start() as u64 / PAGE_BYTES)
    }
}

/// Its areas are `Range`s, which are not `Copy`.
impl AddressAllocator for RangeAllocator<u64> {
    type Area = (u64, u64);

    fn take(&mut self, pages: u32) -> Option<(u64, u64)> {
        self.allocate_range(u64::from(pages)).ok().map(|run| (run.start, run.end))
    }

    fn put(&mut self, (start, end): (u64, u64)) {
        self.free_range(start..end);
    }

    fn start((start, _): (u64, u64)) -> Option<u64> {
        Some(start)
    }
}
