//! Reads the tables without their lock.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::span::index;
use super::tables::{Tables, read};
use super::walk::Walk;
use crate::frame::Buddy;
use crate::machine::PhysicalMemory;
use crate::page::{Frame, Page};
use crate::raw;

impl Tables {
    /// The leaf table over a page and the index beside it, if they are there.
    pub(crate) fn leaf<'m, P: PhysicalMemory>(
        &self,
        memory: &'m P,
        frames: &Buddy,
        page: Page,
    ) -> Option<(&'m [AtomicU64; 512], &'m [AtomicU64; 512])> {
        let mut table = self.root;
        for level in [4, 3, 2] {
            table = Self::child(memory, table, page, level)?;
        }
        let ids = frames.frame(frames.meta(frames.index(table)?).other());
        Some((raw::words(memory, table), raw::words(memory, ids)))
    }

    /// The id in the index of a page, which may be stale; 0 where there never was one.
    pub(crate) fn id<P: PhysicalMemory>(&self, memory: &P, frames: &Buddy, page: Page) -> u64 {
        self.leaf(memory, frames, page)
            .map_or(0, |(_, ids)| ids[index(page, 1)].load(Ordering::Relaxed))
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
    pub(crate) fn child<P: PhysicalMemory>(
        memory: &P,
        table: Frame,
        page: Page,
        level: u8,
    ) -> Option<Frame> {
        let entry = read(&raw::words(memory, table)[index(page, level)]);
        entry.is_present().then(|| entry.frame())
    }

    /// The level-4 table.
    pub(crate) fn root(&self) -> Frame {
        self.root
    }

    /// The first address at or above `page` that has a leaf table, if the window has one there.
    pub(crate) fn next_made<P: PhysicalMemory>(&self, memory: &P, page: Page) -> Option<u64> {
        let mut address = page.start_address().as_u64();
        let end = self.window.end().as_u64();
        while address < end {
            let here = Page::containing_address(VirtAddr::new(address));
            let (mut table, mut gap) = (self.root, None);
            for (level, shift) in [(4, 39), (3, 30), (2, 21)] {
                match Self::child(memory, table, here, level) {
                    Some(child) => table = child,
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
