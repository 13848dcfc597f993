//! Internals of the crate for its own benchmark. Not part of the public interface.
//!
//! Through this module the benchmark measures steps that the public methods only perform together.

use crate::allocator::parts::Core;
use crate::allocator::{Vmalloc, unmap};
use crate::area::Fit;
use crate::frame::FrameChain;
use crate::machine::{CpuId, Machine};
use crate::page::{PageCount, PageRange};
use crate::paging::{Entry, Mapping};
use crate::request::Protection;

/// Addresses that were taken, with their slot.
#[derive(Clone, Copy, Debug)]
pub struct TakenArea {
    /// The slot, which [`Addresses::put`] needs.
    pub handle: u32,
    /// The number of the first page.
    pub start: u64,
}

/// The addresses of a window, measured without frames and entries.
#[derive(Debug)]
pub struct Addresses<M: Machine>(Vmalloc<M>);

impl<M: Machine> Addresses<M> {
    /// Wraps a window, of which only the addresses are used.
    #[must_use]
    pub fn new(vmalloc: Vmalloc<M>) -> Self {
        Self(vmalloc)
    }

    /// Takes a slot and a run of pages with a guard page.
    #[inline]
    pub fn take(&mut self, pages: u32) -> Option<TakenArea> {
        let fit = Fit { length: u64::from(pages) + 1, align: 1, phase: 0, system: false };
        let area = self.0.core.areas.take(CpuId(0), &fit).ok()?;
        let record = self.0.core.slots().slot(area.slot);
        record.set_addresses(area.start, area.length);
        record.set_frames(FrameChain::new().note());
        Some(TakenArea { handle: area.slot, start: area.start })
    }

    /// Returns the slot and the addresses.
    #[inline]
    pub fn put(&mut self, area: TakenArea) {
        self.0.core.areas.put(CpuId(0), area.handle);
    }
}

/// A range whose tables stay, and frames to map there, to measure the stores and clears of entries.
///
/// The counts of the tables do not change, which would be one more step for each leaf table: the
/// region keeps its tables, and a full table cannot be counted twice.
#[derive(Debug)]
pub struct Pages<M: Machine> {
    vmalloc: Vmalloc<M>,
    range: PageRange,
    slot: u32,
    frames: FrameChain,
}

impl<M: Machine> Pages<M> {
    /// Allocates a region of `pages` pages and unmaps its frames.
    ///
    /// # Panics
    ///
    /// If the window is too small for the region.
    #[must_use]
    pub fn new(vmalloc: Vmalloc<M>, pages: PageCount) -> Self {
        let id = vmalloc.vmalloc(pages.bytes()).expect("the window is new").into_raw();
        let range = vmalloc.info(id).expect("it was not freed").range;
        let frames = Self::take_out(&vmalloc, range);
        Self { vmalloc, range, slot: id.slot(), frames }
    }

    fn take_out(vmalloc: &Vmalloc<M>, range: PageRange) -> FrameChain {
        unmap::clear(&vmalloc.core, range, false).release_unflushed()
    }

    /// Stores an entry for each page.
    ///
    /// # Panics
    ///
    /// If the pages are mapped.
    pub fn map(&mut self) {
        let Core { tables, machine, frames, .. } = &self.vmalloc.core;
        let rights = Entry::rights(Protection::ReadWrite);
        let mapping = Mapping { rights, slot: self.slot };
        let chain = &mut self.frames;
        tables.commit(machine, &frames.buddy, self.range, None, chain, mapping);
    }

    /// Clears the entries of all pages.
    ///
    /// # Panics
    ///
    /// If the pages are not mapped.
    pub fn unmap(&mut self) {
        self.frames = Self::take_out(&self.vmalloc, self.range);
    }
}
