//! The simulated TLB and paging-structure caches of one CPU.
//!
//! Entries are dropped only by a flush. Hardware may drop entries at any time, which would hide
//! missing flushes.
//!
//! # Source
//!
//! Intel SDM volume 3, "Caching Translation Information".

use std::collections::HashMap;
use std::vec::Vec;

use super::memory::Memory;
use super::walker;
use super::walker::{Start, Translation};
use crate::page::{Frame, Page};

/// The caches of one CPU.
#[derive(Debug, Default)]
pub(super) struct Caches {
    leaves: HashMap<Page, Translation>,
    /// Cached tables of levels 3 to 1, by their level and the address bits that they cover.
    tables: HashMap<(u32, u64), Start>,
}

fn key(level: u32, page: Page) -> (u32, u64) {
    (level, page.start_address().as_u64() >> (12 + 9 * level))
}

impl Caches {
    /// Returns the translation of a page from the TLB, or walks the tables and caches the result.
    pub(super) fn fill(&mut self, memory: &Memory, page: Page) -> Option<Translation> {
        if let Some(known) = self.leaves.get(&page) {
            return Some(*known);
        }
        let root = Start { level: 4, table: memory.root(), write: true, execute: true };
        let nearest = (1..=3).find_map(|level| self.tables.get(&key(level, page)).copied());
        let tables = &mut self.tables;
        let translation = walker::walk(memory, page, nearest.unwrap_or(root), |seen| {
            tables.insert(key(seen.level, page), seen);
        })?;
        self.leaves.insert(page, translation);
        Some(translation)
    }

    /// Drops the translation of a page and all cached tables, as `invlpg` does.
    pub(super) fn drop_page(&mut self, page: Page) {
        self.drop_leaf(page);
        self.tables.clear();
    }

    /// Drops the translation of a page, but no table, as a CPU does before it reports a fault.
    pub(super) fn drop_leaf(&mut self, page: Page) {
        let Some(known) = self.leaves.remove(&page) else { return };
        if known.large {
            // Hardware has one TLB entry for a large leaf; here every used page of the leaf has an
            // entry of its own, so all of them are dropped.
            let number = |page: Page| page.start_address().as_u64() >> 21;
            self.leaves.retain(|other, known| !known.large || number(*other) != number(page));
        }
    }

    /// Drops all entries, as a load of CR3 does if no page is global.
    pub(super) fn drop_all(&mut self) {
        self.leaves.clear();
        self.tables.clear();
    }

    /// Marks the translations to a frame that was freed, so that accesses by them panic.
    pub(super) fn mark_freed(&mut self, frame: Frame) {
        for translation in self.leaves.values_mut().filter(|known| known.frame == frame) {
            translation.is_freed = true;
        }
    }

    /// Asserts that the frame of a cached translation was not freed since.
    pub(super) fn assert_current(&self, page: Page) {
        let is_freed = self.leaves.get(&page).is_some_and(|known| known.is_freed);
        assert!(!is_freed, "a CPU that was not flushed reaches a freed frame at {page:?}");
    }

    /// Returns whether the TLB translates some page to this frame.
    pub(super) fn maps(&self, frame: Frame) -> bool {
        self.leaves.values().any(|translation| translation.frame == frame)
    }

    /// Returns whether the frame is a cached table.
    pub(super) fn knows_table(&self, frame: Frame) -> bool {
        self.tables.values().any(|start| start.table == frame)
    }

    pub(super) fn translations(&self) -> Vec<(Page, Frame)> {
        self.leaves.iter().map(|(page, translation)| (*page, translation.frame)).collect()
    }
}
