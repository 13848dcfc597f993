//! Counters, and the one table that every report renders.

mod row;
mod table;

use crate::NODES;
use crate::allocator::Vmalloc;
use crate::lazy::LazyList;
use crate::machine::{CpuId, Cpus, Machine};
use crate::raw::Slab;
use crate::resize::Resized;
use crate::sync::{AtomicU64, Ordering::Relaxed};
use crate::tlb::{FlushKind, FlushReason, Plan};

pub use row::{Family, Metric, MetricKind, Row};

/// What one CPU has done, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Tally {
    allocations: AtomicU64,
    system_allocations: AtomicU64,
    pages_mapped: AtomicU64,
    frees: AtomicU64,
    system_frees: AtomicU64,
    pages_unmapped: AtomicU64,
    /// Clients' regions of one page, which are most, are counted here alone: in one step.
    pages_made: AtomicU64,
    pages_freed: AtomicU64,
}

impl Tally {
    /// Counts a region that was made.
    #[inline]
    pub(crate) fn allocated(&self, pages: u64, system: bool) {
        Counters::add(&self.allocations, 1);
        Counters::add(&self.pages_mapped, pages);
        if system {
            Counters::add(&self.system_allocations, 1);
        }
    }

    /// Counts a region that was unmapped.
    #[inline]
    pub(crate) fn freed(&self, pages: u64, system: bool) {
        Counters::add(&self.frees, 1);
        Counters::add(&self.pages_unmapped, pages);
        if system {
            Counters::add(&self.system_frees, 1);
        }
    }

    /// As [`allocated`](Self::allocated), of a client's: one that is a page is counted in one step.
    #[inline(always)]
    pub(crate) fn allocated_plain<C: Cpus>(&self, pages: u64) {
        if pages == 1 {
            count::<C>(&self.pages_made, 1);
        } else {
            count::<C>(&self.allocations, 1);
            count::<C>(&self.pages_mapped, pages);
        }
    }

    /// As [`freed`](Self::freed), of a client's.
    #[inline(always)]
    pub(crate) fn freed_plain<C: Cpus>(&self, pages: u64) {
        if pages == 1 {
            count::<C>(&self.pages_freed, 1);
        } else {
            count::<C>(&self.frees, 1);
            count::<C>(&self.pages_unmapped, pages);
        }
    }

    /// Counts pages that a region has gained.
    pub(crate) fn grew(&self, pages: u64) {
        Counters::add(&self.pages_mapped, pages);
    }

    /// Counts pages that a region has lost.
    pub(crate) fn shrank(&self, pages: u64) {
        Counters::add(&self.pages_unmapped, pages);
    }
}

/// Adds to a counter of the CPU that runs this, in one step unless it is alone with it.
#[inline(always)]
fn count<C: Cpus>(counter: &AtomicU64, number: u64) {
    if C::IS_ALONE {
        counter.store(counter.load(Relaxed).wrapping_add(number), Relaxed);
    } else {
        Counters::add(counter, number);
    }
}

/// What is counted while it happens.
#[derive(Debug)]
pub(crate) struct Counters {
    tallies: Slab<Tally>,
    pub(crate) allocations_failed: AtomicU64,
    pub(crate) frees_refused: AtomicU64,
    pub(crate) purges: AtomicU64,
    pub(crate) frames_heap: AtomicU64,
    pub(crate) zeroed_hits: AtomicU64,
    pub(crate) zeroed_misses: AtomicU64,
    pub(crate) faults_recovered: AtomicU64,
    pub(crate) faults_spurious: AtomicU64,
    resizes: [AtomicU64; Resized::ALL.len()],
    shootdowns_full: AtomicU64,
    shootdowns_pages: AtomicU64,
    reasons: [AtomicU64; FlushReason::ALL.len()],
}

