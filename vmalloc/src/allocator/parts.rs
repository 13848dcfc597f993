//! The data of a window: its machine, addresses, frames, page tables, TLB state and counters.

use core::fmt;

use super::capacity::Capacity;
use super::setup::{Config, Parts};
use crate::area::Areas;
use crate::frame::{FrameIndex, Frames};
use crate::inject::Injector;
use crate::machine::{CpuId, Machine};
use crate::page::{PAGE_BYTES, PageRange};
use crate::paging;
use crate::paging::Tables;
use crate::raw::Slab;
use crate::region::lazy::LazyList;
use crate::region::lazy_budget::LazyBudget;
use crate::region::slots::Slots;
use crate::stats::{Counters, Tally};
use crate::switches::Switches;
use crate::tlb::Coherence;

/// A window, with its frames and its regions.
///
/// All code of a kernel shares one value: every method takes `&self`, and any CPU may free a region
/// that another CPU has allocated. Holding the value proves that the level-3 tables of the window
/// are linked in [`Machine::root`].
///
/// # Context
///
/// Unless the documentation of a method says otherwise, the method takes spin locks and may wait
/// for other CPUs. It is meant for threads that have interrupts on and hold no lock that other code
/// takes with interrupts off, and not for interrupt or fault handlers.
pub struct Vmalloc<M: Machine> {
    pub(crate) core: Core<M>,
}

/// The data of a window, on which all operations work.
pub(crate) struct Core<M: Machine> {
    pub(crate) machine: M,
    pub(crate) window: PageRange,
    pub(crate) frames: Frames,
    pub(crate) areas: Areas,
    pub(crate) tables: Tables,
    pub(crate) tlb: Coherence,
    /// The lists of lazy areas, one for each CPU that frees.
    pub(crate) lazies: Slab<LazyList>,
    /// The limit of all lists together.
    pub(crate) lazy_budget: LazyBudget,
    /// The regions whose free was deferred. The next purge unmaps them.
    pub(crate) deferred: LazyList,
    pub(crate) counters: Counters,
    pub(crate) switches: Switches,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
    pub(crate) frames_reserve: u64,
    /// The number of bytes that clients can allocate in total.
    pub(crate) usable: u64,
    pub(crate) capacity: Capacity,
    pub(crate) injector: Injector,
}

impl<M: Machine> Core<M> {
    pub(super) fn new(machine: M, config: &Config<'_>, parts: Parts) -> Self {
        let free = parts.frames.free_count();
        Self {
            machine,
            window: config.window,
            frames: parts.frames,
            areas: parts.areas,
            tables: parts.tables,
            tlb: parts.tlb,
            lazies: parts.lazies,
            lazy_budget: parts.lazy_budget,
            deferred: LazyList::new(u64::MAX),
            counters: Counters::new(parts.tallies),
            switches: Switches::default(),
            frames_total: parts.frames_total,
            frames_slabs: parts.frames_slabs,
            frames_reserve: config.reserve,
            usable: free.saturating_sub(config.reserve) * PAGE_BYTES,
            capacity: parts.capacity,
            injector: Injector::default(),
        }
    }

    /// Returns the number of NUMA nodes.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4")]
    pub(super) fn nodes(&self) -> u32 {
        self.frames.nodes() as u32
    }

    #[inline]
    pub(crate) fn slots(&self) -> &Slots {
        &self.areas.slots
    }

    #[inline]
    pub(crate) fn lazy(&self, cpu: CpuId) -> &LazyList {
        &self.lazies[cpu.0 as usize]
    }

    #[inline]
    pub(crate) fn tally(&self, cpu: CpuId) -> &Tally {
        self.counters.tally(cpu)
    }

    /// Returns the number of free frames, including those that areas in pools have kept.
    pub(crate) fn frames_free(&self) -> u64 {
        self.frames.free_count() + self.areas.held().frames
    }

    /// Returns the leaf table over a mapped range if it is the only one, or else `NONE`. The result
    /// is recorded in the slot of the region.
    pub(crate) fn only_leaf(&self, range: PageRange) -> FrameIndex {
        paging::lookup::only_leaf(&self.tables, &self.machine, &self.frames.buddy, range)
    }
}

impl<M: Machine> fmt::Debug for Vmalloc<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vmalloc").field("window", &self.core.window).finish_non_exhaustive()
    }
}

impl<M: Machine> fmt::Debug for Core<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("window", &self.window).finish_non_exhaustive()
    }
}
