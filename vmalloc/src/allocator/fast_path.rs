//! The fast paths of allocation. A fast path takes an area from the pool of the CPU, takes frames
//! that the area has kept or that are in the magazine of the CPU, and uses a leaf table that
//! exists. Most requests take a fast path. All other requests fall back to the slow path, which
//! starts over.
//!
//! The fastest path is that of [`Vmalloc::vmalloc`](crate::Vmalloc::vmalloc): it reuses an area
//! together with the frames that the area has kept.

use super::allocate::allocate_slow;
use super::handle::Region;
use super::parts::Core;
use super::reserve;
use crate::error::{AllocateError, VmallocError};
use crate::frame::{FrameChain, FrameIndex};
use crate::id::RegionId;
use crate::machine::{CpuId, Machine, PreemptionGuard};
use crate::page::{PageCount, PageRange};
use crate::paging::span::Span;
use crate::paging::{Entry, Mapping, NotPinned, Pinned};
use crate::region::extent::Traits;
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::request::{Protection, Request};

/// Allocates by the slow path. Takes the size instead of a request, so that the fast path need not
/// store a request on the stack.
#[inline(never)]
fn vmalloc_slow<M: Machine>(core: &Core<M>, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
    let request = Request::try_new(bytes).map_err(VmallocError::Request)?;
    allocate(core, &request).map_err(VmallocError::Allocate)
}

/// Allocates by a fast path, or by the slow path if that fails.
#[inline]
pub(super) fn allocate<'v, M: Machine>(
    core: &'v Core<M>,
    request: &Request,
) -> Result<Region<'v, M>, AllocateError> {
    let guard = PreemptionGuard::new(&core.machine);
    let cpu = core.machine.current();
    let found = reuse_pooled(core, cpu, request);
    drop(guard);
    let mut region = match found {
        Some(region) => region,
        None => allocate_slow(core, cpu, request)?,
    };
    region.set_init(request.is_zeroed());
    Ok(region)
}

/// Returns whether a request for `pages` pages may take a fast path.
#[inline(always)]
fn can_use_fast_path<M: Machine>(core: &Core<M>, pages: PageCount) -> bool {
    // While the buddy allocator alone has the reserve, every request may take frames of magazines
    // and pools.
    pages.bytes() <= core.usable
        && core.frames.buddy.free_count() >= core.frames_reserve
        && !core.injector.is_armed()
}

/// Allocates `bytes` bytes with default options, from an area that has kept its frames.
///
/// Every other path is a tail call, so that this function saves no register across a call.
#[inline(never)]
pub(super) fn reuse_backed<M: Machine>(
    core: &Core<M>,
    bytes: u64,
) -> Result<Region<'_, M>, VmallocError> {
    // If the size is 0, `count` is 0, for which no pool has an area. If the size exceeds all
    // memory, the slow path refuses it.
    let count = PageCount::covering(bytes).unwrap_or_default();
    if !can_use_fast_path(core, count) {
        return vmalloc_slow(core, bytes);
    }
    let guard = PreemptionGuard::new(&core.machine);
    let (cpu, pages) = (core.machine.current(), count.get());
    let Some((slot, record, frame)) = core.areas.take_backed(cpu, pages + 1) else {
        drop(guard);
        return vmalloc_slow(core, bytes);
    };
    // The slot of an area in a pool has the addresses of the new region.
    let range = PageRange::proven(record.page(), count);
    let frames = &core.frames.buddy;
    let span = Span::within_one(range);
    let pinned = match record.leaf() {
        // The range needs several leaf tables.
        FrameIndex::NONE => Err(NotPinned::Never),
        _ => core.tables.try_pin(&core.machine, frames, &span, slot),
    };
    let leaf = match pinned {
        Ok(leaf) => leaf,
        Err(why) => {
            drop(guard);
            return put_back_and_allocate(core, cpu, slot, why, bytes);
        }
    };
    record.build_again(pages, bytes, leaf.leaf());
    let mapping = Mapping { rights: Entry::rights(Protection::default()), slot };
    core.tables.commit_again(&core.machine, frames, &span, leaf, frame, mapping);
    let id = RegionId::new(slot, record.publish(Stage::Owned));
    core.tally(cpu).allocated_plain::<M>(pages);
    Ok(Region::new(core, id, range))
}