impl Counters {
    pub(crate) fn new(tallies: Slab<Tally>) -> Self {
        Self {
            tallies,
            allocations_failed: AtomicU64::new(0),
            frees_refused: AtomicU64::new(0),
            purges: AtomicU64::new(0),
            frames_heap: AtomicU64::new(0),
            zeroed_hits: AtomicU64::new(0),
            zeroed_misses: AtomicU64::new(0),
            faults_recovered: AtomicU64::new(0),
            faults_spurious: AtomicU64::new(0),
            resizes: Default::default(),
            shootdowns_full: AtomicU64::new(0),
            shootdowns_pages: AtomicU64::new(0),
            reasons: Default::default(),
        }
    }

    /// What a CPU has done.
    #[inline]
    pub(crate) fn tally(&self, cpu: CpuId) -> &Tally {
        &self.tallies[cpu.0 as usize]
    }

    /// Counts a region that was resized.
    pub(crate) fn resized(&self, how: Resized) {
        Self::add(&self.resizes[how as usize], 1);
    }

    /// Counts a shootdown by kind and reason.
    pub(crate) fn shootdown(&self, reason: FlushReason, plan: &Plan) {
        let kind = match plan.kind() {
            FlushKind::None => return,
            FlushKind::Pages => &self.shootdowns_pages,
            FlushKind::Full => &self.shootdowns_full,
        };
        Self::add(kind, 1);
        Self::add(&self.reasons[reason as usize], 1);
    }

    fn sum(&self, counter: impl Fn(&Tally) -> &AtomicU64) -> u64 {
        self.tallies.iter().map(|tally| Self::get(counter(tally))).sum()
    }

    /// Regions that live: clients', the kernel's own; and the pages of both.
    pub(crate) fn living(&self) -> (u64, u64, u64) {
        // Each CPU's frees are read before any allocation, so no difference is below 0 at rest.
        let pages_freed = self.sum(|t| &t.pages_freed);
        let (frees, system_frees) = (self.sum(|t| &t.frees), self.sum(|t| &t.system_frees));
        let unmapped = self.sum(|t| &t.pages_unmapped);
        let system = self.sum(|t| &t.system_allocations).wrapping_sub(system_frees);
        let all = self.sum(|t| &t.allocations).wrapping_sub(frees);
        let mapped = self.sum(|t| &t.pages_mapped).wrapping_sub(unmapped);
        let pages = self.sum(|t| &t.pages_made).wrapping_sub(pages_freed);
        let clients = all.wrapping_sub(system).wrapping_add(pages);
        (clients, system, mapped.wrapping_add(pages))
    }

    /// Regions that were made.
    fn allocations(&self) -> u64 {
        self.sum(|t| &t.allocations) + self.sum(|t| &t.pages_made)
    }

    /// Regions that were freed.
    fn frees(&self) -> u64 {
        self.sum(|t| &t.frees) + self.sum(|t| &t.pages_freed)
    }

