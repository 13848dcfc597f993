//! Methods that report regions, addresses and counters, and the audit.

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
    /// Returns the description of a busy region.
    ///
    /// # Errors
    ///
    /// - [`RegionError::Unknown`]: no region ever had this id.
    /// - [`RegionError::Gone`]: the region was freed.
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

    /// Returns the busy region whose pages contain an address. A guard page is not part of a
    /// region.
    ///
    /// # Context
    ///
    /// As for [`locate`](Self::locate).
    ///
    /// # Complexity
    ///
    /// As for [`locate`](Self::locate).
    ///
    /// # Source
    ///
    /// Linux's `find_vm_area`.
    #[must_use]
    pub fn find(&self, address: VirtAddr) -> Option<RegionInfo> {
        let site = self.locate(address);
        site.region.filter(|_| site.kind == SiteKind::Busy)
    }

    /// Returns the use of an address and the region that it belongs to.
    ///
    /// # Context
    ///
    /// Anywhere, fault handlers too: takes no lock and does not allocate.
    ///
    /// # Complexity
    ///
    /// O(1), at most two walks. If areas are lazy and the address belongs to no region: O(slots
    /// that were ever used).
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

    /// Walks the page tables and returns every entry that the translation of `address` reads.
    /// Outside the window the walk has no entries: see
    /// [`Faults::walk_unchecked`](crate::Faults::walk_unchecked).
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

    /// Translates an address of the window by the page tables. Returns `None` if no page is present,
    /// and outside the window.
    ///
    /// # Context
    ///
    /// As for [`walk`](Self::walk).
    ///
    /// # Source
    ///
    /// Linux's `vmalloc_to_page`.
    #[must_use]
    pub fn translate(&self, address: VirtAddr) -> Option<PhysAddr> {
        self.walk(address).translation()
    }

    /// Iterates over the pages of a region and their entries, in order. Each page is walked when
    /// the iterator reaches it.
    ///
    /// # Context
    ///
    /// As for [`walk`](Self::walk). If the region is freed or resized during the iteration, later
    /// walks return the new entries.
    pub fn entries(&self, info: &RegionInfo) -> impl Iterator<Item = (Page, Walk)> {
        info.range.pages().map(|page| (page, self.walk(page.start_address())))
    }

    /// Returns the next area of a listing and the cursor behind it: first the busy regions by
    /// address, then the lazy areas by slot.
    ///
    /// An area that exists during the whole listing is returned exactly once. An area that is
    /// allocated or freed during the listing is returned at most once for each of its addresses.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// For busy regions one walk for each leaf table and one look-up for each of its pages. For
    /// lazy areas O(slots that were ever used).
    #[must_use]
    pub fn next_area(&self, cursor: Cursor) -> Option<(RegionInfo, Cursor)> {
        listing::next_area(&self.core, cursor)
    }

    /// Returns the end of the used addresses. From there to the end of the window, no area is busy,
    /// lazy or in a pool.
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
    /// area and for frames of the caller of `vmap`.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    ///
    /// # Complexity
    ///
    /// O(1) with one node, or else O(pages).
    #[must_use]
    pub fn frames_per_node(&self, info: &RegionInfo) -> [u64; NODES] {
        listing::frames_per_node(&self.core, info)
    }

    /// Writes the row of an area to `out`. `caller` is the text of the caller's column, which is
    /// omitted if the text is empty.
    ///
    /// The end address and the size include the guard page, so a row with `pages=N` has the size
    /// `(N + 1) * 4096`.
    ///
    /// # Errors
    ///
    /// The errors of `out`.
    ///
    /// # Source
    ///
    /// The format that readers of `/proc/vmallocinfo` parse: range, size in seven columns, caller,
    /// pages, kind, and frames by node. An area that waits for a flush has `unpurged vm_area`
    /// instead.
    pub fn write_row(
        &self,
        info: &RegionInfo,
        caller: &str,
        out: &mut dyn fmt::Write,
    ) -> fmt::Result {
        listing::write_row(&self.core, info, caller, out)
    }

    /// Reads all counters into one snapshot.
    ///
    /// # Context
    ///
    /// Takes locks, one after the other, and waits for no CPU. For threads.
    ///
    /// # Complexity
    ///
    /// O(CPUs).
    #[must_use]
    pub fn stats(&self) -> Stats {
        statistics::read(&self.core)
    }

    /// Audits the window: compares free addresses, slots, page tables, frames and counters with
    /// each other.
    ///
    /// Among other invariants it checks that free runs, areas in pools, lazy areas and regions with
    /// their guard pages cover every page of the window once; that every leaf belongs to a busy
    /// region and has its rights; that no leaf is global, or both writable and executable; and that
    /// every frame has exactly one use.
    ///
    /// # Context
    ///
    /// Takes every lock for a part of the time, and holds the lock of the shootdowns throughout,
    /// which delays purges. For threads with interrupts on. No other CPU may allocate or free
    /// during the audit, because it compares totals: otherwise it reports violations that do not
    /// exist.
    ///
    /// # Complexity
    ///
    /// O(regions + frames + tables), including unused slots.
    #[must_use]
    pub fn check(&self) -> Audit {
        check::check(&self.core)
    }
}