/// Returns an area and its frames, because its leaf table could not be pinned, and allocates by the
/// slow path.
#[cold]
#[inline(never)]
fn put_back_and_allocate<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    slot: u32,
    why: NotPinned,
    bytes: u64,
) -> Result<Region<'_, M>, VmallocError> {
    let guard = PreemptionGuard::new(&core.machine);
    let record = core.slots().slot(slot);
    if let NotPinned::Owned = why {
        let span = Span::within_one(record.range());
        core.tables.unpin(&core.machine, &core.frames.buddy, &span);
    }
    put_back(core, cpu, slot, record.rested());
    drop(guard);
    vmalloc_slow(core, bytes)
}

/// Allocates from an area in a pool. Returns `None`, without an effect, if that is not possible.
#[inline(never)]
fn reuse_pooled<'v, M: Machine>(
    core: &'v Core<M>,
    cpu: CpuId,
    request: &Request,
) -> Option<Region<'v, M>> {
    let pages = request.pages().get();
    if !request.is_plain() || !can_use_fast_path(core, request.pages()) {
        return None;
    }
    // Only the slow path takes zeroed frames of the zeroed pools, which saves clearing frames now.
    if request.is_zeroed() && core.frames.has_zeroed(pages) {
        return None;
    }
    let (slot, record) = core.areas.take_ready(cpu, pages + 1, request.alignment().get())?;
    let range = record.range();
    let span = Span::within_one(range);
    let chain = match record.rested() {
        chain if chain.count() == pages => Some(chain),
        // Checked before frames are taken: only the slow path serves a range that needs several
        // leaf tables.
        _ if span.is_one() => core.frames.take_ready(cpu, pages),
        _ => None,
    };
    let Some(mut chain) = chain else {
        put_back(core, cpu, slot, FrameChain::new());
        return None;
    };
    let frames = &core.frames.buddy;
    let leaf =
        if span.is_one() { core.tables.pin(&core.machine, frames, &span, slot) } else { None };
    let Some(leaf) = leaf else {
        put_back(core, cpu, slot, chain);
        return None;
    };
    if request.is_zeroed() {
        reserve::clear_frames(core, &chain);
    }
    let mapping = build(record, request, range, slot, (leaf, chain.ends()));
    core.tables.commit(&core.machine, frames, range, Some(leaf), &mut chain, mapping);
    let id = RegionId::new(slot, record.publish(Stage::Owned));
    core.tally(cpu).allocated(pages, false);
    Some(Region::new(core, id, range))
}

/// Returns an area to its pool and its frames to the magazine, so that the next request can take
/// both.
#[cold]
#[inline(never)]
fn put_back<M: Machine>(core: &Core<M>, cpu: CpuId, slot: u32, chain: FrameChain) {
    core.slots().slot(slot).set_frames(FrameChain::new().note());
    core.frames.put(cpu, chain);
    core.areas.untake_ready(cpu, slot);
}

