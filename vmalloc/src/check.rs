//! The audit: every structure compared with every other.
//!
//! Nothing here trusts a counter: free runs, region slots, page tables and frame records are walked
//! and must tell the same story.

#[cfg(test)]
mod tests;

use core::fmt;

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use crate::allocator::Vmalloc;
use crate::frame::meta::{FrameMeta, STATES};
use crate::frame::{FrameIndex, FrameState, LazyFrames, Owners};
use crate::machine::Machine;
use crate::page::{Frame, LARGE_PAGES, PAGE_BYTES, Page};
use crate::paging::{self, Entry, Tables};
use crate::raw;
use crate::region::{RegionInfo, RegionState};
use crate::stats::{Counters, Stats};

/// Violations that an audit keeps; further ones are only counted.
const KEPT: usize = 16;

/// Something that must not be, and where.
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

/// What an audit found: the first violations, how many there are, and the totals that it compared.
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

    /// The first of them, at most 16.
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
    /// Those of `pages` that large leaves map.
    large: u64,
    /// Leaf tables that count nothing.
    empty: u64,
    /// Whether something lazy may have left a table empty that goes with it.
    is_lazy: bool,
    /// What all leaf tables count.
    counted: u64,
}

/// A set of runs, as sums by which two sets are compared without being kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Runs {
    pages: u64,
    /// The sum of all page numbers, counted from the window's start, and of their squares.
    numbers: u128,
    squares: u128,
}

