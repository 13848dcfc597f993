//! Frees regions: by id, by address, for their owner, and from an interrupt handler.

use x86_64::VirtAddr;

use super::parts::Core;
use super::{locate, purge, unmap};
use crate::error::RegionError;
use crate::frame::FrameIndex;
use crate::id::RegionId;
use crate::machine::{CpuId, Machine, PreemptionGuard};
use crate::paging::span::Span;
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::region::{RegionInfo, RegionState};
use crate::stats::Counters;

/// Frees a region by its id and returns the description of the region. No [`Region`](crate::Region)
/// may own it: see [`Region::into_raw`](crate::Region::into_raw).
pub(super) fn by_anyone<M: Machine>(
    core: &Core<M>,
    id: RegionId,
) -> Result<RegionInfo, RegionError> {
    let claimed = core.slots().claim(id, Stage::Loose, Stage::Lazy);
    let record = claimed.map_err(|error| refused(core, error))?;
    // The slot is on no list yet, so this caller alone can change it.
    let info = record.read(id.slot()).expect("a lazy region has a description");
    free_claimed(core, id, record);
    Ok(RegionInfo { state: RegionState::Busy, ..info })
}

/// Frees a region for the [`Region`](crate::Region) that owns it.
#[inline]
pub(super) fn by_owner<M: Machine>(core: &Core<M>, id: RegionId) {
    match core.slots().claim_owned(id) {
        Some(record) => free_claimed(core, id, record),
        None => debug_assert!(core.slots().is_stuck(id), "only the owner frees what it owns"),
    }
}

/// Frees a region whose stage was changed to `Lazy`. Every other path is a tail call, so that the
/// fast path saves no register across a call.
#[inline(always)]
fn free_claimed<M: Machine>(core: &Core<M>, id: RegionId, record: &Slot) {
    let guard = PreemptionGuard::new(&core.machine);
    let cpu = core.machine.current();
    let leaf = record.leaf();
    let (extent, is_noted) = (record.extent(), leaf != FrameIndex::NONE && record.has_frames());
    let is_short = extent.is_plain() && is_noted;
    if !is_short || core.switches.free_otherwise() {
        drop(guard);
        return free_pages(core, cpu, id.slot());
    }
    let (pages, span) = (extent.pages(), Span::within_one(record.range()));
    core.tally(cpu).freed_plain::<M>(pages);
    core.tables.wipe_noted(&core.machine, &core.frames.buddy, &span, leaf);
    let list = core.lazy(cpu);
    let is_above = list.push_record(id.slot(), record, pages + 1) > list.limit();
    drop(guard);
    if is_above {
        purge::purge_after_free(core);
    }
}

#[inline(never)]
fn free_pages<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32) {
    let guard = PreemptionGuard::new(&core.machine);
    let frames = unmap::unmap(core, cpu, slot);
    drop(guard);
    purge::retire(core, cpu, slot, frames);
}

#[cold]
#[inline(never)]
fn refused<M: Machine>(core: &Core<M>, error: RegionError) -> RegionError {
    refuse(core);
    error
}

/// Defers the free of a region to the next purge, which unmaps it.
pub(super) fn defer<M: Machine>(core: &Core<M>, id: RegionId) -> Result<(), RegionError> {
    let slots = core.slots();
    slots.step(id, Stage::Loose, Stage::Deferred).inspect_err(|_| refuse(core))?;
    let pages = slots.slot(id.slot()).addresses().1;
    core.deferred.push(slots, id.slot(), pages);
    Ok(())
}

#[cold]
fn refuse<M: Machine>(core: &Core<M>) {
    Counters::add(&core.counters.frees_refused, 1);
}

/// Frees the region that starts at an address, for callers that keep pointers instead of ids.
pub(super) fn at<M: Machine>(core: &Core<M>, start: VirtAddr) -> Result<RegionInfo, RegionError> {
    let region = locate::locate(core, start).region;
    let found = region.filter(|info| info.state == RegionState::Busy);
    match found {
        Some(info) if info.range.address() == start => by_id_at(core, info.id, start),
        _ => Err(not_there(core, start, found.map(|info| info.range.address()))),
    }
}

/// Frees a region by its id, if it still starts at `start`. Another thread may have moved it since
/// the address was looked up.
fn by_id_at<M: Machine>(
    core: &Core<M>,
    id: RegionId,
    start: VirtAddr,
) -> Result<RegionInfo, RegionError> {
    // While this caller changes the region, no other one moves it.
    let claimed = core.slots().claim(id, Stage::Loose, Stage::LooseChanging);
    let record = claimed.map_err(|error| refused(core, error))?;
    let info = record.read(id.slot()).expect("a busy region has a description");
    let is_there = info.range.address() == start;
    let next = if is_there { Stage::Lazy } else { Stage::Loose };
    let is_mine = record.step(id.generation(), Stage::LooseChanging, next);
    assert!(is_mine, "region {id} changed its stage while it was freed");
    if !is_there {
        return Err(not_there(core, start, None));
    }
    free_claimed(core, id, record);
    Ok(info)
}

#[cold]
fn not_there<M: Machine>(core: &Core<M>, at: VirtAddr, found: Option<VirtAddr>) -> RegionError {
    refuse(core);
    let region_start = found.map_or(0, VirtAddr::as_u64);
    RegionError::NotRegionStart { address: at.as_u64(), region_start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim;
    use crate::sim::SimMachine;

    #[test]
    fn a_region_that_has_moved_is_not_freed_by_its_old_address() {
        let vm = SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0).unwrap();
        let id = vm.vmalloc(4_096).unwrap().into_raw();
        let start = vm.info(id).unwrap().range.address();
        // Another thread has moved the region between the look-up of the address and the claim.
        let error = by_id_at(&vm.core, id, start + 8_192u64).unwrap_err();
        assert!(matches!(error, RegionError::NotRegionStart { .. }), "{error}");
        assert_eq!(vm.info(id).unwrap().range.address(), start);
        assert_eq!(vm.vfree_at(start).unwrap().id, id);
        assert!(vm.check().is_sound());
    }
}
