//! Methods that free regions and release lazy areas.

use x86_64::VirtAddr;

use crate::allocator::handle::Region;
use crate::allocator::map::FlushTicket;
use crate::allocator::parts::Vmalloc;
use crate::allocator::purge::Purged;
use crate::allocator::{free, map, purge};
use crate::error::RegionError;
use crate::id::RegionId;
use crate::machine::Machine;
use crate::region::RegionInfo;
use crate::tlb::FlushReason;

impl<M: Machine> Vmalloc<M> {
    /// Frees a region that has no owner, after [`Region::into_raw`](crate::Region::into_raw), by
    /// its id. Returns the description that the region had.
    ///
    /// When this returns, the pages are unmapped. Their addresses and frames are released by the
    /// next purge. Until then a CPU that has not flushed may still reach the old frames, which have
    /// no new owner.
    ///
    /// # Errors
    ///
    /// An error affects no other region: ids are never reused, and if several callers free the same
    /// region, one succeeds.
    ///
    /// - [`RegionError::Unknown`]: no region ever had this id.
    /// - [`RegionError::Gone`]: the region was freed before.
    /// - [`RegionError::Owned`]: a [`Region`] or a collection owns the region.
    /// - [`RegionError::Changing`]: another thread resizes the region or changes its rights.
    ///
    /// # Context
    ///
    /// Takes locks, and waits for other CPUs if the lazy areas exceed their limit. For threads with
    /// interrupts on; interrupt handlers call [`free_deferred`](Self::free_deferred).
    ///
    /// # Complexity
    ///
    /// O(pages). The flush is shared by many frees.
    pub fn vfree(&self, id: RegionId) -> Result<RegionInfo, RegionError> {
        free::by_anyone(&self.core, id)
    }

    /// Frees the region that starts at an address, for callers that keep pointers instead of ids.
    ///
    /// # Errors
    ///
    /// - [`RegionError::NotRegionStart`]: no region starts at this address.
    /// - As for [`vfree`](Self::vfree), for the region that starts there. If another thread frees it by
    ///   its address at the same moment, the error may be [`RegionError::Changing`].
    ///
    /// # Context
    ///
    /// As for [`vfree`](Self::vfree).
    ///
    /// # Complexity
    ///
    /// As for [`vfree`](Self::vfree) and [`locate`](Self::locate).
    pub fn vfree_at(&self, start: VirtAddr) -> Result<RegionInfo, RegionError> {
        free::at(&self.core, start)
    }

    /// Defers the free of a region to the next purge, which unmaps it.
    ///
    /// Until then the region stays mapped. A deferred free does not start a purge.
    ///
    /// # Errors
    ///
    /// As for [`vfree`](Self::vfree).
    ///
    /// # Context
    ///
    /// Takes no lock and does not wait. No other method may free a region in an interrupt handler.
    ///
    /// # Complexity
    ///
    /// O(1).
    ///
    /// # Source
    ///
    /// Linux's `vfree_atomic`.
    pub fn free_deferred(&self, id: RegionId) -> Result<(), RegionError> {
        free::defer(&self.core, id)
    }

    /// Unmaps a region of [`vmap`](Self::vmap) and flushes its addresses. When this returns, no CPU
    /// can reach the frames by these addresses. A region of another window is flushed there.
    ///
    /// # Panics
    ///
    /// If a CPU does not acknowledge the flush for 30 times the time limit of the machine.
    ///
    /// # Context
    ///
    /// Interrupts other CPUs and waits for them. For threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and a shootdown.
    pub fn vunmap(&self, region: Region<'_, M>) {
        map::unmap(region);
    }

    /// Unmaps a region of [`vmap`](Self::vmap) without a flush. Returns a ticket that tells when
    /// the frames may be used for other purposes, which is after the next purge at the latest. The
    /// purge is one of the window of the region.
    ///
    /// # Context
    ///
    /// As for [`vfree`](Self::vfree).
    pub fn vunmap_lazy<'v>(&'v self, region: Region<'v, M>) -> FlushTicket<'v, M> {
        FlushTicket::of(region)
    }

    /// Purges: unmaps the regions whose free was deferred, flushes all lazy areas on every CPU, and
    /// releases their addresses and frames.
    ///
    /// If a CPU does not acknowledge within the time limit of the machine, all areas stay lazy and
    /// no frame is released. [`Stats::laggards`](crate::Stats::laggards) counts these failures.
    ///
    /// # Context
    ///
    /// Interrupts other CPUs and waits for them. For threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(lazy areas and leaf tables over them), and a shootdown. With several NUMA nodes, and for
    /// frames that do not fit into the magazines, also O(frames).
    ///
    /// # Source
    ///
    /// Linux's `vm_unmap_aliases`.
    pub fn purge(&self) -> Purged {
        purge::purge_for(&self.core, FlushReason::Demand)
    }

    /// Releases everything that is cached: purges, empties pools, magazines and zeroed pools, and
    /// frees cached page tables. Every method that allocates does this before it reports
    /// exhaustion, if it could help.
    ///
    /// # Context
    ///
    /// As for [`purge`](Self::purge).
    pub fn reclaim(&self) -> Purged {
        purge::reclaim_for(&self.core, FlushReason::Demand)
    }
}
