//! All counters at one moment.

use crate::machine::NODES;
use crate::request::Resized;
use crate::tlb::FlushReason;

/// All counters at one moment. Each counter is exact, but they are consistent with each other only
/// while no CPU allocates or frees.
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
    /// Free pages of the window.
    pub pages_free: u64,
    /// The longest run of them that no pool has a part of.
    pub largest_gap_pages: u64,
    /// Pages of areas that rest in pools.
    pub pages_pooled: u64,
    /// Pages of areas that wait for a flush, with guards.
    pub pages_lazy: u64,
    /// Frames handed to the crate.
    pub frames_total: u64,
    /// Free frames.
    pub frames_free: u64,
    /// NUMA nodes that the memory lies in, and that are below the highest of them.
    pub nodes: u32,
    /// Free frames by NUMA node.
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
    /// The number of the last CPU that did not answer in time; 0 also if there was no such CPU.
    pub last_laggard: u64,
    /// Frames that read as zeros and wait for requests of zeroed memory.
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
    /// [noted](crate::Faults::note_recovered) them.
    pub faults_recovered: u64,
    /// Faults that the entries do not explain any more.
    pub faults_spurious: u64,
    /// The flush that was begun last.
    pub generation: u64,
}

impl Stats {
    /// Frames in use, including the crate's own.
    #[must_use]
    pub fn frames_used(&self) -> u64 {
        self.frames_total - self.frames_free
    }
}
