//! Releases the areas of a purge in batches.

use super::areas::Areas;
use super::pool::Held;
use crate::frame::FrameChain;
use crate::frame::meta::FrameMeta;
use crate::id::GENERATION_MAX;
use crate::machine::CpuId;
use crate::region::extent::Extent;
use crate::region::lazy::records_from;
use crate::region::slot::Slot;
use crate::tlb::Flushed;

/// The areas that a purge releases, with their frames. Consecutive areas of one length are linked
/// first, so that their pool is locked once for all of them.
#[derive(Debug)]
#[must_use = "dropping areas loses them"]
pub(crate) struct AreaReturns<'a> {
    areas: &'a Areas,
    cpu: CpuId,
    metas: &'a [FrameMeta],
    /// The number of frames that one pool may hold.
    limit: u64,
    room: u64,
    room_before: u64,
    /// The length of the linked areas, in pages with the guard page.
    length: u64,
    count: u64,
    first: u32,
    last: u32,
    /// The areas and pages released so far, without the linked ones.
    areas_put: u64,
    pages_put: u64,
    /// Frames whose areas went to a pool without them, or to the tree.
    surplus: FrameChain,
}

impl<'a> AreaReturns<'a> {
    /// Starts to release areas. `_flushed` proves that their pages have been flushed from all TLBs.
    /// Each pool may keep up to `limit` frames with its areas.
    #[inline]
    pub(crate) fn new(
        areas: &'a Areas,
        cpu: CpuId,
        metas: &'a [FrameMeta],
        limit: u64,
        _flushed: &Flushed,
    ) -> Self {
        let (room, room_before, length, count, first, last) = (0, 0, 0, 0, 0, 0);
        Self {
            areas,
            cpu,
            metas,
            limit,
            room,
            room_before,
            length,
            count,
            first,
            last,
            areas_put: 0,
            pages_put: 0,
            surplus: FrameChain::new(),
        }
    }

    /// Retires a slot, and releases its addresses and the single frames that are recorded in it:
    /// now, or at the latest in [`finish`](Self::finish).
    #[inline(always)]
    pub(crate) fn put(&mut self, slot: u32, record: &Slot, extent: Extent) {
        if !self.put_alike(slot, record, extent) {
            self.put_other(slot, record, extent);
        }
    }

    /// Releases a plain area of the same length as the previous one, as [`put`](Self::put) does;
    /// its frames stay recorded in the slot. Returns `false`, without an effect, for any other
    /// area.
    #[inline(always)]
    pub(crate) fn put_alike(&mut self, slot: u32, record: &Slot, extent: Extent) -> bool {
        let pages = extent.pages();
        let is_alike = extent.is_plain() && pages + 1 == self.length && record.has_frames();
        if is_alike && pages <= self.room && record.retire_before(GENERATION_MAX) {
            self.room -= pages;
            self.link(slot, record);
            return true;
        }
        false
    }

    #[inline(always)]
    fn link(&mut self, slot: u32, record: &Slot) {
        record.set_next(self.first);
        self.first = slot;
        self.count += 1;
    }

    #[inline(never)]
    fn put_other(&mut self, slot: u32, record: &Slot, extent: Extent) {
        let frames = record.rested();
        let (length, count) = (extent.length(), frames.count());
        let is_usable = record.retire() <= GENERATION_MAX;
        if !(is_usable && self.areas.may_rest(extent)) {
            self.part(record, frames);
            self.areas.put_joined(slot, is_usable);
            self.areas_put += 1;
            self.pages_put += length;
            return;
        }
        if length != self.length {
            self.begin(slot, length);
        }
        // The cut-off end of a shrunk region has as many frames as pages with the guard: its first
        // page is now the guard page of the shrunk region. Only an area with one frame less than
        // pages keeps its frames.
        if count + 1 == length && count <= self.room {
            // The frames stay recorded in the slot.
            self.room -= count;
        } else {
            self.part(record, frames);
        }
        record.strip(extent);
        self.link(slot, record);
    }

    /// Moves the frames of an area to the surplus, because the area goes to a pool without them or
    /// to the tree.
    #[inline(never)]
    fn part(&mut self, record: &Slot, frames: FrameChain) {
        self.surplus.append(self.metas, frames);
        record.set_frames(FrameChain::new().note());
    }

    /// Puts the linked areas into their pool and starts a new link with areas of another length.
    #[inline(never)]
    fn begin(&mut self, last: u32, length: u64) {
        self.settle();
        (self.length, self.last) = (length, last);
        // Only a purge puts areas with frames into a pool, and purges run one after the other.
        // Until the linked areas are put, allocations can only increase the free space of the pool
        // for frames.
        self.room_before =
            self.limit.saturating_sub(self.areas.pool(self.cpu, length).held().frames);
        self.room = self.room_before;
    }

    /// Puts the linked areas into their pool.
    fn settle(&mut self) {
        if self.count == 0 {
            return;
        }
        let Self { areas, length, count, first, last, .. } = *self;
        let frames = self.room_before - self.room;
        self.areas_put += count;
        self.pages_put += count * length;
        let pool = areas.pool(self.cpu, length);
        let more = Held { areas: count, pages: count * length, frames };
        if !pool.put_chain(&areas.slots, (first, last), more, length) {
            self.settle_singly();
        }
        (self.length, self.first, self.count, self.room) = (0, 0, 0, 0);
    }

    /// Puts areas into the pool one by one until it is full, and returns the remaining areas to the
    /// tree.
    #[cold]
    #[inline(never)]
    fn settle_singly(&mut self) {
        let areas = self.areas;
        let pool = areas.pool(self.cpu, self.length);
        for (slot, record) in records_from(&areas.slots, self.first) {
            if !pool.put_backed(&areas.slots, slot, self.length) {
                self.surplus.append(self.metas, record.take_rested());
                areas.put_joined(slot, true);
            }
        }
    }

    /// Puts the linked areas into their pool. Returns the number of areas and pages that were
    /// released, and the frames that are not kept with areas.
    pub(crate) fn finish(mut self) -> (u64, u64, FrameChain) {
        self.settle();
        (self.areas_put, self.pages_put, self.surplus)
    }
}
