//! The snapshot of all counters.

use crate::machine::NODES;
use crate::request::Resized;
use crate::tlb::FlushReason;

/// The values of all counters. Each value is exact, but the values are consistent with each other
/// only if no CPU allocated or freed while they were read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Regions allocated since set-up.
    pub allocations: u64,
    /// Allocations that failed.
    pub allocations_failed: u64,
    /// Regions freed since set-up.
    pub frees: u64,
    /// Frees that were refused, because the region was freed before, had an owner, or never
    /// existed.
    pub frees_refused: u64,
    /// Busy regions, without those of the kernel itself.
    pub areas: u64,
    /// Busy regions of the kernel itself.
    pub areas_system: u64,
    /// Areas that wait for a flush.
    pub areas_lazy: u64,
    /// Mapped pages.
    pub pages_mapped: u64,
    /// Free pages of the window, including those in pools.
    pub pages_free: u64,
    /// The longest run of free pages that are not in pools.
    pub largest_gap_pages: u64,
    /// Pages of areas in pools.
    pub pages_pooled: u64,
    /// Pages of areas that wait for a flush, with guard pages.
    pub pages_lazy: u64,
    /// All frames of the memory of the window.
    pub frames_total: u64,
    /// Free frames.
    pub frames_free: u64,
    /// NUMA nodes: one more than the highest node of the memory.
    pub nodes: u32,
    /// Free frames by NUMA node.
    pub frames_free_by_node: [u64; NODES],
    /// Frames that are reserved for page tables and for requests that may use the reserve.
    pub frames_reserve: u64,
    /// Frames of the records of the crate.
    pub frames_slabs: u64,
    /// Frames of runs that the kernel took for itself.
    pub frames_heap: u64,
    /// Frames of page tables and their indexes.
    pub table_pages: u64,
    /// Purges since set-up.
    pub purges: u64,
    /// Shootdowns with a full flush since set-up.
    pub shootdowns_full: u64,
    /// Shootdowns of single pages since set-up.
    pub shootdowns_pages: u64,
    /// Shootdowns by reason, in the order of [`FlushReason::ALL`].
    pub shootdowns: [u64; FlushReason::ALL.len()],
    /// Full flushes, summed over all CPUs.
    pub flushes_full: u64,
    /// Flushes page by page, summed over all CPUs.
    pub flushes_by_page: u64,
    /// Pages in these flushes.
    pub flushed_pages: u64,
    /// IPIs that were sent to CPUs that had not flushed by themselves.
    pub interrupts: u64,
    /// CPUs that shootdowns did not wait for, because they were halted.
    pub cpus_skipped: u64,
    /// Times that a CPU did not acknowledge a shootdown in time.
    pub laggards: u64,
    /// The number of the last CPU that did not acknowledge in time; 0 also if there was no such
    /// CPU.
    pub last_laggard: u64,
    /// Free frames that contain zeros, for requests of zeroed memory.
    pub frames_zeroed: u64,
    /// Frames for zeroed memory that were cleared ahead of time.
    pub zeroed_hits: u64,
    /// Frames for zeroed memory that had to be cleared while the request waited.
    pub zeroed_misses: u64,
    /// Empty page tables that are cached.
    pub table_pages_cached: u64,
    /// Resizes by result, in the order of [`Resized::ALL`].
    pub resizes: [u64; Resized::ALL.len()],
    /// Faults from which the fault handler of the kernel has recovered: see
    /// [`Faults::note_recovered`](crate::Faults::note_recovered).
    pub faults_recovered: u64,
    /// Faults whose access the current entries allow.
    pub faults_spurious: u64,
    /// The number of the shootdown that was begun last.
    pub generation: u64,
}

impl Stats {
    /// Returns the number of frames in use, including the records of the crate.
    #[must_use]
    pub fn frames_used(&self) -> u64 {
        self.frames_total - self.frames_free
    }
}
