//! Clears the entries of regions.

use super::parts::Core;
use crate::frame::LazyFrames;
use crate::machine::{CpuId, Machine};
use crate::page::PageRange;
use crate::paging;

/// Clears the entries of a slot whose region the caller has claimed, and returns the frames. `cpu`
/// is the CPU of the caller.
#[inline]
pub(super) fn unmap<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32) -> LazyFrames {
    let record = core.slots().slot(slot);
    let (range, extent) = (record.range(), record.extent());
    core.tally(cpu).freed(extent.pages(), extent.is_system());
    if extent.is_mapped() {
        return unmap_foreign(core, range);
    }
    if record.has_frames() {
        // The frames are recorded in the slot, so the entries need not be read.
        core.tables.wipe(&core.machine, &core.frames.buddy, range);
        return LazyFrames::noted(record.frames(), extent.pages());
    }
    clear(core, range, extent.is_large())
}

/// Clears the entries of a range and returns the frames. `large` allows leaves of 2 MiB.
#[inline]
pub(crate) fn clear<M: Machine>(core: &Core<M>, range: PageRange, large: bool) -> LazyFrames {
    if large {
        return paging::large::clear(&core.tables, &core.machine, &core.frames.buddy, range);
    }
    core.tables.clear(&core.machine, &core.frames.buddy, range)
}

#[cold]
#[inline(never)]
fn unmap_foreign<M: Machine>(core: &Core<M>, range: PageRange) -> LazyFrames {
    core.tables.wipe(&core.machine, &core.frames.buddy, range);
    LazyFrames::new()
}
