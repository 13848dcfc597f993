//! Areas on their way back to rest.

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

/// Areas on their way back, with their frames. Those of one size that follow each other are linked
/// first, so that a pool is locked once for all of them.
#[derive(Debug)]
#[must_use = "dropping areas loses them"]
pub(crate) struct AreaReturns<'a> {
    areas: &'a Areas,
    cpu: CpuId,
    metas: &'a [FrameMeta],
    /// Frames that may rest in one pool, and those that still may with the areas that are linked.
    limit: u64,
    room: u64,
    room_before: u64,
    /// The size of those that are linked.
    length: u64,
    count: u64,
    first: u32,
    last: u32,
    /// The areas and pages that were put to rest, without the linked ones.
    areas_put: u64,
    pages_put: u64,
    /// Frames of areas that rest without them, or nowhere.
    surplus: FrameChain,
}

impl<'a> AreaReturns<'a> {
    /// Begins to release many areas, whose pages were lazy and have been flushed. Up to `limit` frames of each
    /// pool may stay with their areas.
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

    /// Ends the life of a slot and gives its addresses and the single frames that it notes back, at
    /// the latest at the [end](Self::finish).
    #[inline(always)]
    pub(crate) fn put(&mut self, slot: u32, record: &Slot, extent: Extent) {
        if !self.put_alike(slot, record, extent) {
            self.put_other(slot, record, extent);
        }
    }

    /// Puts a plain area of the same size as the one before, as [`put`](Self::put) does; its frames
    /// stay recorded. Returns `false` without an effect for any other area.
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
        // A tail has as many frames as addresses, and its own are not among them.
        if count + 1 == length && count <= self.room {
            // They stay noted.
            self.room -= count;
        } else {
            self.part(record, frames);
        }
        record.strip(extent);
        self.link(slot, record);
    }

    /// Keeps the frames of an area that rests without them, or nowhere.
    #[inline(never)]
    fn part(&mut self, record: &Slot, frames: FrameChain) {
        self.surplus.append(self.metas, frames);
        record.set_frames(FrameChain::new().note());
    }

    /// Begins with another size.
    #[inline(never)]
    fn begin(&mut self, last: u32, length: u64) {
        self.settle();
        (self.length, self.last) = (length, last);
        // Only a purge puts frames to rest, and purges are totally ordered: there may be more room
        // by the time that these are put, but not less.
        self.room_before =
            self.limit.saturating_sub(self.areas.pool(self.cpu, length).held().frames);
        self.room = self.room_before;
    }

    /// Puts what is linked to rest.
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

    /// Puts as many areas to rest as the pool may hold, and returns the rest to the tree.
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

    /// Puts the last ones to rest, and says how many areas and pages were put and which frames do
    /// not rest.
    pub(crate) fn finish(mut self) -> (u64, u64, FrameChain) {
        self.settle();
        (self.areas_put, self.pages_put, self.surplus)
    }
}
