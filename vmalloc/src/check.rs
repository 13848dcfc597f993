//! The audit: every structure compared with every other.
//!
//! Nothing here trusts a counter: free runs, region slots, page tables and frame records are walked
//! and must tell the same story.

use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use crate::allocator::Vmalloc;
use crate::frame::meta::STATES;
use crate::frame::{FrameIndex, FrameState};
use crate::machine::Machine;
use crate::page::{Frame, PAGE_BYTES, Page};
use crate::paging::Entry;
use crate::raw;
use crate::region::RegionState;
use crate::stats::Counters;

/// Violations that an audit keeps; further ones are only counted.
const KEPT: usize = 16;

/// Something that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub what: &'static str,
    /// Where: an address, a frame's number or a count.
    pub at: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.what, self.at)
    }
}

/// What an audit found.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    kept: [Option<Violation>; KEPT],
    count: usize,
    /// Regions that live, without the kernel's own.
    pub areas: u64,
    /// Areas that wait for a flush.
    pub areas_lazy: u64,
    /// Frames that somebody has.
    pub frames_used: u64,
    /// Frames of page tables and their indexes.
    pub table_pages: u64,
    /// The flush that was begun last.
    pub generation: u64,
}

impl Audit {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.count == 0
    }

    /// How many things are wrong.
    #[must_use]
    pub fn violation_count(&self) -> usize {
        self.count
    }

    /// The first of them.
    pub fn violations(&self) -> impl Iterator<Item = Violation> {
        self.kept.into_iter().flatten()
    }

    fn note(&mut self, what: &'static str, at: u64) {
        if let Some(place) = self.kept.get_mut(self.count) {
            *place = Some(Violation { what, at });
        }
        self.count += 1;
    }

    fn expect(&mut self, holds: bool, what: &'static str, at: u64) {
        if !holds {
            self.note(what, at);
        }
    }
}

/// What the tables were found to hold.
#[derive(Default)]
struct Found {
    pages: u64,
    tables: u64,
    indexes: u64,
}

impl<M: Machine> Vmalloc<M> {
    /// Compares free tree, region slots, page tables, frames and counters.
    ///
    /// # Context
    ///
    /// Takes each lock for a part of the time, and compares totals: nothing may be allocated or
    /// freed meanwhile, or it reports what it saw half done.
    ///
    /// # Complexity
    ///
    /// O(regions + frames + tables).
    #[must_use]
    pub fn check(&self) -> Audit {
        let stats = self.stats();
        let mut audit = Audit {
            kept: [None; KEPT],
            count: 0,
            areas: stats.areas,
            areas_lazy: stats.areas_lazy,
            frames_used: stats.frames_used(),
            table_pages: stats.table_pages,
            generation: stats.generation,
        };
        self.check_areas(&mut audit);
        let found = self.check_tables(&mut audit);
        self.check_frames(&mut audit, &found);
        audit
    }

    /// Free runs and regions tile the window, each region with its guard.
    fn check_areas(&self, audit: &mut Audit) {
        let areas = self.areas.lock();
        if let Err(what) = areas.audit() {
            audit.note(what, 0);
        }
        let (start, end) = (self.window.address().as_u64(), self.window.end().as_u64());
        let (mut here, mut clients, mut system) = (start, 0, 0);
        while here < end {
            let run = areas.next_from(here / PAGE_BYTES);
            if let Some((_, length)) = run.filter(|(start, _)| start * PAGE_BYTES == here) {
                here += length * PAGE_BYTES;
                continue;
            }
            let page = Page::containing_address(VirtAddr::new(here));
            let info = self.region_of(page).filter(|info| info.range.start() == page);
            let Some(info) = info else {
                audit.note("addresses are neither free nor a region's", here);
                return;
            };
            if info.state == RegionState::Lazy {
                audit.note("a lazy area at rest", here);
            }
            (clients, system) =
                (clients + u64::from(!info.system), system + u64::from(info.system));
            here = info.with_guard().end().as_u64();
        }
        audit.expect(here == end, "the last area leaves the window", here);
        audit.expect(clients == audit.areas, "the number of regions is wrong", clients);
        drop(areas);
        match self.slots.audit() {
            Ok(living) => {
                audit.expect(living == clients + system, "a region has no addresses", living);
            }
            Err(what) => audit.note(what, 0),
        }
        let counted = Counters::get(&self.counters.areas_system);
        audit.expect(system == counted, "the number of the kernel's regions is wrong", system);
    }

    /// Every leaf belongs to a busy region, every page of a region has a leaf, every count is what
    /// hangs below.
    fn check_tables(&self, audit: &mut Audit) -> Found {
        let mut found = Found::default();
        let mut page = Some(self.window.start());
        while let Some(here) = page {
            let upper = crate::paging::Tables::child(&self.machine, self.tables.root(), here, 4);
            match upper {
                Some(upper) => {
                    self.check_table(audit, &mut found, upper, 3, here);
                }
                None => audit.note("an upper table of the window is gone", entry_address(here)),
            }
            let next = (entry_address(here) | ((1 << 39) - 1)).wrapping_add(1);
            let inside = next != 0 && next < self.window.end().as_u64();
            page = inside.then(|| Page::containing_address(VirtAddr::new_truncate(next)));
        }
        let mapped = Counters::get(&self.counters.pages_mapped);
        audit.expect(found.pages == mapped, "the number of mapped pages is wrong", found.pages);
        let made = self.tables.made();
        audit.expect(found.tables == made.tables, "the number of tables is wrong", found.tables);
        audit.expect(
            found.indexes == made.indexes,
            "the number of indexes is wrong",
            found.indexes,
        );
        found
    }

