//! Purges: flushes the lazy areas, and then releases their addresses and frames. From the unmapping
//! of a region to the flush, no other module can release them.
//!
//! The slot of an unmapped range is put on a lazy list, from which only this module takes it. Its
//! frames are [`LazyFrames`], which become free frames only in exchange for a [`Flushed`]. So code
//! that releases a frame before the flush does not compile.
//!
//! A purge takes every list as a whole, one after the other. If a list that was already taken has
//! new slots when the last list is taken, the purge flushes everything. So every range that was
//! unmapped before a released one is flushed too. This matters for a region that was moved and then
//! freed: its frames cannot be reached by their old addresses either.

use super::parts::Core;
use super::{release, unmap};
use crate::area::AreaReturns;
use crate::frame::{FrameChain, FrameIndex, LazyFrames};
use crate::machine::{CPUS_MAX, CpuId, Machine};
use crate::paging;
use crate::paging::Detaching;
use crate::region::extent::Extent;
use crate::region::lazy::{LazyList, records_from};
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::stats::Counters;
use crate::tlb::{FlushKind, FlushReason, Flushed, Plan, ShootdownGuard};

/// The result of a purge. All counts are 0 if a CPU did not acknowledge the flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// The number of areas that were released.
    pub areas: u64,
    /// The number of pages of these areas, with guard pages.
    pub pages: u64,
    /// The kind of the flush.
    pub flush: FlushKind,
}

/// The lazy lists that a purge has taken: the first slot of the list of each CPU.
struct Taken([u32; CPUS_MAX as usize]);

/// Records the frames of a lazy slot and puts the slot on the lazy list of `cpu`. Purges if the
/// list exceeds its limit.
#[inline]
pub(super) fn retire<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32, frames: LazyFrames) {
    let record = core.slots().slot(slot);
    if core.switches.frames_wait() {
        record.set_frames(frames.note());
    } else {
        record.set_frames(LazyFrames::new().note());
        release::mixed(core, cpu, frames.release_unflushed());
    }
    wait(core, cpu, slot, record, record.extent().length());
}

/// Puts a slot whose frames are recorded on the lazy list of `cpu`. Purges if the list exceeds its
/// limit.
#[inline]
fn wait<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32, record: &Slot, length: u64) {
    let list = core.lazy(cpu);
    let waiting = list.push_record(slot, record, length);
    if waiting > list.limit() || core.switches.is_eager() {
        purge_after_free(core);
    }
}

/// Purges because the lazy list of this CPU exceeds its limit and the machine has no room for more,
/// or because every free must flush. If another CPU is already purging, which empties this list
/// too, this CPU waits for that purge only if the list exceeds twice its limit. While a CPU does not
/// answer shootdowns, most frees neither purge nor wait.
#[cold]
#[inline(never)]
pub(super) fn purge_after_free<M: Machine>(core: &Core<M>) {
    let is_eager = core.switches.is_eager();
    let cpu = core.machine.current();
    let list = core.lazy(cpu);
    if !is_eager && core.lazy_budget.extend(list) {
        return;
    }
    let mut guard = match core.tlb.try_lock() {
        Some(guard) => guard,
        None if core.tlb.is_overdue() => return,
        None if !is_eager && list.pages() <= 2 * list.limit() => return,
        None => core.tlb.lock(&core.machine),
    };
    if core.tlb.backs_off(&mut guard) {
        return;
    }
    if is_eager {
        purge_in(core, cpu, &mut guard, FlushReason::Eager, false);
    } else if list.pages() > list.limit() {
        purge_in(core, cpu, &mut guard, FlushReason::Lazy, false);
    }
}

pub(super) fn purge_for<M: Machine>(core: &Core<M>, reason: FlushReason) -> Purged {
    let cpu = core.machine.current();
    let mut guard = core.tlb.lock(&core.machine);
    purge_in(core, cpu, &mut guard, reason, false)
}

pub(super) fn reclaim_for<M: Machine>(core: &Core<M>, reason: FlushReason) -> Purged {
    let cpu = core.machine.current();
    let mut guard = core.tlb.lock(&core.machine);
    let purged = purge_in(core, cpu, &mut guard, reason, true);
    drop(guard);
    drain(core);
    purged
}

/// Frees all cached page tables, with at most one shootdown, so that large leaves can take their
/// places. Also releases everything lazy, because this shootdown suffices for it.
#[cold]
pub(super) fn free_cached_tables<M: Machine>(core: &Core<M>) {
    let cpu = core.machine.current();
    let mut guard = core.tlb.lock(&core.machine);
    purge_in(core, cpu, &mut guard, FlushReason::Exhausted, true);
}

/// Empties the pools of areas, the magazines and the pools of zeroed frames, without a flush.
pub(super) fn drain<M: Machine>(core: &Core<M>) {
    core.frames.put(core.machine.current(), core.areas.drain(core.frames.buddy.metas()));
    core.frames.drain();
}

