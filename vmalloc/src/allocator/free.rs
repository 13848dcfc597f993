//! Frees regions: by id, by address, for their owner, and from an interrupt handler.

use x86_64::VirtAddr;

use super::parts::Core;
use super::{locate, lookup, purge, unmap};
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
    let info = lookup::info(core, id);
    // If the region is not busy, `info` is an error too, and `by_id` returns the reason.
    by_id(core, id, Stage::Loose)?;
    info
}

/// Frees a region that is in the stage `from`.
#[inline]
fn by_id<M: Machine>(core: &Core<M>, id: RegionId, from: Stage) -> Result<(), RegionError> {
    match core.slots().claim(id, from, Stage::Lazy) {
        Ok(record) => {
            free_claimed(core, id, record);
            Ok(())
        }
        Err(error) => Err(refused(core, error)),
    }
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
        Some(info) if info.range.address() == start => by_anyone(core, info.id),
        _ => {
            refuse(core);
            let region_start = found.map_or(0, |info| info.range.address().as_u64());
            Err(RegionError::NotRegionStart { address: start.as_u64(), region_start })
        }
    }
}
