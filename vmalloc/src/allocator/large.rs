//! Allocates regions with leaves of 2 MiB, and splits such leaves.

use super::parts::Core;
use super::{flush, purge, reserve};
use crate::area::Area;
use crate::error::AllocateError;
use crate::frame::{FrameChain, FrameRequest, Shortage};
use crate::inject::Reservation;
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PageRange};
use crate::paging;
use crate::paging::Mapping;
use crate::raw;
use crate::request::{Huge, Request};
use crate::tlb::{FlushReason, Plan};

/// The frames of a region that may have large leaves: blocks of 512 frames and single frames.
pub(super) struct Backing {
    blocks: FrameChain,
    singles: FrameChain,
}

impl Backing {
    /// Returns whether any leaf of the region will be large.
    pub(super) fn has_large(&self) -> bool {
        self.blocks.count() > 0
    }
}

/// Reserves blocks, single frames and tables for an area. Releases the area on an error.
pub(super) fn reserve<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    request: &Request,
    area: Area,
    range: PageRange,
) -> Result<Backing, AllocateError> {
    let wanted = reserve::frames_for(core, cpu, request);
    let reserved = reserve_blocks(core, request, range, &wanted).and_then(|blocks| {
        let singles = reserve_behind_blocks(core, cpu, range, &blocks, area.slot, &wanted);
        match singles {
            Ok(singles) => Ok(Backing { blocks, singles }),
            Err(shortage) => {
                core.frames.put_large(blocks);
                Err(shortage)
            }
        }
    });
    let backing = reserved.map_err(|shortage| {
        core.areas.untake(cpu, area, request.is_system());
        reserve::exhausted(shortage)
    })?;
    if request.is_zeroed() {
        clear_blocks(core, &backing.blocks);
    }
    Ok(backing)
}

/// Takes a block for every part of 512 pages without a leaf table, or as many blocks as are free.
/// If the request demands large leaves, every part must get a block. If blocks are free for parts
/// over which an empty table is cached, and the request may wait, frees such tables first, with at
/// most one shootdown.
fn reserve_blocks<M: Machine>(
    core: &Core<M>,
    request: &Request,
    range: PageRange,
    wanted: &FrameRequest,
) -> Result<FrameChain, Shortage> {
    let must = request.wanted_huge() == Huge::Must;
    let whole = range.count().get() / LARGE_PAGES;
    let shortage = Shortage { requested: range.count().get(), available: core.frames_free() };
    if core.injector.fails(Reservation::Frame) {
        return Err(shortage);
    }
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    let mut blocks = core.frames.take_large(whole, wanted);
    let mut vacant = paging::large::vacant(&core.tables, machine, buddy, range).min(whole);
    let may_gain = request.may_wait() && blocks.count() > vacant * LARGE_PAGES;
    if may_gain && paging::large::has_idle_table(&core.tables, machine, buddy, range) {
        purge::free_cached_tables(core);
        vacant = paging::large::vacant(&core.tables, machine, buddy, range).min(whole);
    }
    let is_short = vacant < whole || blocks.count() < whole * LARGE_PAGES;
    let kept = if must && is_short { 0 } else { vacant };
    core.frames.put_large(blocks.split_blocks(buddy.metas(), kept));
    if must && is_short { Err(shortage) } else { Ok(blocks) }
}

fn reserve_behind_blocks<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    range: PageRange,
    blocks: &FrameChain,
    slot: u32,
    wanted: &FrameRequest,
) -> Result<FrameChain, Shortage> {
    let singles = range.count().get() - blocks.count();
    let supply = core.frames.take(cpu, singles, wanted)?;
    let larges = blocks.count() / LARGE_PAGES;
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    let reserved = reserve::with_stash(core, cpu, |stash| {
        paging::large::reserve(&core.tables, machine, buddy, range, slot, larges, stash)
    });
    match reserved {
        Ok(()) => Ok(reserve::clean(core, supply, wanted.zeroed)),
        Err(shortage) => {
            reserve::put_back(core, cpu, supply);
            Err(shortage)
        }
    }
}

fn clear_blocks<M: Machine>(core: &Core<M>, blocks: &FrameChain) {
    for block in blocks.frames(core.frames.buddy.metas()) {
        for offset in 0..LARGE_PAGES {
            raw::clear(&core.machine, core.frames.buddy.frame(block) + offset);
        }
    }
}

/// Stores the entries of a region.
pub(super) fn commit<M: Machine>(
    core: &Core<M>,
    range: PageRange,
    backing: Backing,
    mapping: Mapping,
) {
    let Backing { mut blocks, mut singles } = backing;
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    paging::large::commit(&core.tables, machine, buddy, range, &mut blocks, &mut singles, mapping);
}

/// Splits every large leaf that a range touches: replaces it by a table of small leaves with the
/// same frames and rights, and flushes every CPU. Before the flush the caller must not change a
/// small leaf, because a CPU could still use the large leaf with the old rights.
pub(super) fn split<M: Machine>(
    core: &Core<M>,
    cpu: CpuId,
    range: PageRange,
) -> Result<(), Shortage> {
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    let larges = paging::large::count(&core.tables, machine, buddy, range);
    if larges == 0 {
        return Ok(());
    }
    reserve::with_stash(core, cpu, |stash| {
        if stash.count() < larges {
            return Err(larges);
        }
        paging::large::split(&core.tables, machine, buddy, range, stash);
        Ok(())
    })?;
    flush::now(core, &Plan::full(), FlushReason::Split);
    Ok(())
}
