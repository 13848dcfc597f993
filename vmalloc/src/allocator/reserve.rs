//! Takes what can run out: all of it, or none.

use crate::allocator::Vmalloc;
use crate::area::{Area, Fit, NoArea};
use crate::error::AllocateError;
use crate::frame::supply::Supply;
use crate::frame::{FrameChain, Shortage, Wish};
use crate::inject::Reservation;
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount, PageRange};
use crate::paging::{Pinned, Stash};
use crate::raw;
use crate::request::{Huge, Request};
use crate::stats::Counters;

impl<M: Machine> Vmalloc<M> {
    /// Whether something is kept back that could help a request that found nothing. An injected
    /// failure is not to be helped.
    pub(super) fn can_reclaim(&self) -> bool {
        !self.injector.has_fired()
            && (self.lazies.iter().any(|list| list.pages() > 0)
                || self.deferred.areas() > 0
                || self.areas.held().areas > 0
                || self.frames.waiting() > 0
                || self.tables.made().cached > 0)
    }

    /// Frames that nobody has, those at rest with areas too.
    pub(super) fn frames_free(&self) -> u64 {
        self.frames.free_count() + self.areas.held().frames
    }

    /// Takes a slot and addresses.
    #[inline]
    pub(super) fn reserve_area(
        &self,
        cpu: CpuId,
        request: &Request,
    ) -> Result<(Area, PageRange), AllocateError> {
        let with_guard = request.pages().checked_add(PageCount::ONE);
        let requested = with_guard.expect("a request leaves room for its guard");
        let align = request.alignment();
        let fit = Fit {
            length: requested.get(),
            align: align.get(),
            phase: 0,
            system: request.is_system(),
        };
        let first = match request.wanted_huge() {
            Huge::Never => fit,
            _ => Fit { align: fit.align.max(LARGE_PAGES), ..fit },
        };
        let area = self.reserve_fit(cpu, &first).or_else(|none| match none {
            NoArea::Addresses if request.wanted_huge() == Huge::Try => self.reserve_fit(cpu, &fit),
            none => Err(none),
        });
        match area {
            Ok(area) => Ok((area, self.pages_at(area.start, request.pages()))),
            Err(none) => Err(self.no_area(none, &first)),
        }
    }

    /// The error for what does not fit.
    #[cold]
    #[inline(never)]
    pub(super) fn no_area(&self, none: NoArea, fit: &Fit) -> AllocateError {
        let pages = |count| PageCount::from_pages(count).unwrap_or(PageCount::MAX);
        match none {
            NoArea::Slot => AllocateError::RegionsExhausted { limit: self.slots().limit() },
            NoArea::Addresses => AllocateError::WindowExhausted {
                requested: pages(fit.length),
                align: pages(fit.align),
                largest_gap: pages(self.areas.largest()),
            },
        }
    }

    /// Takes a slot alone.
    pub(super) fn reserve_slot(&self, system: bool) -> Result<u32, AllocateError> {
        let exhausted = AllocateError::RegionsExhausted { limit: self.slots().limit() };
        if self.injector.fails(Reservation::Region) {
            return Err(exhausted);
        }
        self.slots().take(system).ok_or(exhausted)
    }

    /// Takes exactly these addresses, without a slot.
    pub(super) fn reserve_at(&self, start: u64, length: u64) -> Result<(), NoArea> {
        let is_free = !self.injector.fails(Reservation::Area) && self.areas.take_at(start, length);
        if is_free { Ok(()) } else { Err(NoArea::Addresses) }
    }

    /// Takes a slot and addresses that fit. Frames that rested with them are ready for the next one
    /// to ask.
    #[inline]
    pub(super) fn reserve_fit(&self, cpu: CpuId, fit: &Fit) -> Result<Area, NoArea> {
        if self.injector.fails(Reservation::Region) {
            return Err(NoArea::Slot);
        }
        if self.injector.fails(Reservation::Area) {
            return Err(NoArea::Addresses);
        }
        let area = self.areas.take(cpu, fit)?;
        if area.is_pooled() {
            self.frames.put(cpu, self.slots().slot(area.slot).take_rested());
        }
        Ok(area)
    }

    /// The pages from a page number of the window on.
    #[inline]
    pub(super) fn pages_at(&self, start: u64, count: PageCount) -> PageRange {
        let offset = start - self.window.address().as_u64() / PAGE_BYTES;
        let offset = PageCount::from_pages(offset).expect("the area lies in the window");
        PageRange::within(self.window, offset, count)
    }

    /// Takes frames and tables for an area that is in hand, or gives the area back. The table is
    /// that of a range which has only one.
    #[inline]
    pub(super) fn reserve_backing(
        &self,
        cpu: CpuId,
        request: &Request,
        area: Area,
        range: PageRange,
    ) -> Result<(FrameChain, Option<Pinned>), AllocateError> {
        let wish = self.wish_of(cpu, request);
        let frames = match self.reserve_frames(cpu, range.count().get(), &wish) {
            Ok(frames) => frames,
            Err(shortage) => return Err(self.no_backing(cpu, request, area, shortage)),
        };
        match self.reserve_tables(cpu, range, area.slot) {
            Ok(leaf) => Ok((self.clean(frames, request.is_zeroed()), leaf)),
            Err(shortage) => {
                self.frames.put(cpu, frames.plain);
                self.frames.put_zeroed(frames.zeroed);
                Err(self.no_backing(cpu, request, area, shortage))
            }
        }
    }

