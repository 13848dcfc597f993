//! Counters, and the one table that every report renders.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::allocator::Vmalloc;
use crate::machine::Machine;

/// What is counted while it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) allocations: AtomicU64,
    pub(crate) allocations_failed: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) frees_refused: AtomicU64,
    pub(crate) areas: AtomicU64,
    pub(crate) areas_system: AtomicU64,
    pub(crate) pages_mapped: AtomicU64,
    pub(crate) purges: AtomicU64,
    pub(crate) flushes_full: AtomicU64,
    pub(crate) frames_heap: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Relaxed);
    }

    pub(crate) fn sub(counter: &AtomicU64, number: u64) {
        counter.fetch_sub(number, Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }
}

/// One line of the table of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The part of the system that counts: `vmalloc`, `frames` or `tlb`.
    pub section: &'static str,
    /// The counter's name, with its unit where it is not a number of things.
    pub name: &'static str,
    /// Its value when the table was made.
    pub value: u64,
}

/// All counters at one moment. Each is exact; together they are so only while nothing changes.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Regions allocated since set-up.
    pub allocations: u64,
    /// Requests that ended in an error.
    pub allocations_failed: u64,
    /// Regions freed since set-up.
    pub frees: u64,
    /// Frees of ids that were gone or never there.
    pub frees_refused: u64,
    /// Regions that live, without the kernel's own.
    pub areas: u64,
    /// The kernel's own regions.
    pub areas_system: u64,
    /// Areas that wait for a flush.
    pub areas_lazy: u64,
    /// Pages behind which a frame is mapped.
    pub pages_mapped: u64,
    /// Pages of the window that belong to nobody.
    pub pages_free: u64,
    /// The longest run of them.
    pub largest_gap_pages: u64,
    /// Frames handed to the crate.
    pub frames_total: u64,
    /// Frames that nobody has.
    pub frames_free: u64,
    /// Frames kept for tables, and for requests that may take them.
    pub frames_reserve: u64,
    /// Frames of the crate's own records.
    pub frames_slabs: u64,
    /// Frames that the kernel took as runs.
    pub frames_heap: u64,
    /// Frames of page tables and their indexes.
    pub table_pages: u64,
    /// Purges since set-up.
    pub purges: u64,
    /// Full flushes since set-up.
    pub flushes_full: u64,
    /// The flush that was begun last.
    pub generation: u64,
}

impl Stats {
    /// Frames that somebody has, the crate's own among them.
    #[must_use]
    pub fn frames_used(&self) -> u64 {
        self.frames_total - self.frames_free
    }

    /// The table of counters, in the order in which reports show them.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let row = |section, name, value| Row { section, name, value };
        [
            row("vmalloc", "allocations", self.allocations),
            row("vmalloc", "allocations_failed", self.allocations_failed),
            row("vmalloc", "frees", self.frees),
            row("vmalloc", "frees_refused", self.frees_refused),
            row("vmalloc", "areas", self.areas),
            row("vmalloc", "areas_system", self.areas_system),
            row("vmalloc", "areas_lazy", self.areas_lazy),
            row("vmalloc", "pages_mapped", self.pages_mapped),
            row("vmalloc", "pages_free", self.pages_free),
            row("vmalloc", "largest_gap_pages", self.largest_gap_pages),
            row("vmalloc", "table_pages", self.table_pages),
            row("frames", "frames_total", self.frames_total),
            row("frames", "frames_free", self.frames_free),
            row("frames", "frames_used", self.frames_used()),
            row("frames", "frames_reserve", self.frames_reserve),
            row("frames", "frames_slabs", self.frames_slabs),
            row("frames", "frames_heap", self.frames_heap),
            row("tlb", "purges", self.purges),
            row("tlb", "flushes_full", self.flushes_full),
            row("tlb", "generation", self.generation),
        ]
        .into_iter()
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Reads all counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let (pages_free, largest_gap_pages) = {
            let areas = self.areas.lock();
            (areas.free(), areas.largest())
        };
        Stats {
            allocations: Counters::get(&counters.allocations),
            allocations_failed: Counters::get(&counters.allocations_failed),
            frees: Counters::get(&counters.frees),
            frees_refused: Counters::get(&counters.frees_refused),
            areas: Counters::get(&counters.areas),
            areas_system: Counters::get(&counters.areas_system),
            areas_lazy: 0,
            pages_mapped: Counters::get(&counters.pages_mapped),
            pages_free,
            largest_gap_pages,
            frames_total: self.frames_total,
            frames_free: self.frames.free_count(),
            frames_reserve: self.frames_reserve,
            frames_slabs: self.frames_slabs,
            frames_heap: Counters::get(&counters.frames_heap),
            table_pages: self.tables.made().frames(),
            purges: Counters::get(&counters.purges),
            flushes_full: Counters::get(&counters.flushes_full),
            generation: self.tlb.current(),
        }
    }
}
