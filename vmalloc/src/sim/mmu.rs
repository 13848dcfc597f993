//! The TLB and the paging-structure caches of one CPU.
//!
//! They drop entries only on request. Hardware may drop entries at any time, which hides bugs.
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
    /// Tables of level 3 to 1, by level and the address bits above them.
    tables: HashMap<(u32, u64), Start>,
}

fn key(level: u32, page: Page) -> (u32, u64) {
    (level, page.start_address().as_u64() >> (12 + 9 * level))
}

impl Caches {
    /// The translation of a page: remembered, or made by a walk and remembered.
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

    /// Forgets a page's translation, and all upper entries, as `invlpg` does.
    pub(super) fn drop_page(&mut self, page: Page) {
        self.drop_leaf(page);
        self.tables.clear();
    }

    /// Forgets the translation of a page, and no table: as a CPU does before it reports a fault.
    pub(super) fn drop_leaf(&mut self, page: Page) {
        let Some(known) = self.leaves.remove(&page) else { return };
        if known.large {
            // One entry of the hardware, of which each page was remembered when it was used.
            let number = |page: Page| page.start_address().as_u64() >> 21;
            self.leaves.retain(|other, known| !known.large || number(*other) != number(page));
        }
    }

    /// Forgets everything, as loading CR3 does where no page is global.
    pub(super) fn drop_all(&mut self) {
        self.leaves.clear();
        self.tables.clear();
    }

    /// Whether a page is remembered on this frame.
    pub(super) fn maps(&self, frame: Frame) -> bool {
        self.leaves.values().any(|translation| translation.frame == frame)
    }

    /// Whether the frame is remembered as a table.
    pub(super) fn knows_table(&self, frame: Frame) -> bool {
        self.tables.values().any(|start| start.table == frame)
    }

    pub(super) fn translations(&self) -> Vec<(Page, Frame)> {
        self.leaves.iter().map(|(page, translation)| (*page, translation.frame)).collect()
    }
}