fn purge_in<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    guard: &mut ShootdownGuard<'_>,
    reason: FlushReason,
    everything: bool,
) -> Purged {
    unmap_deferred(core, cpu);
    let (taken, mut plan) = take_lists(core, everything);
    let unlinked = paging::reclaim::await_unlinked(&core.tables);
    if unlinked && plan.is_empty() {
        // Only unlinked tables wait. Any flush drops them from the paging-structure caches, but an
        // empty plan would flush nothing, so the plan requires a full flush.
        plan = Plan::full();
    }
    if taken.is_none() && !unlinked {
        return Purged { areas: 0, pages: 0, flush: FlushKind::None };
    }
    Counters::add(&core.counters.purges, 1);
    core.counters.shootdown(reason, &plan);
    let taken = taken.unwrap_or(Taken([0; CPUS_MAX as usize]));
    match core.tlb.shoot(&core.machine, guard, &plan, unlinked) {
        Ok(flushed) => {
            let (areas, pages) = release_lists(core, &taken, &flushed);
            let freed = paging::reclaim::free_unlinked(
                &core.tables,
                &core.machine,
                &core.frames.buddy,
                &flushed,
            );
            release::zeroed(core, freed.tables);
            release::singles(core, cpu, freed.others);
            Purged { areas, pages, flush: plan.kind() }
        }
        Err(_) => {
            // The areas stay lazy, and the next purge flushes them again.
            return_lists(core, &taken);
            Purged { areas: 0, pages: 0, flush: plan.kind() }
        }
    }
}

/// Takes the lazy lists of all CPUs, lowers the counts of the tables, and plans the flush.
fn take_lists<M: Machine>(core: &Core<M>, everything: bool) -> (Option<Taken>, Plan) {
    let mut taken = Taken([0; CPUS_MAX as usize]);
    let mut plan = Plan::new::<M>();
    if !LazyList::take_all(&core.lazies, &mut taken.0) {
        plan = Plan::full();
    }
    let mut detaching = paging::reclaim::detaching(&core.tables);
    for first in taken.0 {
        plan_list(core, first, &mut plan);
        detach_list(core, first, &mut detaching);
    }
    detaching.settle(&core.machine, &core.frames.buddy);
    if everything {
        detaching.unlink_cached(&core.machine, &core.frames.buddy);
    }
    let found = taken.0.iter().any(|first| *first != 0);
    (found.then_some(taken), plan)
}

/// Adds the pages of a list to the plan, until the plan requires a full flush.
fn plan_list<M: Machine>(core: &Core<M>, first: u32, plan: &mut Plan) {
    for (_, record) in records_from(core.slots(), first) {
        if plan.is_full() {
            return;
        }
        plan.add(record.range());
    }
}

/// Lowers the counts of the tables over the areas of a list.
#[inline(never)]
fn detach_list<M: Machine>(core: &Core<M>, first: u32, detaching: &mut Detaching<'_>) {
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    for (_, record) in records_from(core.slots(), first) {
        let extent = record.extent();
        if extent.is_detached() {
            continue;
        }
        // Lowered before the flush, so that tables that become empty now are freed after it.
        match record.leaf() {
            FrameIndex::NONE => detaching.lower(machine, buddy, record.range()),
            leaf => {
                detaching.lower_noted(machine, buddy, leaf, extent.pages(), || record.page());
            }
        }
    }
}

/// Releases the areas and frames of the taken lists. `flushed` proves that no CPU can reach them.
fn release_lists<M: Machine>(core: &Core<M>, taken: &Taken, flushed: &Flushed) -> (u64, u64) {
    let (mut areas, mut pages) = (0, 0);
    for (number, (list, first)) in (0..).zip(core.lazies.iter().zip(taken.0)) {
        if first != 0 {
            let (areas_here, pages_here) = release_list(core, CpuId(number), first, flushed);
            list.settle(areas_here, pages_here);
            (areas, pages) = (areas + areas_here, pages + pages_here);
        }
        core.lazy_budget.reset(list);
    }
    (areas, pages)
}

#[inline(never)]
fn release_list<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    first: u32,
    flushed: &Flushed,
) -> (u64, u64) {
    let metas = core.frames.buddy.metas();
    let mut returns = AreaReturns::new(&core.areas, cpu, metas, core.frames.rest_limit(), flushed);
    for (slot, record) in records_from(core.slots(), first) {
        let extent = record.extent();
        if !M::RETIRES && returns.put_alike(slot, record, extent) {
            continue;
        }
        if extent.is_large() || M::RETIRES {
            release_noted(core, cpu, record, extent, flushed);
        }
        returns.put(slot, record, extent);
    }
    let (areas, pages, frames) = returns.finish();
    core.frames.put(cpu, frames);
    (areas, pages)
}

/// Releases the blocks of 512 frames that are recorded in a slot, and reports its single frames to
/// the machine. The single frames may stay with the area.
#[cold]
#[inline(never)]
fn release_noted<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    record: &Slot,
    extent: Extent,
    flushed: &Flushed,
) {
    let chain = LazyFrames::noted(record.frames(), extent.pages()).release(flushed);
    if extent.is_large() {
        release::mixed(core, cpu, chain);
        record.set_frames(FrameChain::new().note());
    } else {
        release::retire(core, &chain);
    }
}

/// Puts the taken slots back on their lists, because the flush failed.
fn return_lists<M: Machine>(core: &Core<M>, taken: &Taken) {
    for (list, first) in core.lazies.iter().zip(taken.0) {
        for (slot, record) in records_from(core.slots(), first) {
            record.detach();
            let pages = record.addresses().1;
            list.push(core.slots(), slot, pages);
            list.settle(1, pages);
        }
    }
}

/// Unmaps the regions whose free was deferred, and puts them on the lazy list of `cpu`.
fn unmap_deferred<M: Machine>(core: &Core<M>, cpu: CpuId) {
    for (slot, record) in records_from(core.slots(), core.deferred.take()) {
        let is_mine = record.step(record.generation(), Stage::Deferred, Stage::Lazy);
        assert!(is_mine, "slot {slot} was put off and is something else now");
        core.deferred.settle(1, record.addresses().1);
        let frames = unmap::unmap(core, cpu, slot);
        record.set_frames(frames.note());
        core.lazy(cpu).push(core.slots(), slot, record.addresses().1);
    }
}
