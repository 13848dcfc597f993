//! Queries: regions, addresses, counters, and the audit.

use core::fmt;

use x86_64::{PhysAddr, VirtAddr};

use crate::allocator::check::Audit;
use crate::allocator::listing::Cursor;
use crate::allocator::locate::{FaultSite, SiteKind};
use crate::allocator::parts::Vmalloc;
use crate::allocator::{check, listing, locate, lookup, statistics};
use crate::error::RegionError;
use crate::id::RegionId;
use crate::machine::{Machine, NODES};
use crate::page::Page;
use crate::paging::Walk;
use crate::region::RegionInfo;
use crate::stats::Stats;

impl<M: Machine> Vmalloc<M> {
    /// Returns the description of a living region.
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
        lookup::info(&self.core, id)
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

    /// Returns the kind of an address and the region that it belongs to.
    ///
    /// # Context
    ///
    /// Anywhere, fault handlers too: takes no lock and does not allocate.
    ///
    /// # Complexity
    ///
    /// O(1), two walks at most. For an address that belongs to no region, while areas are lazy:
    /// O(slots ever used).
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
        locate::locate(&self.core, address)
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
        lookup::walk(&self.core, address)
    }

    /// Translates an address by the real tables. Returns `None` if no page is present.
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
    /// As [`walk`](Self::walk). If the region is freed or resized during the iteration, later walks
    /// show the new entries.
    pub fn entries(&self, info: &RegionInfo) -> impl Iterator<Item = (Page, Walk)> {
        info.range.pages().map(|page| (page, self.walk(page.start_address())))
    }

    /// The next area of a listing and where it goes on from there: first all living regions by address,
    /// then all that is lazy by slot.
    ///
    /// An area that exists during the whole listing is seen exactly once. An area that is allocated
    /// or freed during the listing is seen at most once at an address.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// For living regions one walk for each leaf table and one look at each of its pages; for lazy areas
    /// O(slots ever used).
    #[must_use]
    pub fn next_area(&self, cursor: Cursor) -> Option<(RegionInfo, Cursor)> {
        listing::next_area(&self.core, cursor)
    }

    /// The end of the addresses in use: above it, up to the end of the window, no area is busy, lazy or
    /// pooled.
    ///
    /// # Context
    ///
    /// Takes the lock of the free addresses: for threads.
    ///
    /// # Complexity
    ///
    /// O(log areas).
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::sim;
    ///
    /// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
    /// assert_eq!(vm.used_end(), vm.window().address());
    /// let region = vm.vmalloc(4_096)?;
    /// // Its page and its guard page.
    /// assert_eq!(vm.used_end(), region.address() + 8_192u64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn used_end(&self) -> VirtAddr {
        listing::used_end(&self.core)
    }

    /// Counts the frames of a region by NUMA node, from its entries. All counts are 0 for a lazy
    /// region and for frames of the caller.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(1) with one node, else O(pages).
    #[must_use]
    pub fn frames_per_node(&self, info: &RegionInfo) -> [u64; NODES] {
        listing::frames_per_node(&self.core, info)
    }

    /// Writes the region's row, with a name for the caller's column; an empty one leaves it out.
    ///
    /// End and size include the guard page, so `pages=N` has size `(N + 1) * 4096`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// # Source
    ///
    /// The format that readers of `/proc/vmallocinfo` parse: range, size in seven columns, caller,
    /// pages, kind, frames by node; `unpurged vm_area` for what waits for a flush.
    pub fn write_row(
        &self,
        info: &RegionInfo,
        caller: &str,
        out: &mut dyn fmt::Write,
    ) -> fmt::Result {
        listing::write_row(&self.core, info, caller, out)
    }

    /// Reads all counters.
    ///
    /// # Context
    ///
    /// Takes locks, one part after the other, and waits for no CPU: for threads.
    ///
    /// # Complexity
    ///
    /// O(CPUs).
    #[must_use]
    pub fn stats(&self) -> Stats {
        statistics::read(&self.core)
    }

    /// Compares free addresses, region slots, page tables, frames and counters.
    ///
    /// It proves, among others: free runs, areas at rest, lazy areas and regions with their guards
    /// tile the window; every leaf belongs to a busy region and has its rights; no leaf is global,
    /// or writable and executable; every frame is in one place, and their sum is the memory that
    /// was handed over.
    ///
    /// # Context
    ///
    /// Takes each lock for a part of the time, and holds the lock of the shootdowns, which delays
    /// purges: for threads with interrupts on. The audit compares totals, so no other CPU may
    /// allocate or free during it: otherwise it reports violations that do not exist.
    ///
    /// # Complexity
    ///
    /// O(regions + frames + tables), with the slots that no region has.
    #[must_use]
    pub fn check(&self) -> Audit {
        check::check(&self.core)
    }
}
