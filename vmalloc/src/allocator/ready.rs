//! The short ways: an area from the CPU's pool, frames from its magazine, and a leaf table that is
//! there; and back. Nearly every request goes them. Whatever they do not know is left to the long
//! way, which begins anew.
//!
//! For [`Vmalloc::vmalloc`] one page is written out: a chain of one frame costs more than the frame.

use super::Vmalloc;
use crate::frame::{FrameChain, FrameIndex};
use crate::machine::{CpuId, Machine};
use crate::page::{Page, PageCount, PageRange};
use crate::paging::span::Span;
use crate::paging::{Entry, Mapping};
use crate::region::slot::{Slot, Stage, Traits};
use crate::region::{Region, RegionId};
use crate::request::Request;
use crate::trace::TraceRecord;

impl<M: Machine> Vmalloc<M> {
    #[inline(always)]
    fn knows(&self, request: &Request) -> bool {
        // Where the buddy holds the reserve, what waits in magazines is for everybody.
        request.is_plain()
            && request.pages().bytes() <= self.usable
            && self.frames.buddy.free_count() >= self.frames_reserve
            && !self.injector.is_armed()
    }

    /// As [`make_of_ready`](Self::make_of_ready), for a request of one page. Inlined once, into the
    /// verb that is called most: elsewhere a chain of one frame is good enough.
    #[inline(always)]
    pub(super) fn make_page(&self, cpu: CpuId, request: &Request) -> Option<Region<'_, M>> {
        if !self.knows(request) {
            return None;
        }
        let (slot, record) = self.areas.take_ready(cpu, 2, request.alignment().get())?;
        let Some(frame) = self.frames.take_one(cpu) else {
            self.put_ready(cpu, slot, FrameChain::new());
            return None;
        };
        // At rest the record stands for the addresses that it will have.
        let page = record.page();
        let frames = &self.frames.buddy;
        let Some(leaf) = self.tables.pin_page(&self.machine, frames, page) else {
            self.put_ready(cpu, slot, FrameChain::single(frame));
            return None;
        };
        let range = PageRange::proven(page, PageCount::ONE);
        let mapping = build(record, request, range, slot);
        self.tables.commit_page(&self.machine, frames, page, leaf, frame, mapping);
        Some(self.show(cpu, request, record, slot, range))
    }

    /// Allocates out of what is ready, or changes nothing.
    #[inline(never)]
    pub(super) fn make_of_ready(&self, cpu: CpuId, request: &Request) -> Option<Region<'_, M>> {
        let pages = request.pages().get();
        if !self.knows(request) {
            return None;
        }
        let (slot, record) = self.areas.take_ready(cpu, pages + 1, request.alignment().get())?;
        let range = record.range();
        // Asked before frames are counted off: a range over two tables is for the long way.
        let chain = Span::only(range).and_then(|_| self.frames.take_ready(cpu, pages));
        let Some(mut chain) = chain else {
            self.put_ready(cpu, slot, FrameChain::new());
            return None;
        };
        let frames = &self.frames.buddy;
        let Some(leaf) = self.tables.pin(&self.machine, frames, range) else {
            self.put_ready(cpu, slot, chain);
            return None;
        };
        let mapping = build(record, request, range, slot);
        self.tables.commit(&self.machine, frames, range, Some(leaf), &mut chain, mapping);
        Some(self.show(cpu, request, record, slot, range))
    }

    #[inline(always)]
    fn show(
        &self,
        cpu: CpuId,
        request: &Request,
        record: &Slot,
        slot: u32,
        range: PageRange,
    ) -> Region<'_, M> {
        let id = RegionId::new(slot, record.publish(Stage::Owned));
        self.trace(|| TraceRecord::allocate(request, Some((id, range))));
        self.tally(cpu).allocated(range.count().get(), false);
        Region::new(self, id, range)
    }

    /// Puts back what was taken, where the next one to take finds it again.
    #[cold]
    #[inline(never)]
    fn put_ready(&self, cpu: CpuId, slot: u32, chain: FrameChain) {
        self.frames.put(cpu, chain);
        self.areas.untake_ready(cpu, slot);
    }

    /// Takes the entry of a region of one page out, whose slot is claimed.
    #[inline(always)]
    pub(super) fn unmap_page(&self, page: Page) -> FrameIndex {
        self.tables.clear_page(&self.machine, &self.frames.buddy, page)
    }
}

/// Notes what is being built, and says how it is mapped.
#[inline(always)]
fn build(record: &Slot, request: &Request, range: PageRange, slot: u32) -> Mapping {
    let protection = request.wanted_protection();
    let align = request.alignment().get().trailing_zeros();
    record.build(request, range, Traits { protection, align, ..Traits::default() });
    Mapping { rights: Entry::rights(protection), slot }
}
