//! Finds tables, leaves and slots of a page without the lock of the tables.

use core::sync::atomic::Ordering;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::entry::Entry;
use super::span::{Span, index};
use super::tables::{Tables, made_entry, meta, read};
use super::walk::Walk;
use crate::frame::buddy::Buddy;
use crate::frame::{FrameIndex, Owners};
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page, PageRange};
use crate::raw;

/// Returns the leaf table over a page, or `None` if no leaf table is linked there.
#[inline]
pub(crate) fn leaf_table<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    page: Page,
) -> Option<Frame> {
    let mut table = tables.root;
    for level in [4, 3, 2] {
        table = child(memory, table, page, level)?;
    }
    Some(table)
}

/// Returns the slot of the region that `page` was mapped for last, or 0 if it was never mapped. The
/// slot may be stale, so the caller must compare its range.
pub(crate) fn slot_of<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> u32 {
    let Some(table) = leaf_table(tables, memory, page) else {
        return large_slot(tables, memory, frames, page).unwrap_or(0);
    };
    match meta(frames, table).owners() {
        Owners::Sole(slot) => slot,
        Owners::Index(ids) => {
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
    let (sole, ids) = match leaf_table(tables, memory, page) {
        None => (large_slot(tables, memory, frames, page)?, None),
        Some(table) => match meta(frames, table).owners() {
            Owners::Sole(slot) => (slot, None),
            Owners::Index(ids) => (0, Some(raw::numbers(memory, frames.frame(ids)))),
        },
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
        let entry = read(&raw::words(memory, table)[index(page, level)]);
        entries[at] = Some(entry);
        if !entry.is_present() || entry.flags().contains(PageTableFlags::HUGE_PAGE) {
            break;
        }
        table = entry.frame();
    }
    Walk { address, entries }
}

/// Returns the table that the entry for `page` in `table`, a table of `level`, points to.
#[inline]
pub(crate) fn child<P: PhysicalMemory>(
    memory: &P,
    table: Frame,
    page: Page,
    level: u8,
) -> Option<Frame> {
    let entry = read(&raw::words(memory, table)[index(page, level)]);
    (entry.is_present() && !entry.is_large()).then(|| entry.frame())
}

/// Returns the first address at or above `page` that has a leaf table or a large leaf. Returns
/// `None` if there is none up to the end of the window.
pub(crate) fn next_made<P: PhysicalMemory>(tables: &Tables, memory: &P, page: Page) -> Option<u64> {
    let mut address = page.start_address().as_u64();
    let end = tables.window.end().as_u64();
    while address < end {
        let here = Page::containing_address(VirtAddr::new(address));
        let (mut table, mut gap) = (tables.root, None);
        for (level, shift) in [(4, 39), (3, 30), (2, 21)] {
            match child(memory, table, here, level) {
                Some(child) => table = child,
                None if level == 2 && made_entry(memory, table, here, 2).is_large() => {}
                None => {
                    gap = Some(1u64 << shift);
                    break;
                }
            }
        }
        let Some(gap) = gap else { return Some(address) };
        // The window may end one page below the end of the address space. Then this addition may
        // overflow, which means that no table follows.
        address = (address & !(gap - 1)).checked_add(gap)?;
    }
    None
}

/// Returns the large leaf over a page, if there is one.
pub(super) fn large_leaf<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    page: Page,
) -> Option<Entry> {
    let upper = child(memory, tables.root, page, 4)?;
    let middle = child(memory, upper, page, 3)?;
    Some(made_entry(memory, middle, page, 2)).filter(|entry| entry.is_large())
}

/// Returns the slot of the region that the large leaf over a page belongs to.
pub(super) fn large_slot<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> Option<u32> {
    let leaf = large_leaf(tables, memory, page)?;
    Some(frames.meta(frames.index(leaf.frame())?).other().0)
}

/// Returns the leaf table over a mapped range if it is the only one, or else [`FrameIndex::NONE`].
pub(crate) fn only_leaf<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> FrameIndex {
    let leaf = Span::only(range).and_then(|span| leaf_table(tables, memory, span.page));
    leaf.and_then(|leaf| frames.index(leaf)).unwrap_or(FrameIndex::NONE)
}
