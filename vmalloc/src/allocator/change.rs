//! The data and the common steps of a resize.

use super::limits::Need;
use super::parts::Core;
use super::{limits, reserve};
use crate::error::AllocateError;
use crate::frame::{FrameChain, FrameRequest};
use crate::machine::{CpuId, Machine};
use crate::page::{Page, PageCount, PageRange};
use crate::paging::{Entry, Mapping};
use crate::region::extent::Traits;
use crate::region::slot::Slot;
use crate::request::NodeChoice;

/// A claimed region and its new size.
pub(super) struct Change<'s> {
    pub(super) cpu: CpuId,
    pub(super) slot: u32,
    pub(super) record: &'s Slot,
    pub(super) old: PageRange,
    /// The new number of pages.
    pub(super) pages: PageCount,
    /// The new size and, in `requested`, the old size, both in bytes.
    pub(super) bytes: u64,
    pub(super) requested: u64,
    pub(super) traits: Traits,
    /// The nodes whose frames the region may have.
    pub(super) nodes: NodeChoice,
}

/// Returns the pages of a range after the first `kept` pages.
pub(super) fn added(range: PageRange, kept: PageCount) -> PageRange {
    let more = range.count().get() - kept.get();
    PageRange::within(range, kept, PageCount::from_pages(more).unwrap_or(PageCount::ZERO))
}

pub(super) fn mapping(change: &Change<'_>) -> Mapping {
    Mapping { rights: Entry::rights(change.traits.protection), slot: change.slot }
}

/// Publishes the region with its new pages. It stays in the stage of a region that is being
/// changed.
pub(super) fn rebuild<M: Machine>(core: &Core<M>, change: &Change<'_>, range: PageRange) {
    let leaf = core.only_leaf(range);
    change.record.rebuild(change.bytes, range, change.traits, leaf);
}

/// Returns the addresses that growth in place adds, behind the guard page. `None` if there are no
/// such addresses.
pub(super) fn place_behind(change: &Change<'_>) -> Option<PageRange> {
    let more = change.pages.get() - change.old.count().get();
    let start = Page::from_start_address(change.old.end()).ok()?;
    let all = PageRange::try_new(start, PageCount::from_pages(more + 1)?)?;
    Some(added(all, PageCount::ONE))
}

/// Returns the need of a growth that does not depend on addresses. `again` is the number of pages
/// that get other frames while they keep the old ones.
pub(super) fn need<M: Machine>(core: &Core<M>, change: &Change<'_>, again: u64) -> Need {
    let old = change.old.count().get();
    Need {
        bytes: change.bytes,
        frames: change.pages.get() - old + again,
        frames_held: old,
        tables: if change.traits.large { 0 } else { limits::tables_over(change.pages) },
        only: change.nodes.only(),
        reserve: core.frames_reserve,
        ..Need::SLOT
    }
}

/// Returns the frame request for pages that are added to a region, or that get other frames.
pub(super) fn frames_for<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    zeroed: bool,
) -> FrameRequest {
    let frames = reserve::frames_of(core, change.cpu, change.nodes);
    FrameRequest { zeroed, reserve: core.frames_reserve, ..frames }
}

/// Reserves frames and tables for pages that are added to a region.
pub(super) fn reserve_more<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    added: PageRange,
    zeroed: bool,
) -> Result<FrameChain, AllocateError> {
    let Change { cpu, slot, .. } = *change;
    let wanted = frames_for(core, change, zeroed);
    let supply = reserve::reserve_frames(core, cpu, added.count().get(), &wanted)
        .map_err(reserve::exhausted)?;
    match reserve::reserve_tables(core, cpu, added, slot) {
        Ok(_) => Ok(reserve::clean(core, supply, zeroed)),
        Err(shortage) => {
            reserve::put_back(core, cpu, supply);
            Err(reserve::exhausted(shortage))
        }
    }
}
