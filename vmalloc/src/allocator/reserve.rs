//! Takes what can run out: all of it, or none.

use crate::allocator::Vmalloc;
use crate::error::AllocateError;
use crate::frame::{FrameChain, Shortage};
use crate::inject::Reservation;
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, PageCount, PageRange};
use crate::request::Request;

impl<M: Machine> Vmalloc<M> {
    /// Takes a region slot.
    pub(super) fn reserve_slot(&self, system: bool) -> Result<u32, AllocateError> {
        let exhausted = AllocateError::RegionsExhausted { limit: self.slots.limit() };
        if self.injector.fails(Reservation::Region) {
            return Err(exhausted);
        }
        self.slots.take(system).ok_or(exhausted)
    }

    /// Takes addresses, frames and tables, or none of them.
    pub(super) fn reserve_behind(
        &self,
        request: &Request,
    ) -> Result<(PageRange, FrameChain), AllocateError> {
        let range = self.reserve_area(request)?;
        let reserve = if request.may_take_reserve() { 0 } else { self.frames_reserve };
        let result = self
            .reserve_frames(request.pages().get(), reserve)
            .and_then(|frames| self.reserve_tables(range, frames));
        match result {
            Ok(frames) => Ok((range, frames)),
            Err(Shortage { requested, available }) => {
                self.release_area(range);
                Err(AllocateError::FramesExhausted { requested, available })
            }
        }
    }

    fn reserve_area(&self, request: &Request) -> Result<PageRange, AllocateError> {
        let with_guard = request.pages().checked_add(PageCount::ONE);
        let requested = with_guard.expect("a request leaves room for its guard");
        let mut areas = self.areas.lock();
        let injected = self.injector.fails(Reservation::Area);
        let found =
            if injected { None } else { areas.take(requested.get(), request.alignment().get()) };
        let Some(start) = found else {
            let gap = PageCount::from_pages(areas.largest()).unwrap_or(PageCount::MAX);
            let align = request.alignment();
            return Err(AllocateError::WindowExhausted { requested, align, largest_gap: gap });
        };
        let offset = start - self.window.address().as_u64() / PAGE_BYTES;
        let offset = PageCount::from_pages(offset).expect("the run lies in the window");
        Ok(PageRange::within(self.window, offset, request.pages()))
    }

    fn release_area(&self, range: PageRange) {
        let start = range.address().as_u64() / PAGE_BYTES;
        self.areas.lock().put(start, range.count().get() + 1);
    }

    fn reserve_frames(&self, count: u64, reserve: u64) -> Result<FrameChain, Shortage> {
        if self.injector.fails(Reservation::Frame) {
            return Err(Shortage { requested: count, available: self.frames.free_count() });
        }
        self.frames.take(count, reserve)
    }

    /// Makes the tables over `range`; on a shortage all frames go back, those of the pages too.
    fn reserve_tables(&self, range: PageRange, frames: FrameChain) -> Result<FrameChain, Shortage> {
        let mut stash = FrameChain::new();
        loop {
            let reserved = self.tables.reserve(&self.machine, &self.frames, range, &mut stash);
            let Err(needed) = reserved else {
                // A table that another CPU made meanwhile leaves its frame over.
                self.frames.put(stash);
                return Ok(frames);
            };
            while stash.count() < needed {
                match self.reserve_table_frame() {
                    Ok(frame) => stash.append(self.frames.metas(), frame),
                    Err(shortage) => {
                        self.frames.put(stash);
                        self.frames.put(frames);
                        return Err(shortage);
                    }
                }
            }
        }
    }

    fn reserve_table_frame(&self) -> Result<FrameChain, Shortage> {
        if self.injector.fails(Reservation::Table) {
            return Err(Shortage { requested: 1, available: self.frames.free_count() });
        }
        self.frames.take(1, 0)
    }
}
