//! Reads the tables without their lock.

use core::sync::atomic::Ordering;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::span::index;
use super::tables::{Tables, made_entry, meta, read};
use super::walk::Walk;
use crate::frame::Owners;
use crate::frame::buddy::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page};
use crate::raw;

impl Tables {
    /// The leaf table over a page, if it is there.
    #[inline]
    pub(crate) fn leaf_table<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Option<Frame> {
        let mut table = self.root;
        for level in [4, 3, 2] {
            table = Self::child(memory, table, page, level)?;
        }
        Some(table)
    }

    /// The slot that the index names for a page, which may be stale; 0 where there never was one.
    pub(crate) fn slot_of<P: PhysicalMemory>(&self, memory: &P, frames: &Buddy, page: Page) -> u32 {
        let Some(table) = self.leaf_table(memory, page) else {
            return self.large_slot(memory, frames, page).unwrap_or(0);
        };
        match meta(frames, table).owners() {
            Owners::Sole(slot) => slot,
            Owners::Index(ids) => {
                let ids = raw::numbers(memory, frames.frame(ids));
                ids[index(page, 1)].load(Ordering::Relaxed)
            }
        }
    }

    /// The slots that the index names from a page to the end of its leaf table; none where there
    /// is no table.
    pub(crate) fn slots_from<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        page: Page,
    ) -> Option<impl Iterator<Item = (Page, u32)> + use<'m, P>> {
        let (sole, ids) = match self.leaf_table(memory, page) {
            None => (self.large_slot(memory, frames, page)?, None),
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
    pub(crate) fn walk<P: PhysicalMemory>(&self, memory: &P, address: VirtAddr) -> Walk {
        let page = Page::containing_address(address);
        let mut entries = [None; 4];
        let mut table = self.root;
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

    /// The level-4 table.
    pub(crate) fn root(&self) -> Frame {
        self.root
    }

    /// The first address at or above `page` that has a leaf table or a large leaf, if the window has one
    /// there.
    pub(crate) fn next_made<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Option<u64> {
        let mut address = page.start_address().as_u64();
        let end = self.window.end().as_u64();
        while address < end {
            let here = Page::containing_address(VirtAddr::new(address));
            let (mut table, mut gap) = (self.root, None);
            for (level, shift) in [(4, 39), (3, 30), (2, 21)] {
                match Self::child(memory, table, here, level) {
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
}
