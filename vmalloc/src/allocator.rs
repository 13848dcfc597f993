//! The order of steps of every verb, and nothing else.

mod free;
mod handle;
mod large;
mod lookup;
pub(crate) mod map;
mod presence;
pub(crate) mod protect;
mod ready;
mod relocate;
mod reserve;
pub(crate) mod resize;
mod statistics;
mod zeroed;

use core::fmt;

use crate::area::Areas;
use crate::error::{AllocateError, RequestError};
use crate::frame::{FrameChain, FrameIndex, FrameRange, Frames};
use crate::id::RegionId;
use crate::inject::{Injector, Reservation};
use crate::machine::{CpuId, Machine};
use crate::page::{PAGE_BYTES, PageRange};
use crate::paging::{Entry, Mapping, Pinned, Tables};
use crate::raw::{self, Slab};
use crate::region::extent::Traits;
use crate::region::lazy::LazyList;
use crate::region::slots::Slots;
use crate::region::stage::Stage;
use crate::request::{Huge, Request};
use crate::setup::{Config, Parts};
use crate::stats::{Counters, Tally};
use crate::switches::Switches;
use crate::tlb::{Coherence, FlushReason};
pub use handle::Region;

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
    pub(crate) machine: M,
    pub(crate) window: PageRange,
    pub(crate) frames: Frames,
    pub(crate) areas: Areas,
    pub(crate) tables: Tables,
    pub(crate) tlb: Coherence,
    /// What waits for a purge, by the CPU that freed it.
    pub(crate) lazies: Slab<LazyList>,
    /// The pages that may wait on one CPU's list.
    pub(crate) lazy_limit: u64,
    /// Regions that are to be unmapped by whoever purges next.
    pub(crate) deferred: LazyList,
    pub(crate) counters: Counters,
    pub(crate) switches: Switches,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
    pub(crate) frames_reserve: u64,
    /// Bytes that clients can have at most.
    usable: u64,
    injector: Injector,
}

/// Why the verbs that take a plain size failed. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmallocError {
    /// The size cannot be asked for.
    Request(RequestError),
    /// The region cannot be had now.
    Allocate(AllocateError),
}