/// Writes the slot of a region that is being built. Returns the rights and the slot for its
/// entries.
#[inline(always)]
fn build(
    record: &Slot,
    request: &Request,
    range: PageRange,
    slot: u32,
    (leaf, frames): (Pinned, (FrameIndex, FrameIndex)),
) -> Mapping {
    let protection = request.wanted_protection();
    let align = request.alignment().get().trailing_zeros();
    let zeroed = request.is_zeroed();
    let traits = Traits { zeroed, protection, align, ..Traits::default() };
    record.build(request, range, traits, leaf.leaf(), frames);
    Mapping { rights: Entry::rights(protection), slot }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use crate::allocator::{Region, Vmalloc, lookup};
    use crate::page::PAGE_BYTES;
    use crate::paging::record::{Owners, PlaceState, TableRecord};
    use crate::sim::SimMachine;
    use crate::{raw, sim};

    fn machine() -> Vmalloc<SimMachine> {
        SimMachine::new(2_000, 1).set_up(sim::window(4_000), 0, 0).unwrap()
    }

    fn record_of<'v>(
        vm: &'v Vmalloc<SimMachine>,
        region: &Region<'_, SimMachine>,
    ) -> &'v TableRecord {
        let (records, frames) = (&vm.core.tables.records, &vm.core.frames.buddy);
        let first = region.range().start();
        records.find(&vm.core.machine, frames, first).expect("the region is mapped")
    }

    #[test]
    fn a_table_that_was_freed_and_made_again_serves_the_next_region() {
        let vm = machine();
        let _first = vm.vmalloc(PAGE_BYTES).unwrap();
        let between = vm.vmalloc(512 * PAGE_BYTES).unwrap();
        let gone = vm.vmalloc(PAGE_BYTES).unwrap();
        let record = record_of(&vm, &gone);
        drop(gone);
        drop(between);
        vm.reclaim();
        assert_eq!(record.state(), PlaceState::Vacant);
        let all: std::vec::Vec<_> = (0..700).map(|_| vm.vmalloc(PAGE_BYTES).unwrap()).collect();
        assert_eq!(record.state(), PlaceState::Linked);
        assert!(vm.check().is_sound());
        drop(all);
        assert!(vm.check().is_sound());
    }

    #[test]
    fn an_area_over_two_tables_is_used_again() {
        let vm = machine();
        let first = vm.vmalloc(505 * PAGE_BYTES).unwrap();
        for _ in 0..3 {
            let region = vm.vmalloc(16 * PAGE_BYTES).unwrap();
            assert_eq!(region.range().start() - first.range().start(), 506);
            drop(region);
            vm.purge();
            assert!(vm.check().is_sound());
        }
    }

    #[test]
    fn a_full_table_that_can_be_moved_is_not_pinned() {
        let vm = machine();
        let here = vm.vmalloc(PAGE_BYTES).unwrap();
        let record = record_of(&vm, &here);
        let count = record.count();
        assert!(record.pinnable(512 - count).is_some());
        assert!(record.pinnable(513 - count).is_none());
    }

    #[test]
    fn frames_at_rest_are_counted_taken_again_and_drained() {
        let vm = machine();
        let before = vm.stats();
        let region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        let frames = |region: &Region<'_, SimMachine>| {
            let frames =
                region.range().pages().map(|page| lookup::frame_of(&vm.core, page).unwrap());
            frames.collect::<std::collections::BTreeSet<_>>()
        };
        let (page, first) = (region.range().start(), frames(&region));
        drop(region);
        vm.purge();
        assert_eq!(vm.core.areas.held().frames, 3);
        let now = vm.stats();
        assert_eq!(now.frames_free + now.table_pages, before.frames_free + before.table_pages);
        assert_eq!(vm.stats().frames_free_by_node[0], vm.stats().frames_free);
        assert!(vm.check().is_sound());

        let again = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        assert_eq!((again.range().start(), frames(&again)), (page, first));
        assert_eq!(vm.core.areas.held().frames, 0);
        drop(again);
        vm.purge();

        // A request that cannot use the frames of the area returns them to the magazine.
        let zeroed = vm.vzalloc(3 * PAGE_BYTES).unwrap();
        assert_eq!((zeroed.range().start(), vm.core.areas.held().frames), (page, 0));
        assert!(vm.check().is_sound());
        drop(zeroed);
        vm.purge();
        assert_eq!(vm.core.areas.held().frames, 3);
        vm.reclaim();
        assert_eq!(vm.core.areas.held().frames, 0);
        assert_eq!(vm.stats().frames_free, vm.core.frames.buddy.free_count());
        assert!(vm.check().is_sound());
    }

    #[test]
    fn a_rebuilt_index_names_every_page_again() {
        let vm = machine();
        let _neighbour = vm.vmalloc(PAGE_BYTES).unwrap();
        let region = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        let (slot, range) = (region.id().slot(), region.range());
        let record = record_of(&vm, &region);
        drop(region);
        vm.purge();
        // Changes the index as if the table had been freed, and created again with the same frame
        // for other regions.
        let buddy = &vm.core.frames.buddy;
        let Owners::Index(ids) = record.owners() else { panic!("two regions share it") };
        let ids = raw::numbers(&vm.core.machine, buddy.frame(ids));
        for page in range.pages() {
            ids[usize::from(page.p1_index())].store(slot + 1, Ordering::Relaxed);
        }
        let again = vm.vmalloc(3 * PAGE_BYTES).unwrap();
        assert_eq!((again.id().slot(), again.range()), (slot, range));
        for page in range.pages() {
            let region = vm.locate(page.start_address()).region;
            assert_eq!(region.map(|info| info.id), Some(again.id()));
        }
        assert!(vm.check().is_sound());
    }

    #[test]
    fn no_more_frames_rest_than_may() {
        let vm = machine();
        let limit = vm.core.frames.rest_limit();
        let count = limit / 10 + 4;
        let all: std::vec::Vec<_> =
            (0..count).map(|_| vm.vmalloc(10 * PAGE_BYTES).unwrap()).collect();
        drop(all);
        vm.purge();
        assert!(vm.core.areas.held().frames <= limit);
        assert_eq!(vm.core.areas.held().areas, count);
        assert!(vm.check().is_sound());
    }
}
