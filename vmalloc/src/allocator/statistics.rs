//! Reads all counters of a window.

use super::parts::Core;
use crate::machine::Machine;
use crate::region::lazy::LazyList;
use crate::stats::{Counters, Stats};

/// Reads all counters into one snapshot.
pub(super) fn read<M: Machine>(core: &Core<M>) -> Stats {
    let counters = &core.counters;
    let (areas, areas_system, pages_mapped) = counters.living();
    let made = core.tables.made();
    let resting = core.areas.held().frames;
    let local = core.tlb.local();
    let get = Counters::get;
    Stats {
        allocations: counters.allocations(),
        allocations_failed: get(&counters.allocations_failed),
        frees: counters.frees(),
        frees_refused: get(&counters.frees_refused),
        areas,
        areas_system,
        areas_lazy: core.lazies.iter().map(LazyList::areas).sum(),
        pages_mapped,
        pages_free: core.areas.free(),
        pages_pooled: core.areas.held().pages,
        pages_lazy: core.lazies.iter().map(LazyList::pages).sum(),
        largest_gap_pages: core.areas.largest(),
        frames_total: core.frames_total,
        frames_free: core.frames.free_count() + resting,
        nodes: core.nodes(),
        frames_free_by_node: core::array::from_fn(|node| {
            // Areas keep frames only if there is one node.
            core.frames.free_on(node) + if node == 0 { resting } else { 0 }
        }),
        frames_reserve: core.frames_reserve,
        frames_slabs: core.frames_slabs,
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
        interrupts: get(&core.tlb.interrupts),
        cpus_skipped: get(&core.tlb.skipped),
        laggards: get(&core.tlb.laggards),
        last_laggard: get(&core.tlb.last_laggard),
        frames_zeroed: core.frames.zeroed_count(),
        zeroed_hits: get(&counters.zeroed_hits),
        zeroed_misses: get(&counters.zeroed_misses),
        resizes: core::array::from_fn(|how| get(&counters.resizes[how])),
        faults_recovered: get(&counters.faults_recovered),
        faults_spurious: get(&counters.faults_spurious),
        generation: core.tlb.current(),
    }
}
