//! The event counters, kept for each CPU where they change often.

use crate::machine::{CpuId, Cpus};
use crate::raw::Slab;
use crate::request::Resized;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::tlb::{FlushKind, FlushReason, Plan};

/// The counters of one CPU, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Tally {
    allocations: AtomicU64,
    system_allocations: AtomicU64,
    pages_mapped: AtomicU64,
    frees: AtomicU64,
    system_frees: AtomicU64,
    pages_unmapped: AtomicU64,
    /// Allocations of client regions of one page. They are the most frequent ones and are counted
    /// only here, not in `allocations` and `pages_mapped`, so that one addition suffices.
    pages_made: AtomicU64,
    pages_freed: AtomicU64,
}

impl Tally {
    /// Counts a region that was allocated.
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

    /// Counts a client region that was allocated, as [`allocated`](Self::allocated) does. A region
    /// of one page needs one addition only.
    #[inline(always)]
    pub(crate) fn allocated_plain<C: Cpus>(&self, pages: u64) {
        if pages == 1 {
            count::<C>(&self.pages_made, 1);
        } else {
            count::<C>(&self.allocations, 1);
            count::<C>(&self.pages_mapped, pages);
        }
    }

    /// Counts a client region that was unmapped, as [`freed`](Self::freed) does.
    #[inline(always)]
    pub(crate) fn freed_plain<C: Cpus>(&self, pages: u64) {
        if pages == 1 {
            count::<C>(&self.pages_freed, 1);
        } else {
            count::<C>(&self.frees, 1);
            count::<C>(&self.pages_unmapped, pages);
        }
    }

    /// Counts pages that were added to a region.
    pub(crate) fn grew(&self, pages: u64) {
        Counters::add(&self.pages_mapped, pages);
    }

    /// Counts pages that were removed from a region.
    pub(crate) fn shrank(&self, pages: u64) {
        Counters::add(&self.pages_unmapped, pages);
    }
}

/// Adds to a counter of the current CPU. If [`Cpus::IS_ALONE`] is set, a load and a store suffice
/// instead of an atomic addition.
#[inline(always)]
fn count<C: Cpus>(counter: &AtomicU64, number: u64) {
    if C::IS_ALONE {
        counter.store(counter.load(Relaxed).wrapping_add(number), Relaxed);
    } else {
        Counters::add(counter, number);
    }
}

/// The event counters of a window.
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
    pub(crate) resizes: [AtomicU64; Resized::ALL.len()],
    pub(crate) shootdowns_full: AtomicU64,
    pub(crate) shootdowns_pages: AtomicU64,
    pub(crate) reasons: [AtomicU64; FlushReason::ALL.len()],
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

    /// Returns the counters of a CPU.
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

    /// Returns the numbers of busy regions of clients and of the kernel itself, and the number of
    /// their pages.
    pub(crate) fn living(&self) -> (u64, u64, u64) {
        // Frees are read before allocations. So a region that is allocated and freed between the
        // reads does not make a difference negative.
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

    /// Returns the number of allocations.
    pub(crate) fn allocations(&self) -> u64 {
        self.sum(|t| &t.allocations) + self.sum(|t| &t.pages_made)
    }

    /// Returns the number of frees.
    pub(crate) fn frees(&self) -> u64 {
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
