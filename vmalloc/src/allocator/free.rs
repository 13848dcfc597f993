//! `vfree`, by id, by address, by the owner and from an interrupt handler.

use x86_64::VirtAddr;

use super::Vmalloc;
use crate::error::RegionError;
use crate::frame::{FrameIndex, LazyFrames};
use crate::id::RegionId;
use crate::machine::{CpuId, Machine};
use crate::page::PageRange;
use crate::paging::span::Span;
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::region::{RegionInfo, RegionState};
use crate::stats::Counters;

impl<M: Machine> Vmalloc<M> {
    /// Frees a region that [`Region::into_raw`](crate::Region::into_raw) let go, by its id, and says what it was.
    ///
    /// Its pages are unmapped when this returns. Addresses and frames are free after the next purge; a
    /// CPU that has not flushed until then may still reach the old frames, which are nobody else's.
    ///
    /// # Errors
    ///
    /// Without effect on anybody else: ids are never reused, and of two callers that free the same
    /// region one wins.
    ///
    /// - [`RegionError::Unknown`]: no region has, or had, this id.
    /// - [`RegionError::Gone`]: it is freed already.
    /// - [`RegionError::Owned`]: a [`Region`](crate::Region) owns it.
    /// - [`RegionError::Changing`]: somebody resizes it or changes its rights.
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
        let info = self.info(id);
        // A region that is gone is refused there, as everywhere.
        self.free(id, Stage::Loose)?;
        info
    }

    /// Frees a region in a stage that says who may.
    #[inline]
    pub(crate) fn free(&self, id: RegionId, from: Stage) -> Result<(), RegionError> {
        match self.slots().claim(id, from, Stage::Lazy) {
            Ok(record) => {
                self.free_claimed(id, record);
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Frees a region for its owner.
    #[inline]
    pub(crate) fn free_owned(&self, id: RegionId) {
        match self.slots().claim_owned(id) {
            Some(record) => self.free_claimed(id, record),
            None => debug_assert!(false, "only the owner frees what it owns"),
        }
    }

    /// Frees a region that is claimed. Whatever is not done here is called last, so that the short
    /// way has nothing to keep across a call.
    #[inline(always)]
    fn free_claimed(&self, id: RegionId, record: &Slot) {
        let cpu = self.machine.current();
        let leaf = record.leaf();
        let (extent, is_noted) = (record.extent(), leaf != FrameIndex::NONE && record.has_frames());
        let is_short = extent.is_plain() && is_noted;
        if !is_short || self.switches.free_otherwise() {
            return self.free_pages(cpu, id.slot());
        }
        let (pages, span) = (extent.pages(), Span::within_one(record.range()));
        self.tally(cpu).freed_plain::<M>(pages);
        self.tables.wipe_span(&self.machine, &self.frames.buddy, &span, leaf);
        if self.lazy(cpu).push_record(id.slot(), record, pages + 1) > self.lazy_limit {
            self.purge_after_free();
        }
    }

    #[inline(never)]
    fn free_pages(&self, cpu: CpuId, slot: u32) {
        let frames = self.unmap_on(cpu, slot);
        self.retire(cpu, slot, frames);
    }

    #[cold]
    #[inline(never)]
    fn refused(&self, error: RegionError) -> RegionError {
        self.refuse();
        error
    }

    /// Frees a region like [`vfree`](Self::vfree), later: whoever purges next unmaps it.
    ///
    /// Until then it stays mapped. It starts no purge by itself.
    ///
    /// # Errors
    ///
    /// As [`vfree`](Self::vfree).
    ///
    /// # Context
    ///
    /// Takes no lock and waits for nobody: the only verb that frees in an interrupt handler.
    ///
    /// # Complexity
    ///
    /// O(1).
    ///
    /// # Source
    ///
    /// Linux's `vfree_atomic`.
    pub fn free_deferred(&self, id: RegionId) -> Result<(), RegionError> {
        let slots = self.slots();
        slots.step(id, Stage::Loose, Stage::Deferred).inspect_err(|_| self.refuse())?;
        let pages = slots.slot(id.slot()).addresses().1;
        self.deferred.push(slots, id.slot(), pages);
        Ok(())
    }

    /// Takes the entries of a claimed slot out.
    pub(crate) fn unmap(&self, slot: u32) -> LazyFrames {
        self.unmap_on(self.machine.current(), slot)
    }

    /// As [`unmap`](Self::unmap), for who knows the CPU.
    #[inline]
    fn unmap_on(&self, cpu: CpuId, slot: u32) -> LazyFrames {
        let record = self.slots().slot(slot);
        let (range, extent) = (record.range(), record.extent());
        self.tally(cpu).freed(extent.pages(), extent.is_system());
        if extent.is_mapped() {
            return self.unmap_foreign(range);
        }
        if record.has_frames() {
            // What the entries say is known: they need not be read.
            self.tables.wipe(&self.machine, &self.frames.buddy, range, record.leaf());
            return LazyFrames::noted(record.frames(), extent.pages());
        }
        self.clear(range, extent.is_large(), record.leaf())
    }

    /// Takes the entries of a range out, of whatever size. `leaf` is the table over all of a range
    /// that has only one, or none.
    #[inline]
    pub(crate) fn clear(&self, range: PageRange, large: bool, leaf: FrameIndex) -> LazyFrames {
        if large {
            return self.tables.clear_large(&self.machine, &self.frames.buddy, range);
        }
        self.tables.clear(&self.machine, &self.frames.buddy, range, leaf)
    }

    #[cold]
    #[inline(never)]
    fn unmap_foreign(&self, range: PageRange) -> LazyFrames {
        self.tables.clear_foreign(&self.machine, range);
        LazyFrames::new()
    }

    #[cold]
    fn refuse(&self) {
        Counters::add(&self.counters.frees_refused, 1);
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
        let region = self.locate(start).region;
        let found = region.filter(|info| info.state == RegionState::Busy);
        match found {
            Some(info) if info.range.address() == start => self.vfree(info.id),
            _ => {
                self.refuse();
                let region_start = found.map_or(0, |info| info.range.address().as_u64());
                Err(RegionError::NotRegionStart { address: start.as_u64(), region_start })
            }
        }
    }
}