    /// Gives an area back behind which nothing can be mapped.
    #[cold]
    #[inline(never)]
    fn no_backing(
        &self,
        cpu: CpuId,
        request: &Request,
        area: Area,
        shortage: Shortage,
    ) -> AllocateError {
        self.areas.untake(cpu, area, request.is_system());
        let Shortage { requested, available } = shortage;
        AllocateError::FramesExhausted { requested, available }
    }

    /// Any frames, the CPU's own first.
    #[inline]
    pub(super) fn wish(&self, cpu: CpuId) -> Wish {
        let (node, nodes) = (self.machine.node(cpu) as usize, self.frames.nodes());
        // A CPU's node may have no memory.
        let node = if node < nodes { node } else { node % nodes };
        Wish { node, named: false, only: false, zeroed: false, reserve: 0 }
    }

    /// The frames that a request asks for.
    pub(super) fn wish_of(&self, cpu: CpuId, request: &Request) -> Wish {
        let reserve = if request.may_take_reserve() { 0 } else { self.frames_reserve };
        let plain = Wish { zeroed: request.is_zeroed(), reserve, ..self.wish(cpu) };
        match request.wanted_node() {
            None => plain,
            Some((node, only)) => Wish { node: node as usize, named: true, only, ..plain },
        }
    }

    /// Clears what must read as zeros and does not yet, and joins it with what does.
    #[inline]
    pub(super) fn clean(&self, frames: Supply, zeroed: bool) -> FrameChain {
        if zeroed {
            self.clear_frames(&frames.plain);
            Counters::add(&self.counters.zeroed_hits, frames.zeroed.count());
        }
        let Supply { plain: mut all, zeroed: ready } = frames;
        all.append(self.frames.buddy.metas(), ready);
        all
    }

    /// Clears frames while their owner waits.
    #[inline(never)]
    pub(super) fn clear_frames(&self, plain: &FrameChain) {
        for frame in plain.frames(self.frames.buddy.metas()) {
            raw::clear(&self.machine, self.frames.buddy.frame(frame));
        }
        Counters::add(&self.counters.zeroed_misses, plain.count());
    }

    /// Takes the frames behind pages.
    #[inline]
    pub(super) fn reserve_frames(
        &self,
        cpu: CpuId,
        count: u64,
        wish: &Wish,
    ) -> Result<Supply, Shortage> {
        if self.injector.fails(Reservation::Frame) {
            return Err(Shortage { requested: count, available: self.frames_free() });
        }
        self.frames.take(cpu, count, wish)
    }

    /// Makes the tables over `range`, or takes no frame.
    #[inline]
    pub(super) fn reserve_tables(
        &self,
        cpu: CpuId,
        range: PageRange,
        slot: u32,
    ) -> Result<Option<Pinned>, Shortage> {
        match self.tables.pin(&self.machine, &self.frames.buddy, range, slot) {
            Some(leaf) => Ok(Some(leaf)),
            None => self.make_tables(cpu, range, slot).map(|()| None),
        }
    }

    #[inline(never)]
    fn make_tables(&self, cpu: CpuId, range: PageRange, slot: u32) -> Result<(), Shortage> {
        let (machine, frames) = (&self.machine, &self.frames.buddy);
        self.with_stash(cpu, |stash| self.tables.reserve(machine, frames, range, slot, stash))
    }

    /// Tries until the frames for tables are enough, or there are no more.
    pub(super) fn with_stash(
        &self,
        cpu: CpuId,
        attempt: impl Fn(&mut Stash) -> Result<(), u64>,
    ) -> Result<(), Shortage> {
        let mut stash = Stash::new();
        let result = loop {
            match attempt(&mut stash) {
                Ok(()) => break Ok(()),
                Err(needed) => {
                    if let Err(shortage) = self.fill_stash(cpu, needed, &mut stash) {
                        break Err(shortage);
                    }
                }
            }
        };
        // A table that another CPU made meanwhile leaves its frame over.
        self.frames.put(cpu, stash.plain);
        self.frames.put_zeroed(stash.zeroed);
        result
    }

    fn fill_stash(&self, cpu: CpuId, needed: u64, stash: &mut Stash) -> Result<(), Shortage> {
        let metas = self.frames.buddy.metas();
        let wish = Wish { zeroed: true, ..self.wish(cpu) };
        while stash.count() < needed {
            if self.injector.fails(Reservation::Table) {
                return Err(Shortage { requested: needed, available: self.frames_free() });
            }
            let frame = self.frames.take(cpu, 1, &wish)?;
            stash.plain.append(metas, frame.plain);
            stash.zeroed.append(metas, frame.zeroed);
        }
        Ok(())
    }
}
