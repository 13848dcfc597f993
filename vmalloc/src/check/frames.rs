//! The audit of frames.

use super::Audit;
use crate::allocator::Vmalloc;
use crate::frame::meta::STATES;
use crate::frame::{FrameIndex, FrameState, LazyFrames};
use crate::machine::Machine;
use crate::page::PAGE_BYTES;
use crate::region::RegionState;
use crate::stats::Counters;

impl<M: Machine> Vmalloc<M> {
    /// The frames that a living region notes are those that its entries name: a free believes it.
    fn check_chain(&self, audit: &mut Audit, slot: u32) {
        let record = self.slots().slot(slot);
        let busy = record.read(slot).filter(|info| info.state == RegionState::Busy);
        let Some(info) = busy.filter(|_| record.has_frames()) else { return };
        let noted = LazyFrames::noted(record.frames(), info.range.count().get());
        let is_same = noted
            .frames(self.frames.buddy.metas())
            .map(|frame| Some(self.frames.buddy.frame(frame)))
            .eq(info.range.pages().map(|page| self.frame_of(page)));
        let at = info.range.address().as_u64();
        audit.expect(is_same, "a region notes other frames than its entries", at);
    }

    /// Every frame is in one state and in one place, and all add up to what was handed over.
    pub(super) fn check_frames(&self, audit: &mut Audit) {
        let buddy = &self.frames.buddy;
        if let Err((FrameIndex(at), what)) = buddy.audit() {
            audit.note(what, u64::from(at));
        }
        for slot in 1..=self.region_limit() {
            let record = self.slots().slot(slot);
            self.check_chain(audit, slot);
            let info = record.read(slot).filter(|info| info.state == RegionState::Lazy);
            if let Some(info) = info {
                let lazy = LazyFrames::noted(record.frames(), info.range.count().get());
                let at = info.range.address().as_u64();
                for frame in lazy.frames(buddy.metas()) {
                    if buddy.meta(frame).state() == FrameState::Large {
                        self.check_block(audit, Some(frame), at);
                    } else {
                        self.check_taken(audit, Some(frame), at);
                    }
                }
            }
        }
        self.frames.each_waiting(|frame| {
            self.check_taken(audit, Some(frame), buddy.frame(frame).start_address().as_u64());
        });
        let _ = self.areas.audit(|start, _, frames| {
            for frame in frames.iter().flat_map(|frames| frames.frames(buddy.metas())) {
                self.check_taken(audit, Some(frame), start * PAGE_BYTES);
            }
        });
        let mut sums = [0u64; STATES.len()];
        for (number, meta) in (0u64..).zip(buddy.metas()) {
            let state = meta.state();
            sums[state as usize] += 1;
            let is_found = meta.unmark();
            let must_be_found = !matches!(
                state,
                FrameState::Boot | FrameState::Free | FrameState::Slab | FrameState::Heap
            );
            audit.expect(is_found == must_be_found, "a frame is in nobody's hands", number);
        }
        let [boot, free, _, _, _, _, slabs, heap] = sums;
        audit.expect(free == buddy.free_count(), "the number of free frames is wrong", free);
        audit.expect(slabs == self.frames_slabs, "the number of record frames is wrong", slabs);
        let heap_counted = Counters::get(&self.counters.frames_heap);
        audit.expect(heap == heap_counted, "the number of heap frames is wrong", heap);
        let all: u64 = sums.iter().sum();
        audit.expect(all - boot == self.frames_total, "frames were lost", all - boot);
    }
}
