//! Gives regions back, and makes what is lazy free.

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
    /// Frees a region that [`Region::into_raw`](crate::Region::into_raw) let go, by its id, and says what it was.
    ///
    /// Its pages are unmapped when this returns. Addresses and frames are free after the next
    /// purge. Until then a CPU that has not flushed may still reach the old frames, which have no
    /// other owner.
    ///
    /// # Errors
    ///
    /// An error affects no other region: ids are never reused, and of two callers that free the
    /// same region one succeeds.
    ///
    /// - [`RegionError::Unknown`]: no region has, or had, this id.
    /// - [`RegionError::Gone`]: it is freed already.
    /// - [`RegionError::Owned`]: a [`Region`] owns it.
    /// - [`RegionError::Changing`]: another thread resizes it or changes its rights.
    ///
    /// # Context
    ///
    /// Takes locks; waits for other CPUs if enough is lazy: for threads with interrupts on. In an
    /// interrupt handler call [`free_deferred`](Self::free_deferred).
    ///
    /// # Complexity
    ///
    /// O(pages). The flush is shared with other frees.
    pub fn vfree(&self, id: RegionId) -> Result<RegionInfo, RegionError> {
        free::by_anyone(&self.core, id)
    }

    /// Frees the region that starts at an address: for callers that keep pointers, not ids.
    ///
    /// # Errors
    ///
    /// - [`RegionError::NotRegionStart`]: every other address, inside a region, in a guard or free.
    /// - As [`vfree`](Self::vfree) for the region that starts there.
    ///
    /// # Context
    ///
    /// As [`vfree`](Self::vfree).
    ///
    /// # Complexity
    ///
    /// As [`vfree`](Self::vfree) and [`locate`](Self::locate).
    pub fn vfree_at(&self, start: VirtAddr) -> Result<RegionInfo, RegionError> {
        free::at(&self.core, start)
    }

    /// Defers the free of a region: the next purge unmaps it.
    ///
    /// Until then it stays mapped. It starts no purge by itself.
    ///
    /// # Errors
    ///
    /// As [`vfree`](Self::vfree).
    ///
    /// # Context
    ///
    /// Takes no lock and does not wait: the only verb that may free in an interrupt handler.
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

    /// Unmaps a region of [`vmap`](Self::vmap); when it returns, no CPU reaches its frames by its
    /// addresses any more.
    ///
    /// # Panics
    ///
    /// If another CPU does not answer for 30 times the machine's patience.
    ///
    /// # Context
    ///
    /// Waits for other CPUs and interrupts them: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and a shootdown.
    pub fn vunmap(&self, region: Region<'_, M>) {
        map::unmap(&self.core, region);
    }

    /// Unmaps a region of [`vmap`](Self::vmap) and says what to wait for before its frames are used
    /// for anything else: the next purge redeems all tickets.
    ///
    /// # Context
    ///
    /// As [`vfree`](Self::vfree).
    pub fn vunmap_lazy(&self, region: Region<'_, M>) -> FlushTicket {
        FlushTicket::of(region)
    }

    /// Flushes all that is lazy, on every CPU, and frees it; regions whose free was put off first.
    ///
    /// If a CPU does not answer within the machine's time limit, all areas stay lazy and no frame
    /// is released; [`Stats::laggards`](crate::Stats::laggards) counts that.
    ///
    /// # Context
    ///
    /// Waits for other CPUs and interrupts them. For code with interrupts on, outside of handlers.
    ///
    /// # Complexity
    ///
    /// O(areas that are lazy, and leaf tables over them), and a shootdown; O(frames) with several NUMA
    /// nodes, and for frames that the magazines have no room for.
    ///
    /// # Source
    ///
    /// Linux's `vm_unmap_aliases`.
    pub fn purge(&self) -> Purged {
        purge::purge_for(&self.core, FlushReason::Demand)
    }

    /// Gives back all that is kept for speed: purges, empties pools and magazines, and frees the
    /// tables that were kept empty. Every verb does this by itself before it reports a lack of memory.
    ///
    /// # Context
    ///
    /// As [`purge`](Self::purge).
    pub fn reclaim(&self) -> Purged {
        purge::reclaim_for(&self.core, FlushReason::Demand)
    }
}
