//! Finds tables, leaves and slots of a page without the lock of the tables.

use core::sync::atomic::Ordering;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::record::{Owners, PlaceState, TableRecord};
use super::records::PART_PLACES;
use super::span::{Span, index};
use super::tables::{Tables, read, word};
use super::walk::Walk;
use crate::frame::FrameIndex;
use crate::frame::buddy::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;

/// Returns the record of a place that has a leaf table or a large leaf.
fn used<'m, P: PhysicalMemory>(
    tables: &Tables,
    memory: &'m P,
    frames: &Buddy,
    page: Page,
) -> Option<&'m TableRecord> {
    let record = tables.record(memory, frames, page)?;
    let is_used = matches!(record.state(), PlaceState::Linked | PlaceState::Large);
    is_used.then_some(record)
}

/// Returns the leaf table over a page, or `None` if no leaf table is linked there.
pub(crate) fn leaf_table<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> Option<Frame> {
    let record = tables.record(memory, frames, page)?;
    (record.state() == PlaceState::Linked).then(|| frames.frame(record.table()))
}

/// Returns the leaf table over a mapped range if it is the only one, or else [`FrameIndex::NONE`].
pub(crate) fn only_leaf<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> FrameIndex {
    let record = Span::only(range).and_then(|span| used(tables, memory, frames, span.page));
    let linked = record.filter(|record| record.state() == PlaceState::Linked);
    linked.map_or(FrameIndex::NONE, TableRecord::table)
}

/// Returns whether a page lies below a leaf of 2 MiB.
pub(crate) fn has_large<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> bool {
    let record = tables.record(memory, frames, page);
    record.is_some_and(|record| record.state() == PlaceState::Large)
}

/// Returns the slot of the region that `page` was mapped for last, or 0 if it was never mapped. The
/// slot may be stale, so the caller must compare its range.
pub(crate) fn slot_of<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> u32 {
    match used(tables, memory, frames, page).map(TableRecord::owners) {
        None => 0,
        Some(Owners::Sole(slot)) => slot,
        Some(Owners::Index(ids)) => {
            let ids = raw::numbers(memory, frames.frame(ids));
            ids[index(page, 1)].load(Ordering::Relaxed)
        }
    }
}

/// Returns the slots that [`slot_of`] would return for `page` and the following pages up to the end
/// of the leaf table. Returns `None` if the page has no leaf table and no large leaf.
pub(crate) fn slots_from<'m, P: PhysicalMemory>(
    tables: &Tables,
    memory: &'m P,
    frames: &Buddy,
    page: Page,
) -> Option<impl Iterator<Item = (Page, u32)> + use<'m, P>> {
    let (sole, ids) = match used(tables, memory, frames, page)?.owners() {
        Owners::Sole(slot) => (slot, None),
        Owners::Index(ids) => (0, Some(raw::numbers(memory, frames.frame(ids)))),
    };
    let first = index(page, 1);
    Some((first..512).map(move |at| {
        let slot = ids.map_or(sole, |ids| ids[at].load(Ordering::Relaxed));
        (page + (at - first) as u64, slot)
    }))
}

/// Returns the entries that the translation of `address` reads. The caller keeps the tables that the
/// walk reads from being freed.
pub(crate) fn walk<P: PhysicalMemory>(tables: &Tables, memory: &P, address: VirtAddr) -> Walk {
    let page = Page::containing_address(address);
    let mut entries = [None; 4];
    let mut table = tables.root;
    for (at, level) in [4, 3, 2, 1].into_iter().enumerate() {
        let entry = read(word(memory, table, page, level));
        entries[at] = Some(entry);
        if !entry.is_present() || entry.flags().contains(PageTableFlags::HUGE_PAGE) {
            break;
        }
        table = entry.frame();
    }
    Walk { address, entries }
}

/// Returns the first address at or above `page` that has a leaf table or a large leaf. Returns
/// `None` if there is none up to the end of the window.
pub(crate) fn next_made<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> Option<u64> {
    let records = &tables.records;
    let mut place = records.place(page);
    while place < records.places() {
        if records.part(place).is_none() {
            place = (place / PART_PLACES + 1) * PART_PLACES;
            continue;
        }
        let here = page.max(records.page(place));
        if used(tables, memory, frames, here).is_some() {
            return Some(here.start_address().as_u64());
        }
        place += 1;
    }
    None
}
