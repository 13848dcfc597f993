//! The parts of a window.

use core::fmt;

use super::setup::{Config, Parts};
use crate::area::Areas;
use crate::frame::{FrameIndex, Frames};
use crate::inject::Injector;
use crate::machine::{CpuId, Machine};
use crate::page::{PAGE_BYTES, PageRange};
use crate::paging;
use crate::paging::Tables;
use crate::raw::Slab;
use crate::region::lazy::{LazyList, lazy_limit};
use crate::region::slots::Slots;
use crate::stats::{Counters, Tally};
use crate::switches::Switches;
use crate::tlb::Coherence;

/// A window, its frames and its regions.
///
/// Shared by all code of a kernel: every method takes `&self`, and any CPU may free what another has
/// allocated. Holding one proves that the window's upper tables are entered in [`Machine::root`].
///
/// # Context
///
/// Unless a method says otherwise it takes spin locks and may wait for other CPUs: for threads with
/// interrupts on that hold no lock which others take with interrupts off, not for interrupt or fault
/// handlers.
pub struct Vmalloc<M: Machine> {
    pub(crate) core: Core<M>,
}

/// The parts of a window, on which all verbs work.
pub(crate) struct Core<M: Machine> {
    pub(crate) machine: M,
    pub(crate) window: PageRange,
    pub(crate) frames: Frames,
    pub(crate) areas: Areas,
    pub(crate) tables: Tables,
    pub(crate) tlb: Coherence,
    /// The lazy areas, by the CPU that freed them.
    pub(crate) lazies: Slab<LazyList>,
    /// The most pages on one CPU's lazy list before it purges.
    pub(crate) lazy_limit: u64,
    /// Regions that the next purge unmaps.
    pub(crate) deferred: LazyList,
    pub(crate) counters: Counters,
    pub(crate) switches: Switches,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
    pub(crate) frames_reserve: u64,
    /// The most bytes that clients can allocate.
    pub(crate) usable: u64,
    pub(crate) injector: Injector,
}

impl<M: Machine> Core<M> {
    pub(super) fn new(machine: M, config: &Config<'_>, parts: Parts) -> Self {
        let free = parts.frames.free_count();
        let lazy_limit = lazy_limit(machine.count(), parts.frames_total);
        Self {
            machine,
            window: config.window,
            frames: parts.frames,
            areas: parts.areas,
            tables: parts.tables,
            tlb: parts.tlb,
            lazies: parts.lazies,
            lazy_limit,
            deferred: LazyList::new(),
            counters: Counters::new(parts.tallies),
            switches: Switches::default(),
            frames_total: parts.frames_total,
            frames_slabs: parts.frames_slabs,
            frames_reserve: config.reserve,
            usable: free.saturating_sub(config.reserve) * PAGE_BYTES,
            injector: Injector::default(),
        }
    }

    /// How many NUMA nodes there are.
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

    /// Counts the free frames, including those that rest with pooled areas.
    pub(crate) fn frames_free(&self) -> u64 {
        self.frames.free_count() + self.areas.held().frames
    }

    /// Returns the leaf table of a range that has only one, for the region's slot.
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