    #[inline]
    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }
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
    /// The longest run of them that no pool has a part of.
    pub largest_gap_pages: u64,
    /// Pages of areas that rest in pools.
    pub pages_pooled: u64,
    /// Pages of areas that wait for a flush, with guards.
    pub pages_lazy: u64,
    /// Frames handed to the crate.
    pub frames_total: u64,
    /// Frames that nobody has.
    pub frames_free: u64,
    /// NUMA nodes that the memory lies in, and that are below the highest of them.
    pub nodes: u32,
    /// Frames that nobody has, by NUMA node.
    pub frames_free_by_node: [u64; NODES],
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
    /// Shootdowns of everything since set-up.
    pub shootdowns_full: u64,
    /// Shootdowns of single pages since set-up.
    pub shootdowns_pages: u64,
    /// Shootdowns by reason, in the order of [`FlushReason::ALL`].
    pub shootdowns: [u64; FlushReason::ALL.len()],
    /// Full flushes of all CPUs.
    pub flushes_full: u64,
    /// Times that a CPU flushed page by page.
    pub flushes_by_page: u64,
    /// Pages that were flushed so.
    pub flushed_pages: u64,
    /// Interrupts sent to CPUs that had not flushed by themselves.
    pub interrupts: u64,
    /// CPUs that were not waited for because they slept.
    pub cpus_skipped: u64,
    /// Times that a CPU did not answer in time.
    pub laggards: u64,
    /// The number of the last CPU that did not; 0 as well where there was none.
    pub last_laggard: u64,
    /// Frames that read as zeros and wait for who wants such.
    pub frames_zeroed: u64,
    /// Zeroed frames that were ready when they were wanted.
    pub zeroed_hits: u64,
    /// Frames that had to be cleared while their owner waited.
    pub zeroed_misses: u64,
    /// Empty page tables that are kept.
    pub table_pages_cached: u64,
    /// Resizes by how they ended, in the order of [`Resized::ALL`].
    pub resizes: [u64; Resized::ALL.len()],
    /// Faults that their accesses survived, as the kernel's handler
    /// [noted](crate::Vmalloc::note_recovered) them.
    pub faults_recovered: u64,
    /// Faults that the entries do not explain any more.
    pub faults_spurious: u64,
    /// The flush that was begun last.
    pub generation: u64,
}

impl Stats {
    /// Frames that somebody has, the crate's own among them.
    #[must_use]
    pub fn frames_used(&self) -> u64 {
        self.frames_total - self.frames_free
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Reads all counters.
    ///
    /// # Context
    ///
    /// Takes locks, one part after the other, and waits for no CPU: for threads.
    ///
    /// # Complexity
    ///
    /// O(CPUs).
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let (areas, areas_system, pages_mapped) = counters.living();
        let made = self.tables.made();
        let resting = self.areas.held().frames;
        let local = self.tlb.local();
        let get = Counters::get;
        Stats {
            allocations: counters.allocations(),
            allocations_failed: get(&counters.allocations_failed),
            frees: counters.frees(),
            frees_refused: get(&counters.frees_refused),
            areas,
            areas_system,
            areas_lazy: self.lazies.iter().map(LazyList::areas).sum(),
            pages_mapped,
            pages_free: self.areas.free(),
            pages_pooled: self.areas.held().pages,
            pages_lazy: self.lazies.iter().map(LazyList::pages).sum(),
            largest_gap_pages: self.areas.largest(),
            frames_total: self.frames_total,
            frames_free: self.frames.free_count() + resting,
            nodes: self.nodes(),
            frames_free_by_node: core::array::from_fn(|node| {
                // Frames rest with areas only where there is no other node.
                self.frames.free_on(node) + if node == 0 { resting } else { 0 }
            }),
            frames_reserve: self.frames_reserve,
            frames_slabs: self.frames_slabs,
            frames_heap: get(&counters.frames_heap),
            table_pages: made.frames(),
            table_pages_cached: made.cached,
            purges: get(&counters.purges),
            shootdowns_full: get(&counters.shootdowns_full),
            shootdowns_pages: get(&counters.shootdowns_pages),
            shootdowns: core::array::from_fn(|reason| get(&counters.reasons[reason])),
            flushes_full: local.full,
            flushes_by_page: local.by_page,
            flushed_pages: local.pages,
            interrupts: get(&self.tlb.interrupts),
            cpus_skipped: get(&self.tlb.skipped),
            laggards: get(&self.tlb.laggards),
            last_laggard: get(&self.tlb.last_laggard),
            frames_zeroed: self.frames.zeroed_count(),
            zeroed_hits: get(&counters.zeroed_hits),
            zeroed_misses: get(&counters.zeroed_misses),
            resizes: core::array::from_fn(|how| get(&counters.resizes[how])),
            faults_recovered: get(&counters.faults_recovered),
            faults_spurious: get(&counters.faults_spurious),
            generation: self.tlb.current(),
        }
    }
}
