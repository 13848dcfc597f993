//! The order of steps of every verb, and nothing else.

mod reserve;

use core::fmt;

use spin::Mutex;
use x86_64::{PhysAddr, VirtAddr};

use crate::area::FreeTree;
use crate::error::{AllocateError, RegionError, RequestError};
use crate::frame::{Buddy, FrameRange};
use crate::inject::{Injector, Reservation};
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, Page, PageRange};
use crate::paging::{Entry, Tables, Walk};
use crate::purge::Unmapped;
use crate::raw;
use crate::region::slot::Stage;
use crate::region::slots::Slots;
use crate::region::{Region, RegionId, RegionInfo, RegionState};
use crate::request::Request;
use crate::setup::{Config, Parts};
use crate::stats::Counters;
use crate::tlb::Generations;

/// A window, its frames and its regions.
///
/// Shared by all code of a kernel: every method takes `&self`. Unless a method says otherwise it
/// takes locks and may flush, so it must not be called from interrupt or fault handlers.
pub struct Vmalloc<M: Machine> {
    pub(crate) machine: M,
    pub(crate) window: PageRange,
    pub(crate) frames: Buddy,
    pub(crate) areas: Mutex<FreeTree>,
    pub(crate) slots: Slots,
    pub(crate) tables: Tables,
    pub(crate) tlb: Generations,
    /// Held while one purge runs: purges are totally ordered.
    pub(crate) purging: Mutex<()>,
    pub(crate) counters: Counters,
    pub(crate) frames_total: u64,
    pub(crate) frames_slabs: u64,
    pub(crate) frames_reserve: u64,
    /// Bytes that clients can have at most.
    usable: u64,
    injector: Injector,
}

