//! Finds regions by id, by page and by address, without a lock.

use x86_64::VirtAddr;

use super::parts::Core;
use crate::error::RegionError;
use crate::id::RegionId;
use crate::machine::Machine;
use crate::page::{Frame, PAGE_BYTES, Page, PageRange};
use crate::paging::Walk;
use crate::region::{RegionInfo, RegionState};
use crate::{paging, raw};

/// Returns the description of a busy region.
pub(super) fn info<M: Machine>(core: &Core<M>, id: RegionId) -> Result<RegionInfo, RegionError> {
    core.slots().known(id)?;
    let info = core.slots().read(id).filter(|info| info.state == RegionState::Busy);
    info.ok_or(RegionError::Gone { id })
}

/// Walks the page tables and returns every entry that the translation of `address` reads. Outside
/// the window there is no entry, because only the tables of the window stay while they are walked.
pub(super) fn walk<M: Machine>(core: &Core<M>, address: VirtAddr) -> Walk {
    if core.window.holds(address) {
        walk_unchecked(core, address)
    } else {
        Walk { address, entries: [None; 4] }
    }
}

/// Walks the page tables as [`walk`] does, also for an address outside the window.
pub(super) fn walk_unchecked<M: Machine>(core: &Core<M>, address: VirtAddr) -> Walk {
    core.machine.without_interrupts(|| paging::lookup::walk(&core.tables, &core.machine, address))
}

/// Returns the frame of a page, even if the rights of the page forbid every access.
pub(super) fn frame_of<M: Machine>(core: &Core<M>, page: Page) -> Option<Frame> {
    let (level, leaf) = walk(core, page.start_address()).last()?;
    leaf.has_frame().then(|| paging::large::frame_of(leaf, level, page))
}

/// Fills pages of a region with zeros. Writes through the frames, so the rights of the pages do not
/// matter.
pub(super) fn zero_pages<M: Machine>(core: &Core<M>, pages: PageRange) {
    for page in pages.pages() {
        raw::clear(&core.machine, frame_of(core, page).expect("pages have frames"));
    }
}

/// Returns the first lazy area with a slot above `slot` for which `wanted` returns true.
pub(super) fn next_lazy<M: Machine>(
    core: &Core<M>,
    slot: u32,
    wanted: impl Fn(&RegionInfo) -> bool,
) -> Option<RegionInfo> {
    if core.lazies.iter().all(|list| list.areas() == 0) {
        return None;
    }
    // The slot may be any number, because a caller can make a listing cursor from any number.
    core.slots()
        .used_above(slot)
        .filter_map(|slot| core.slots().slot(slot).read(slot))
        .find(|info| info.state == RegionState::Lazy && wanted(info))
}

/// Returns the region that the index names for a page. The region may be lazy or may have moved, so
/// the caller must compare its range.
pub(super) fn region_of<M: Machine>(core: &Core<M>, page: Page) -> Option<RegionInfo> {
    let machine = &core.machine;
    let slot = machine.without_interrupts(|| {
        paging::lookup::slot_of(&core.tables, machine, &core.frames.buddy, page)
    });
    (slot != 0).then(|| core.slots().slot(slot).read(slot)).flatten()
}

/// Returns the first busy region that starts at or above an address.
pub(super) fn next_region<M: Machine>(core: &Core<M>, from: VirtAddr) -> Option<RegionInfo> {
    next_region_before(core, from, core.window.end())
}

/// Returns the first busy region that starts at or above an address, if it starts below `end` or
/// under the last leaf table below `end`.
///
/// # Context
///
/// Anywhere: takes no lock. A region that is allocated or freed during the search may be missed.
///
/// # Complexity
///
/// One walk for each leaf table that exists, and one look-up for each page of it.
#[must_use]
pub(super) fn next_region_before<M: Machine>(
    core: &Core<M>,
    from: VirtAddr,
    end: VirtAddr,
) -> Option<RegionInfo> {
    let from = from.max(core.window.address());
    let (machine, frames) = (&core.machine, &core.frames.buddy);
    let mut address = from.as_u64();
    while address < end.as_u64() {
        let page = Page::containing_address(VirtAddr::new(address));
        let found = machine.without_interrupts(|| {
            let mut slots = paging::lookup::slots_from(&core.tables, machine, frames, page)?;
            Some(slots.find_map(|(page, slot)| starting_at(core, page, slot, from)))
        });
        match found {
            Some(Some(info)) => return Some(info),
            Some(None) => {
                // The window may end one page below the end of the address space, so the addition
                // is checked.
                let step = (512 - u64::from(page.p1_index())) * PAGE_BYTES;
                address = page.start_address().as_u64().checked_add(step)?;
            }
            None => {
                address = machine.without_interrupts(|| {
                    paging::lookup::next_made(&core.tables, machine, frames, page)
                })?;
            }
        }
    }
    None
}

/// Returns the busy region in a slot, if it starts at `page` and not below `from`.
fn starting_at<M: Machine>(
    core: &Core<M>,
    page: Page,
    slot: u32,
    from: VirtAddr,
) -> Option<RegionInfo> {
    if slot == 0 {
        return None;
    }
    let info = core.slots().slot(slot).read(slot)?;
    let starts = info.range.start() == page && info.range.address() >= from;
    (starts && info.state == RegionState::Busy).then_some(info)
}
