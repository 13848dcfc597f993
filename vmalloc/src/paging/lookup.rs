//! Reads the tables without their lock.

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

/// The leaf table over a page, if it is there.
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

/// The slot that the index names for a page, which may be stale; 0 if no region ever had the page.
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

/// The slots that the index names from a page to the end of its leaf table; `None` if the page has
/// no table.
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

/// The entries that an address passes. Works for every address, not only the window's.
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

/// The table that the entry for `page` in a table of `level` points to.
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

/// The first address at or above `page` that has a leaf table or a large leaf, if the window has one
/// there.
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
        // The window's end may be the end of the address space but for one page: no overflow
        // can pass it.
        address = (address & !(gap - 1)).checked_add(gap)?;
    }
    None
}

/// The large leaf over a page, if there is one.
pub(super) fn large_leaf<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    page: Page,
) -> Option<Entry> {
    let upper = child(memory, tables.root, page, 4)?;
    let middle = child(memory, upper, page, 3)?;
    Some(made_entry(memory, middle, page, 2)).filter(|entry| entry.is_large())
}

/// The slot of the region that has the large leaf over a page.
pub(super) fn large_slot<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    page: Page,
) -> Option<u32> {
    let leaf = large_leaf(tables, memory, page)?;
    Some(frames.meta(frames.index(leaf.frame())?).other().0)
}

/// The leaf table over a range that has only one and is counted there.
pub(crate) fn only_leaf<P: PhysicalMemory>(
    tables: &Tables,
    memory: &P,
    frames: &Buddy,
    range: PageRange,
) -> FrameIndex {
    let leaf = Span::only(range).and_then(|span| leaf_table(tables, memory, span.page));
    leaf.and_then(|leaf| frames.index(leaf)).unwrap_or(FrameIndex::NONE)
}
