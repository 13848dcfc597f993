//! From unmapped to free: the only holder of addresses and frames between the two.
//!
//! Whatever is unmapped ends up in an [`Unmapped`] record, which nothing outside this module can
//! take apart. Its frames are [`LazyFrames`]: they can be had only in exchange for the proof of a
//! flush, so putting back a frame that a TLB may still know does not compile.

use crate::allocator::Vmalloc;
use crate::frame::{FrameChain, LazyFrames};
use crate::machine::Machine;
use crate::page::PageRange;
use crate::region::RegionInfo;
use crate::stats::Counters;
use crate::tlb::FlushKind;

/// What a purge released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Areas whose addresses are free again.
    pub areas: u64,
    /// Their pages, with guards.
    pub pages: u64,
    /// How translations were invalidated.
    pub flush: FlushKind,
}

/// The three parts of what a free leaves behind. They differ in principle: a region that shrinks
/// will unmap other pages than the addresses that it releases.
#[derive(Debug)]
#[must_use = "dropping the record loses its addresses and frames"]
pub(crate) struct Unmapped {
    /// Pages whose translations must go.
    flush: PageRange,
    /// Addresses to release, with the guard.
    addresses: PageRange,
    /// The frames that were behind the pages.
    frames: LazyFrames,
    /// The region that ends.
    region: RegionInfo,
}

impl Unmapped {
    /// Takes charge of a claimed region's pages, addresses and frames.
    pub(crate) fn new(region: RegionInfo, frames: LazyFrames) -> Self {
        Self { flush: region.range, addresses: region.with_guard(), frames, region }
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Flushes, and then releases what the record holds.
    pub(crate) fn retire(&self, record: Unmapped) -> Purged {
        let turn = self.purging.lock();
        let Unmapped { flush, addresses, frames, region } = record;
        // Unlinked before the flush, freed after it: the flush drops cached upper entries too.
        let tables = self.tables.detach(&self.machine, &self.frames, flush);
        let flushed = self.tlb.flush(&self.machine);
        drop(turn);

        Counters::add(&self.counters.flushes_full, 1);
        Counters::add(&self.counters.purges, 1);
        self.release(frames.release(&flushed));
        self.release(tables.release(&flushed));
        let pages = addresses.count().get();
        self.areas.lock().put(addresses.start().start_address().as_u64() >> 12, pages);
        self.slots.put(region.id.slot(), region.system);
        Purged { areas: 1, pages, flush: FlushKind::Full }
    }

    /// Purges what is lazy. Every free is followed by its flush, so nothing ever waits.
    pub fn purge(&self) -> Purged {
        Purged { areas: 0, pages: 0, flush: FlushKind::None }
    }

    /// Puts frames back that no translation reaches.
    pub(crate) fn release(&self, chain: FrameChain) {
        if M::RETIRES {
            for frame in chain.frames(self.frames.metas()) {
                self.machine.retire(self.frames.frame(frame));
            }
        }
        self.frames.put(chain);
    }
}