impl Runs {
    /// Adds a run; `start` is counted from the window's start, so below 2^36.
    fn add(&mut self, start: u64, length: u64) {
        let below = |end: u64| {
            let end = u128::from(end);
            let numbers = end * end.saturating_sub(1) / 2;
            (numbers, numbers * (2 * end).saturating_sub(1) / 3)
        };
        let (from, to) = (below(start), below(start + length));
        self.pages += length;
        self.numbers += to.0 - from.0;
        self.squares += to.1 - from.1;
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Compares free addresses, region slots, page tables, frames and counters, each found anew.
    ///
    /// Among what it proves: free runs, areas at rest, lazy areas and regions with their guards tile the
    /// window; every leaf belongs to a busy region, with that region's rights, and none is global or both
    /// writable and executable; every frame is in one place; all of them add up to what was handed over.
    ///
    /// # Context
    ///
    /// Takes each lock for a part of the time, waits for its turn and holds off purges: for threads with
    /// interrupts on. Totals are compared, so nothing may be allocated or freed meanwhile, or it reports
    /// what it saw half done.
    ///
    /// # Complexity
    ///
    /// O(regions + frames + tables), with the slots that no region has.
    #[must_use]
    pub fn check(&self) -> Audit {
        let turn = self.tlb.take_turn(&self.machine);
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
        self.check_areas(&mut audit, &stats);
        self.check_tables(&mut audit, &stats);
        self.check_frames(&mut audit);
        if let Err(what) = self.tlb.audit() {
            audit.note(what, stats.generation);
        }
        drop(turn);
        audit
    }

    /// Free runs, areas at rest, lazy areas and regions tile the window, each with its guard.
    fn check_areas(&self, audit: &mut Audit, stats: &Stats) {
        let window = self.window.address().as_u64() / PAGE_BYTES;
        let end = window + self.window.count().get();
        // What is neither a free run of the tree nor a region's must be lazy or at rest in a pool.
        let mut rest = Runs::default();
        let mut here = window;
        let (mut clients, mut system) = (0, 0);
        let mut region = self.next_region(self.window.address());
        let walked = self.areas.audit(|start, length, frames| {
            if frames.is_some() {
                return;
            }
            self.check_up_to(audit, &mut rest, &mut here, &mut region, start, |is_system| {
                *(if is_system { &mut system } else { &mut clients }) += 1;
            });
            here = start + length;
        });
        self.check_up_to(audit, &mut rest, &mut here, &mut region, end, |is_system| {
            *(if is_system { &mut system } else { &mut clients }) += 1;
        });
        if let Err(what) = walked {
            audit.note(what, 0);
        }
        let (mut resting, mut pooled) = (Runs::default(), 0);
        let _ = self.areas.audit(|start, length, frames| {
            if frames.is_some() {
                resting.add(start - window, length);
                pooled += 1;
            }
        });
        let mut lazy = 0;
        for slot in 1..=self.region_limit() {
            let info = self.slots().slot(slot).read(slot);
            if info.is_some_and(|info| info.state == RegionState::Lazy) {
                let (start, length) = self.slots().slot(slot).addresses();
                resting.add(start - window, length);
                lazy += 1;
            }
        }
        audit.expect(rest == resting, "addresses are lost or in two places", rest.pages);
        audit.expect(lazy == stats.areas_lazy, "the number of lazy areas is wrong", lazy);
        audit.expect(clients == stats.areas, "the number of regions is wrong", clients);
        audit.expect(
            system == stats.areas_system,
            "the number of the kernel's regions is wrong",
            system,
        );
        match self.slots().audit(pooled) {
            Ok(living) => {
                let all = clients + system + lazy;
                audit.expect(living == all, "a region has no addresses", living);
            }
            Err(what) => audit.note(what, 0),
        }
    }

    /// Walks the regions in front of page `to`; the gaps between them are added to `rest`.
    fn check_up_to(
        &self,
        audit: &mut Audit,
        rest: &mut Runs,
        here: &mut u64,
        region: &mut Option<RegionInfo>,
        to: u64,
        mut count: impl FnMut(bool),
    ) {
        let window = self.window.address().as_u64() / PAGE_BYTES;
        while let Some(info) = *region {
            let area = info.with_guard();
            let start = area.address().as_u64() / PAGE_BYTES;
            if start >= to {
                break;
            }
            if start < *here {
                audit.note("two areas overlap", start * PAGE_BYTES);
            } else {
                rest.add(*here - window, start - *here);
            }
            *here = start + area.count().get();
            count(info.system);
            *region = self.next_region(area.end());
        }
        if to < *here {
            audit.note("an area is free and a region's", to * PAGE_BYTES);
            return;
        }
        rest.add(*here - window, to - *here);
    }

    /// Every leaf belongs to a busy region, every page of a region has a leaf, every count is what
    /// hangs below.
    fn check_tables(&self, audit: &mut Audit, stats: &Stats) {
        let mut found = Found { is_lazy: stats.areas_lazy > 0, ..Found::default() };
        let mut page = Some(self.window.start());
        while let Some(here) = page {
            let upper = Tables::child(&self.machine, self.tables.root(), here, 4);
            match upper {
                Some(upper) => {
                    self.check_table(audit, &mut found, (upper, 3), here, true);
                }
                None => audit.note("an upper table of the window is gone", entry_address(here)),
            }
            let next = (entry_address(here) | ((1 << 39) - 1)).wrapping_add(1);
            let inside = next != 0 && next < self.window.end().as_u64();
            page = inside.then(|| Page::containing_address(VirtAddr::new_truncate(next)));
        }
        let Found { pages, tables, indexes, empty, .. } = found;
        audit.expect(pages == stats.pages_mapped, "the number of mapped pages is wrong", pages);
        let made = self.tables.made();
        audit.expect(tables == made.tables, "the number of tables is wrong", tables);
        audit.expect(indexes == made.indexes, "the number of indexes is wrong", indexes);
        audit.expect(empty == made.cached, "an empty table is linked", empty);
        let lazy = self.lazy_pages_counted();
        self.check_noted_leaves(audit);
        let small = pages - found.large;
        audit.expect(found.counted == small + lazy, "the tables' counts are wrong", found.counted);
    }

    /// The leaf table that a region notes is the one that its pages are counted in.
    fn check_noted_leaves(&self, audit: &mut Audit) {
        for slot in 1..=self.region_limit() {
            let record = self.slots().slot(slot);
            let leaf = record.leaf();
            let is_counted = record.read(slot).is_some() && !record.is_detached();
            if is_counted && leaf != FrameIndex::NONE {
                let is_right = leaf == self.only_leaf(record.range());
                audit.expect(is_right, "a region notes another leaf table", slot.into());
            }
        }
    }

    /// Pages that are lazy and that leaf tables still count.
    fn lazy_pages_counted(&self) -> u64 {
        let mut pages = 0;
        for slot in 1..=self.region_limit() {
            let record = self.slots().slot(slot);
            let is_lazy = record.read(slot).is_some_and(|info| info.state == RegionState::Lazy);
            if is_lazy && !record.is_detached() {
                let spans = paging::span::spans(record.range());
                let there =
                    spans.filter(|span| self.tables.leaf_table(&self.machine, span.page).is_some());
                pages += there.map(|span| span.count as u64).sum::<u64>();
            }
        }
        pages
    }

    /// Checks one table of a level that lies over `page`, and all below it. One that is not linked
    /// any more waits for a flush, for the next one where a CPU has not answered.
    fn check_table(
        &self,
        audit: &mut Audit,
        found: &mut Found,
        (table, level): (Frame, u8),
        page: Page,
        is_linked: bool,
    ) {
        let at = entry_address(page);
        let frames = &self.frames.buddy;
        let Some(meta) = frames.index(table).map(|index| frames.meta(index)) else {
            audit.note("a table is not a managed frame", at);
            return;
        };
        audit.expect(meta.state() == FrameState::Table, "a table's frame is in another state", at);
        audit.expect(meta.mark(), "a frame is used twice", table.start_address().as_u64());
        found.tables += 1;
        if level == 1 {
            self.check_owners(audit, found, meta, at);
        }
        let mut used = 0;
        let covers = 1u64 << (12 + 9 * (u32::from(level) - 1));
        // A table may begin before the window where the window does not fill it.
        let base = at & !((covers << 9) - 1);
        for (index, word) in raw::words(&self.machine, table).iter().enumerate() {
            let entry = Entry::from_raw(word.load(core::sync::atomic::Ordering::Acquire));
            let address = VirtAddr::new_truncate(base + index as u64 * covers);
            let below = Page::containing_address(address);
            if level > 1 && entry.is_unlinked() {
                self.check_table(audit, found, (entry.frame(), level - 1), below, false);
                continue;
            }
            if !entry.has_frame() {
                audit.expect(entry.raw() == 0, "an absent entry is not empty", address.as_u64());
                continue;
            }
            used += 1;
            if level == 2 && entry.is_large() {
                found.pages += LARGE_PAGES;
                found.large += LARGE_PAGES;
                self.check_large(audit, entry, below);
            } else if level > 1 {
                let flags = entry.flags().difference(PageTableFlags::ACCESSED);
                let plain = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
                audit.expect(flags == plain, "a table's entry has other rights", address.as_u64());
                self.check_table(audit, found, (entry.frame(), level - 1), below, true);
            } else {
                found.pages += 1;
                self.check_leaf(audit, entry, below);
            }
        }
        if level == 1 {
            // What is lazy is counted too: the sum is compared at the end.
            audit.expect(meta.count() >= used, "a table's count is too small", at);
            found.counted += meta.count() as u64;
            found.empty += u64::from(is_linked && meta.count() == 0);
        } else {
            audit.expect(meta.count() == used, "a table's count is wrong", at);
            let may_be_empty = level == 3 || !is_linked || found.is_lazy;
            audit.expect(may_be_empty || used > 0, "an empty table is linked", at);
        }
    }

    fn check_owners(&self, audit: &mut Audit, found: &mut Found, meta: &FrameMeta, at: u64) {
        let Owners::Index(ids) = meta.owners() else { return };
        let index = self.frames.buddy.metas().get(ids.at());
        match index.filter(|index| index.state() == FrameState::Index) {
            Some(index) => audit.expect(index.mark(), "a frame is used twice", at),
            None => audit.note("a leaf table's index is not one", at),
        }
        found.indexes += 1;
    }

    fn check_leaf(&self, audit: &mut Audit, entry: Entry, page: Page) {
        let at = entry_address(page);
        let info = self.region_of(page).filter(|info| info.range.holds(page.start_address()));
        let Some(info) = info.filter(|info| info.state == RegionState::Busy) else {
            audit.note("a page is mapped that belongs to no busy region", at);
            return;
        };
        let rights = Entry::rights(info.protection);
        audit.expect(entry.has_rights(rights), "a page has other rights than its region", at);
        let global = entry.flags().contains(PageTableFlags::GLOBAL);
        audit.expect(!global, "a page is global", at);
        audit.expect(
            !entry.is_present() || !entry.is_writable_and_executable(),
            "a page is writable and executable",
            at,
        );
        if !info.is_mapped {
            self.check_taken(audit, self.frames.buddy.index(entry.frame()), at);
        }
    }

    /// A large leaf belongs to a busy region as a whole, and so do its 512 frames.
    fn check_large(&self, audit: &mut Audit, entry: Entry, page: Page) {
        let at = entry_address(page);
        let last = page + (LARGE_PAGES - 1);
        let info = self.region_of(page).filter(|info| info.state == RegionState::Busy);
        let holds = |info: &RegionInfo| {
            info.range.holds(page.start_address()) && info.range.holds(last.start_address())
        };
        let Some(info) = info.filter(holds) else {
            audit.note("a large page is mapped that belongs to no busy region", at);
            return;
        };
        let rights = Entry::rights(info.protection);
        audit.expect(entry.has_rights(rights), "a page has other rights than its region", at);
        self.check_block(audit, self.frames.buddy.index(entry.frame()), at);
    }

    fn check_block(&self, audit: &mut Audit, first: Option<FrameIndex>, at: u64) {
        let Some(first) = first else {
            audit.note("a frame is not managed", at);
            return;
        };
        let meta = self.frames.buddy.meta(first);
        audit.expect(meta.state() == FrameState::Large, "a large block has another state", at);
        audit.expect(meta.mark(), "a frame is used twice", at);
        for offset in 1..512 {
            self.check_taken(audit, Some(FrameIndex(first.0 + offset)), at);
        }
    }

    /// A frame that is out of the buddy, found where it is used: once.
    fn check_taken(&self, audit: &mut Audit, frame: Option<FrameIndex>, at: u64) {
        let Some(meta) = frame.map(|frame| self.frames.buddy.meta(frame)) else {
            audit.note("a frame is not managed", at);
            return;
        };
        audit.expect(meta.state() == FrameState::Taken, "a frame in use is free", at);
        audit.expect(meta.mark(), "a frame is used twice", at);
    }

    /// Every frame is in one state and in one place, and all add up to what was handed over.
    fn check_frames(&self, audit: &mut Audit) {
        let buddy = &self.frames.buddy;
        if let Err((FrameIndex(at), what)) = buddy.audit() {
            audit.note(what, u64::from(at));
        }
        for slot in 1..=self.region_limit() {
            let record = self.slots().slot(slot);
            let info = record.read(slot).filter(|info| info.state == RegionState::Lazy);
            if let Some(info) = info {
                let lazy = LazyFrames::noted(record.frames(), info.range.count().get());
                let at = info.range.address().as_u64();
                for frame in lazy.frames(buddy.metas()) {
                    if buddy.meta(frame).state() == FrameState::Large {
                        self.check_block(audit, Some(frame), at);
                    } else {
                        self.check_taken(audit, Some(frame), at);
                    }
                }
            }
        }
        self.frames.each_waiting(|frame| {
            self.check_taken(audit, Some(frame), buddy.frame(frame).start_address().as_u64());
        });
        let _ = self.areas.audit(|start, _, frames| {
            for frame in frames.iter().flat_map(|frames| frames.frames(buddy.metas())) {
                self.check_taken(audit, Some(frame), start * PAGE_BYTES);
            }
        });
        let mut sums = [0u64; STATES.len()];
        for (number, meta) in (0u64..).zip(buddy.metas()) {
            let state = meta.state();
            sums[state as usize] += 1;
            let is_found = meta.unmark();
            let must_be_found = !matches!(
                state,
                FrameState::Boot | FrameState::Free | FrameState::Slab | FrameState::Heap
            );
            audit.expect(is_found == must_be_found, "a frame is in nobody's hands", number);
        }
        let [boot, free, _, _, _, _, slabs, heap] = sums;
        audit.expect(free == buddy.free_count(), "the number of free frames is wrong", free);
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