    /// Checks one table of `level` that lies over `page`, and all below it.
    fn check_table(
        &self,
        audit: &mut Audit,
        found: &mut Found,
        table: Frame,
        level: u8,
        page: Page,
    ) {
        let at = entry_address(page);
        let Some(meta) = self.frames.index(table).map(|index| self.frames.meta(index)) else {
            audit.note("a table is not a managed frame", at);
            return;
        };
        audit.expect(meta.state() == FrameState::Table, "a table's frame is in another state", at);
        audit.expect(meta.mark(), "a frame is used twice", table.start_address().as_u64());
        found.tables += 1;
        if level == 1 {
            let index = self.frames.metas().get(meta.other().at());
            match index.filter(|index| index.state() == FrameState::Index) {
                Some(index) => audit.expect(index.mark(), "a frame is used twice", at),
                None => audit.note("a leaf table has no index", at),
            }
            found.indexes += 1;
        }
        let mut used = 0;
        let covers = 1u64 << (12 + 9 * (u32::from(level) - 1));
        // A table may begin before the window where the window does not fill it.
        let base = at & !((covers << 9) - 1);
        for (index, word) in raw::words(&self.machine, table).iter().enumerate() {
            let entry = Entry::from_raw(word.load(core::sync::atomic::Ordering::Acquire));
            let address = VirtAddr::new_truncate(base + index as u64 * covers);
            if !entry.is_present() {
                audit.expect(entry.raw() == 0, "an absent entry is not empty", address.as_u64());
                continue;
            }
            used += 1;
            let below = Page::containing_address(address);
            if level > 1 {
                let flags = entry.flags().difference(PageTableFlags::ACCESSED);
                let plain = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
                audit.expect(flags == plain, "a table's entry has other rights", address.as_u64());
                self.check_table(audit, found, entry.frame(), level - 1, below);
            } else {
                found.pages += 1;
                self.check_leaf(audit, entry, below);
            }
        }
        // A leaf table at rest counts the pages that are mapped below it.
        audit.expect(meta.count() == used, "a table's count is wrong", at);
        audit.expect(level == 3 || used > 0, "an empty table is linked", at);
    }

    fn check_leaf(&self, audit: &mut Audit, entry: Entry, page: Page) {
        let at = entry_address(page);
        let info = self.region_of(page).filter(|info| info.range.holds(page.start_address()));
        match info.filter(|info| info.state == RegionState::Busy) {
            Some(info) => {
                let rights = Entry::rights(info.protection);
                let status = PageTableFlags::ACCESSED | PageTableFlags::DIRTY;
                let flags = entry.flags().difference(status).bits();
                audit.expect(flags == rights, "a page has other rights than its region", at);
            }
            None => audit.note("a page is mapped that belongs to no busy region", at),
        }
        let global = entry.flags().contains(PageTableFlags::GLOBAL);
        audit.expect(!global, "a page is global", at);
        audit.expect(!entry.is_writable_and_executable(), "a page is writable and executable", at);
        let meta = self.frames.index(entry.frame()).map(|index| self.frames.meta(index));
        match meta {
            Some(meta) => {
                audit.expect(meta.state() == FrameState::Mapped, "a mapped frame is not ours", at);
                audit.expect(meta.mark(), "a frame is used twice", at);
            }
            None => audit.note("a page maps a frame that is not managed", at),
        }
    }

    /// Every frame is in one state, and the states add up to what was handed over.
    fn check_frames(&self, audit: &mut Audit, found: &Found) {
        if let Err((FrameIndex(at), what)) = self.frames.audit() {
            audit.note(what, u64::from(at));
        }
        let mut sums = [0u64; STATES.len()];
        for meta in self.frames.metas() {
            sums[meta.state() as usize] += 1;
            meta.unmark();
        }
        let [boot, free, in_flight, mapped, lazy, tables, indexes, slabs, heap] = sums;
        audit.expect(free == self.frames.free_count(), "the number of free frames is wrong", free);
        audit.expect(in_flight == 0, "frames are on their way at rest", in_flight);
        audit.expect(mapped == found.pages, "mapped frames have no page", mapped);
        audit.expect(lazy == 0, "lazy frames at rest", lazy);
        audit.expect(tables == found.tables, "table frames are in no tree", tables);
        audit.expect(indexes == found.indexes, "index frames are in no tree", indexes);
        audit.expect(slabs == self.frames_slabs, "the number of record frames is wrong", slabs);
        let heap_counted = Counters::get(&self.counters.frames_heap);
        audit.expect(heap == heap_counted, "the number of heap frames is wrong", heap);
        let all: u64 = sums.iter().sum();
        audit.expect(all - boot == self.frames_total, "frames were lost", all - boot);
    }
}

fn entry_address(page: Page) -> u64 {
    page.start_address().as_u64()
}