impl fmt::Display for VmallocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Allocate(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for VmallocError {}

impl<M: Machine> Vmalloc<M> {
    pub(crate) fn from_parts(machine: M, config: &Config<'_>, parts: Parts) -> Self {
        let free = parts.frames.free_count();
        let lazy_limit = crate::region::lazy::lazy_limit(machine.count(), parts.frames_total);
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

    /// The seam that the window was set up with.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The addresses that the crate owns.
    #[must_use]
    pub fn window(&self) -> PageRange {
        self.window
    }

    /// How many regions may live at once: slots are numbered from 1 to this.
    #[must_use]
    pub fn region_limit(&self) -> u32 {
        self.slots().limit()
    }

    /// How many NUMA nodes there are: one more than the highest that memory was handed over for.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "at most 4")]
    pub fn nodes(&self) -> u32 {
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

    /// Allocates `bytes` bytes with undefined contents.
    ///
    /// # Shape
    ///
    /// As [`allocate`](Self::allocate): whole pages that can be read and written, aligned to a page.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// As [`allocate`](Self::allocate).
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::sim;
    ///
    /// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
    /// let region = vm.vmalloc(5_000)?;
    /// assert_eq!((region.bytes(), region.info().requested), (8_192, 5_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn vmalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        self.make_again(bytes)
    }

    /// Not handed the request, which so never has to be in memory.
    #[inline(never)]
    fn vmalloc_anew(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?;
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates `bytes` bytes that read as zeros, up to the end of the last page.
    ///
    /// # Shape
    ///
    /// As [`vmalloc`](Self::vmalloc), but zeroed.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// As [`allocate`](Self::allocate); every frame that [`fill_zeroed`](Self::fill_zeroed) has not
    /// cleared before is cleared now.
    pub fn vzalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?.zeroed();
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates `bytes` bytes with undefined contents on frames of a NUMA node, and of others where
    /// that has too few.
    ///
    /// # Shape
    ///
    /// As [`vmalloc`](Self::vmalloc). [`frames_per_node`](Self::frames_per_node) says what it got.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`], [`Request::prefer_node`] and [`allocate`](Self::allocate).
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    pub fn vmalloc_node(&self, bytes: u64, node: u32) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).and_then(|request| request.prefer_node(node));
        self.allocate(&request.map_err(VmallocError::Request)?).map_err(VmallocError::Allocate)
    }

    /// Allocates a region.
    ///
    /// # Shape
    ///
    /// Whole pages at adjacent addresses on frames from anywhere, aligned to at least a page, with one
    /// unmapped guard page behind. Contents are undefined unless the request says
    /// [`zeroed`](Request::zeroed).
    ///
    /// # Errors
    ///
    /// Nothing has changed after any of them. Before one of the last three is reported, all that
    /// is lazy has been purged, all that was kept for speed given back, and the request tried again.
    ///
    /// - [`AllocateError::TooBig`]: more than clients could ever have.
    /// - [`AllocateError::RegionsExhausted`]: no region slot is free.
    /// - [`AllocateError::WindowExhausted`]: no run of addresses is long enough.
    /// - [`AllocateError::FramesExhausted`]: too few frames for the pages or the tables.
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and O(log n) in the free runs where no pool has the length. O(n) for an alignment
    /// above a page, before exhaustion is reported.
    ///
    /// # Source
    ///
    /// Linux's `__vmalloc_node_range`.
    #[inline]
    pub fn allocate(&self, request: &Request) -> Result<Region<'_, M>, AllocateError> {
        let cpu = self.machine.current();
        match self.make_of_ready(cpu, request) {
            Some(region) => Ok(region),
            None => self.allocate_anew(cpu, request),
        }
    }

    /// Allocates the long way, and once more with all that was kept back, if anything was.
    #[inline(never)]
    fn allocate_anew(&self, cpu: CpuId, request: &Request) -> Result<Region<'_, M>, AllocateError> {
        let result = self.retry(|| self.reserve_and_commit(cpu, request));
        match result {
            Ok((id, range)) => {
                self.tally(cpu).allocated(range.count().get(), request.is_system());
                Ok(Region::new(self, id, range))
            }
            Err(error) => {
                Counters::add(&self.counters.allocations_failed, 1);
                Err(error)
            }
        }
    }

    /// Takes all that can run out, in the order slot and addresses, frames, tables, and only then
    /// stores the first entry.
    #[inline(never)]
    fn reserve_and_commit(
        &self,
        cpu: CpuId,
        request: &Request,
    ) -> Result<(RegionId, PageRange), AllocateError> {
        let pages = request.pages();
        if pages.bytes() > self.usable && !request.may_take_reserve() {
            let (requested, usable) = (request.requested(), self.usable);
            return Err(AllocateError::TooBig { requested, usable });
        }
        let (area, range) = self.reserve_area(cpu, request)?;
        let mapping =
            Mapping { rights: Entry::rights(request.wanted_protection()), slot: area.slot };
        let traits = Traits {
            system: request.is_system(),
            zeroed: request.is_zeroed(),
            protection: request.wanted_protection(),
            align: request.alignment().get().trailing_zeros(),
            ..Traits::default()
        };
        let record = self.slots().slot(area.slot);
        if request.wanted_huge() != Huge::Never {
            let backing = self.reserve_large_backing(cpu, request, area, range)?;
            // From here on nothing can fail.
            let traits = Traits { large: backing.has_large(), ..traits };
            record.build(request, range, traits, self.only_leaf(range), FrameChain::new().ends());
            self.commit_large(range, backing, mapping);
        } else {
            let (mut frames, leaf) = self.reserve_backing(cpu, request, area, range)?;
            // From here on nothing can fail.
            let noted = leaf.map_or_else(|| self.only_leaf(range), Pinned::leaf);
            record.build(request, range, traits, noted, frames.ends());
            let buddy = &self.frames.buddy;
            self.tables.commit(&self.machine, buddy, range, leaf, &mut frames, mapping);
        }
        let generation = record.publish(Stage::Owned);
        Ok((RegionId::new(area.slot, generation), range))
    }

    /// The leaf table over a range that has only one: what a slot notes.
    pub(crate) fn only_leaf(&self, range: PageRange) -> FrameIndex {
        self.tables.only_leaf(&self.machine, &self.frames.buddy, range)
    }

    /// Takes neighbouring frames for the kernel itself: for DMA, or under a heap. They are not mapped,
    /// and never come back.
    ///
    /// # Shape
    ///
    /// A power of two of frames, rounded up, at most 1024, physically aligned to its size; they read as
    /// zeros. `None` where no such block is free.
    ///
    /// # Context
    ///
    /// Takes locks, and may wait for other CPUs before it fails: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(frames).
    #[must_use = "a run that is dropped is lost"]
    pub fn take_run(&self, frames: u64) -> Option<FrameRange> {
        let run = self.frames.take_run(frames).or_else(|| {
            self.reclaim_for(FlushReason::Exhausted);
            self.frames.take_run(frames)
        })?;
        for offset in 0..run.count {
            raw::clear(&self.machine, run.start + offset);
        }
        Counters::add(&self.counters.frames_heap, run.count);
        Some(run)
    }

    /// Makes the `number`-th reservation of a kind from now fail, once; 0 takes that back. For tests of
    /// what a kernel does then. A request that fails so is not tried again.
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock. Not exact while several CPUs allocate.
    pub fn inject(&self, kind: Reservation, number: u32) {
        self.injector.arm(kind, number);
    }
}

impl<M: Machine> fmt::Debug for Vmalloc<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vmalloc").field("window", &self.window).finish_non_exhaustive()
    }
}
