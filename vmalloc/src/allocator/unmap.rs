//! Takes the entries of regions out of the page tables.

use super::parts::Core;
use crate::frame::{FrameIndex, LazyFrames};
use crate::machine::{CpuId, Machine};
use crate::page::PageRange;
use crate::paging;

/// Takes the entries of a claimed slot out.
pub(super) fn unmap<M: Machine>(core: &Core<M>, slot: u32) -> LazyFrames {
    unmap_on(core, core.machine.current(), slot)
}

/// Unmaps a slot as [`unmap`] does, for a caller that knows its CPU.
#[inline]
pub(super) fn unmap_on<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32) -> LazyFrames {
    let record = core.slots().slot(slot);
    let (range, extent) = (record.range(), record.extent());
    core.tally(cpu).freed(extent.pages(), extent.is_system());
    if extent.is_mapped() {
        return unmap_foreign(core, range);
    }
    if record.has_frames() {
        // The frames are recorded, so the entries need not be read.
        core.tables.wipe(&core.machine, &core.frames.buddy, range, record.leaf());
        return LazyFrames::noted(record.frames(), extent.pages());
    }
    clear(core, range, extent.is_large(), record.leaf())
}

/// Takes the entries of a range out, of either page size. `leaf` is the leaf table of a range that
/// has only one, or `NONE`.
#[inline]
pub(crate) fn clear<M: Machine>(
    core: &Core<M>,
    range: PageRange,
    large: bool,
    leaf: FrameIndex,
) -> LazyFrames {
    if large {
        return paging::large::clear(&core.tables, &core.machine, &core.frames.buddy, range);
    }
    core.tables.clear(&core.machine, &core.frames.buddy, range, leaf)
}

#[cold]
#[inline(never)]
fn unmap_foreign<M: Machine>(core: &Core<M>, range: PageRange) -> LazyFrames {
    core.tables.clear_foreign(&core.machine, range);
    LazyFrames::new()
}