/// Why the verbs that take a plain size failed.
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
        Self {
            machine,
            window: config.window,
            frames: parts.frames,
            areas: Mutex::new(parts.areas),
            slots: parts.slots,
            tables: parts.tables,
            tlb: Generations::default(),
            purging: Mutex::new(()),
            counters: Counters::default(),
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
        self.slots.limit()
    }

    /// Allocates `bytes` bytes with undefined contents, rounded up to pages.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    pub fn vmalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?;
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates `bytes` bytes that read as zeros, rounded up to pages.
    ///
    /// # Errors
    ///
    /// As [`Request::try_new`] and [`allocate`](Self::allocate).
    pub fn vzalloc(&self, bytes: u64) -> Result<Region<'_, M>, VmallocError> {
        let request = Request::try_new(bytes).map_err(VmallocError::Request)?.zeroed();
        self.allocate(&request).map_err(VmallocError::Allocate)
    }

    /// Allocates a region.
    ///
    /// # Shape
    ///
    /// Pages at adjacent addresses on frames from anywhere, with one unmapped guard page behind.
    ///
    /// # Errors
    ///
    /// Nothing has changed after any of them.
    ///
    /// - [`AllocateError::TooBig`]: more than clients could ever have.
    /// - [`AllocateError::RegionsExhausted`]: no region slot is free.
    /// - [`AllocateError::WindowExhausted`]: no run of addresses is long enough.
    /// - [`AllocateError::FramesExhausted`]: too few frames for the pages or the tables.
    ///
    /// # Complexity
    ///
    /// O(log n) in the free runs, O(pages).
    pub fn allocate(&self, request: &Request) -> Result<Region<'_, M>, AllocateError> {
        let result = self.reserve_and_commit(request);
        let counters = &self.counters;
        match &result {
            Ok(info) => {
                Counters::add(&counters.allocations, 1);
                Counters::add(self.living(info), 1);
                Counters::add(&counters.pages_mapped, info.range.count().get());
            }
            Err(_) => Counters::add(&counters.allocations_failed, 1),
        }
        result.map(|info| Region::new(self, info))
    }

    /// Takes all that can run out, in the order slot, addresses, frames, tables, and only then
    /// stores the first entry.
    fn reserve_and_commit(&self, request: &Request) -> Result<RegionInfo, AllocateError> {
        let pages = request.pages();
        if !request.may_take_reserve() && pages.bytes() > self.usable {
            let (requested, usable) = (request.requested(), self.usable);
            return Err(AllocateError::TooBig { requested, usable });
        }
        let slot = self.reserve_slot(request.is_system())?;
        let reserved = self.reserve_behind(request);
        let (range, mut frames) = match reserved {
            Ok(reserved) => reserved,
            Err(error) => {
                self.slots.untake(slot, request.is_system());
                return Err(error);
            }
        };

        // From here on nothing can fail.
        if request.is_zeroed() {
            for frame in frames.frames(self.frames.metas()) {
                raw::clear(&self.machine, self.frames.frame(frame));
            }
        }
        let record = self.slots.slot(slot);
        record.build(request, range);
        let id = RegionId::new(slot, record.generation());
        let rights = Entry::rights(request.wanted_protection());
        self.tables.commit(&self.machine, &self.frames, range, &mut frames, rights, id.get());
        record.publish();
        Ok(self.slots.read(id).expect("nobody else knows the id yet"))
    }

    /// Frees a region that [`Region::into_raw`] let go, by its id, and says what it was.
    ///
    /// # Errors
    ///
    /// [`RegionError::Unknown`], [`RegionError::Gone`] and [`RegionError::Owned`], without effect on
    /// anybody else: ids are never reused, and of two callers that free the same region one wins.
    ///
    /// # Complexity
    ///
    /// O(pages), and a flush.
    pub fn vfree(&self, id: RegionId) -> Result<RegionInfo, RegionError> {
        self.free(id, Stage::Loose)
    }

    /// Frees a region in a stage that says who may.
    pub(crate) fn free(&self, id: RegionId, from: Stage) -> Result<RegionInfo, RegionError> {
        let info = self.slots.claim(id, from).inspect_err(|_| {
            Counters::add(&self.counters.frees_refused, 1);
        })?;
        let frames = self.tables.clear(&self.machine, &self.frames, info.range);
        Counters::add(&self.counters.frees, 1);
        Counters::sub(self.living(&info), 1);
        Counters::sub(&self.counters.pages_mapped, info.range.count().get());
        self.retire(Unmapped::new(info, frames));
        Ok(info)
    }

    /// Frees the region that starts at an address: for callers that keep pointers, not ids.
    ///
    /// # Errors
    ///
    /// [`RegionError::NotRegionStart`] for every other address, inside a region, in a guard or
    /// free; [`RegionError::Gone`] if another CPU frees the region first.
    pub fn vfree_at(&self, start: VirtAddr) -> Result<RegionInfo, RegionError> {
        let region = self.locate(start).region;
        let found = region.filter(|info| info.state == RegionState::Busy);
        match found {
            Some(info) if info.range.address() == start => self.vfree(info.id),
            _ => {
                Counters::add(&self.counters.frees_refused, 1);
                let region_start = found.map_or(0, |info| info.range.address().as_u64());
                Err(RegionError::NotRegionStart { address: start.as_u64(), region_start })
            }
        }
    }

    /// Says what is known of a living region.
    ///
    /// # Errors
    ///
    /// [`RegionError::Unknown`] and [`RegionError::Gone`].
    ///
    /// # Context
    ///
    /// Takes no lock.
    pub fn info(&self, id: RegionId) -> Result<RegionInfo, RegionError> {
        self.slots.known(id)?;
        let info = self.slots.read(id).filter(|info| info.state == RegionState::Busy);
        info.ok_or(RegionError::Gone { id })
    }

    /// Walks the real tables.
    ///
    /// # Context
    ///
    /// Takes no lock: a fault handler may call it.
    #[must_use]
    pub fn walk(&self, address: VirtAddr) -> Walk {
        self.tables.walk(&self.machine, address)
    }

    /// The physical address behind an address, from the real tables.
    #[must_use]
    pub fn translate(&self, address: VirtAddr) -> Option<PhysAddr> {
        self.walk(address).translation()
    }

    /// The pages of a region with their entries, in order.
    pub fn entries(&self, info: &RegionInfo) -> impl Iterator<Item = (Page, Walk)> {
        info.range.pages().map(|page| (page, self.walk(page.start_address())))
    }

    /// Takes neighbouring frames for the kernel itself: for DMA, or under a heap. The number is
    /// rounded up to a power of two; the frames read as zeros.
    #[must_use = "a run that is dropped is lost"]
    pub fn take_run(&self, frames: u64) -> Option<FrameRange> {
        let run = self.frames.take_run(frames)?;
        for offset in 0..run.count {
            raw::clear(&self.machine, run.start + offset);
        }
        Counters::add(&self.counters.frames_heap, run.count);
        Some(run)
    }

    /// Makes the `number`-th reservation of a kind from now fail, once; 0 takes that back.
    pub fn inject(&self, kind: Reservation, number: u32) {
        self.injector.arm(kind, number);
    }

    fn living(&self, info: &RegionInfo) -> &core::sync::atomic::AtomicU64 {
        if info.system { &self.counters.areas_system } else { &self.counters.areas }
    }
}

impl<M: Machine> fmt::Debug for Vmalloc<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vmalloc").field("window", &self.window).finish_non_exhaustive()
    }
}
