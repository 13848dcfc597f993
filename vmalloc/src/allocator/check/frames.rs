//! Checks the state and the use of every frame.

use super::audit::Audit;
use super::tables;
use crate::allocator::lookup;
use crate::allocator::parts::Core;
use crate::frame::meta::STATES;
use crate::frame::{FrameIndex, FrameState, LazyFrames};
use crate::machine::Machine;
use crate::page::PAGE_BYTES;
use crate::region::RegionState;
use crate::stats::Counters;

/// Checks that the frames recorded in a busy slot are those in the entries of the region, because a
/// free relies on the recorded ones.
fn check_chain<M: Machine>(core: &Core<M>, audit: &mut Audit, slot: u32) {
    let record = core.slots().slot(slot);
    let busy = record.read(slot).filter(|info| info.state == RegionState::Busy);
    let Some(info) = busy.filter(|_| record.has_frames()) else { return };
    let noted = LazyFrames::noted(record.frames(), info.range.count().get());
    let is_same = noted
        .frames(core.frames.buddy.metas())
        .map(|frame| Some(core.frames.buddy.frame(frame)))
        .eq(info.range.pages().map(|page| lookup::frame_of(core, page)));
    let at = info.range.address().as_u64();
    audit.expect(is_same, "a region notes other frames than its entries", at);
}

/// Checks that every frame has one state and exactly one use, and that the numbers add up to the
/// memory of the window.
pub(super) fn check<M: Machine>(core: &Core<M>, audit: &mut Audit) {
    let buddy = &core.frames.buddy;
    if let Err((FrameIndex(at), what)) = buddy.audit() {
        audit.note(what, u64::from(at));
    }
    for slot in 1..=core.slots().limit() {
        let record = core.slots().slot(slot);
        check_chain(core, audit, slot);
        let info = record.read(slot).filter(|info| info.state == RegionState::Lazy);
        if let Some(info) = info {
            let lazy = LazyFrames::noted(record.frames(), info.range.count().get());
            let at = info.range.address().as_u64();
            for frame in lazy.frames(buddy.metas()) {
                if buddy.meta(frame).state() == FrameState::Large {
                    tables::check_block(core, audit, Some(frame), at);
                } else {
                    tables::check_taken(core, audit, Some(frame), at);
                }
            }
        }
    }
    core.frames.each_waiting(|frame| {
        tables::check_taken(core, audit, Some(frame), buddy.frame(frame).start_address().as_u64());
    });
    let _ = core.areas.audit(|start, _, frames| {
        for frame in frames.iter().flat_map(|frames| frames.frames(buddy.metas())) {
            tables::check_taken(core, audit, Some(frame), start * PAGE_BYTES);
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
    let [boot, free, _, _, _, _, _, slabs, heap] = sums;
    audit.expect(free == buddy.free_count(), "the number of free frames is wrong", free);
    audit.expect(slabs == core.frames_slabs, "the number of record frames is wrong", slabs);
    let heap_counted = Counters::get(&core.counters.frames_heap);
    audit.expect(heap == heap_counted, "the number of heap frames is wrong", heap);
    let all: u64 = sums.iter().sum();
    audit.expect(all - boot == core.frames_total, "frames were lost", all - boot);
}
