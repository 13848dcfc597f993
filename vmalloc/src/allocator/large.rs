//! Regions with leaves of 2 MiB.

use crate::allocator::Vmalloc;
use crate::area::Area;
use crate::error::AllocateError;
use crate::frame::{FrameChain, Shortage, Wish};
use crate::inject::Reservation;
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PageRange};
use crate::paging::Mapping;
use crate::raw;
use crate::request::{Huge, Request};
use crate::tlb::{FlushReason, Plan};

/// What lies behind a region that may have large leaves.
pub(super) struct Backing {
    blocks: FrameChain,
    singles: FrameChain,
}

impl Backing {
    /// Whether some leaf will be large.
    pub(super) fn has_large(&self) -> bool {
        self.blocks.count() > 0
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Takes blocks, single frames and tables for an area that is in hand, or gives the area back.
    pub(super) fn reserve_large_backing(
        &self,
        cpu: CpuId,
        request: &Request,
        area: Area,
        range: PageRange,
    ) -> Result<Backing, AllocateError> {
        let wish = self.wish_of(cpu, request);
        let must = request.wanted_huge() == Huge::Must;
        let reserved = self.reserve_blocks(range, &wish, must).and_then(|blocks| {
            let singles = self.reserve_behind_blocks(cpu, range, &blocks, area.slot, &wish);
            match singles {
                Ok(singles) => Ok(Backing { blocks, singles }),
                Err(shortage) => {
                    self.frames.put_large(blocks);
                    Err(shortage)
                }
            }
        });
        let backing = reserved.map_err(|Shortage { requested, available }| {
            self.areas.untake(cpu, area, request.is_system());
            AllocateError::FramesExhausted { requested, available }
        })?;
        if request.is_zeroed() {
            self.clear_blocks(&backing.blocks);
        }
        Ok(backing)
    }

    /// Takes a block for every vacant 2 MiB, or as many as there are.
    fn reserve_blocks(
        &self,
        range: PageRange,
        wish: &Wish,
        must: bool,
    ) -> Result<FrameChain, Shortage> {
        let whole = range.count().get() / LARGE_PAGES;
        let shortage = Shortage { requested: range.count().get(), available: self.frames_free() };
        if self.injector.fails(Reservation::Frame) {
            return Err(shortage);
        }
        // An empty table that is kept may be in the way: then a purge frees it, and this is tried
        // again.
        let vacant = self.tables.vacant(&self.machine, range).min(whole);
        if must && vacant < whole {
            return Err(shortage);
        }
        let blocks = self.frames.take_large(vacant, wish);
        if must && blocks.count() < whole * LARGE_PAGES {
            self.frames.put_large(blocks);
            return Err(shortage);
        }
        Ok(blocks)
    }

    fn reserve_behind_blocks(
        &self,
        cpu: CpuId,
        range: PageRange,
        blocks: &FrameChain,
        slot: u32,
        wish: &Wish,
    ) -> Result<FrameChain, Shortage> {
        let singles = range.count().get() - blocks.count();
        let supply = self.frames.take(cpu, singles, wish)?;
        let larges = blocks.count() / LARGE_PAGES;
        let (machine, buddy) = (&self.machine, &self.frames.buddy);
        let reserved = self.with_stash(cpu, |stash| {
            self.tables.reserve_large(machine, buddy, range, slot, larges, stash)
        });
        match reserved {
            Ok(()) => Ok(self.clean(supply, wish.zeroed)),
            Err(shortage) => {
                self.frames.put(cpu, supply.plain);
                self.frames.put_zeroed(supply.zeroed);
                Err(shortage)
            }
        }
    }

    fn clear_blocks(&self, blocks: &FrameChain) {
        for block in blocks.frames(self.frames.buddy.metas()) {
            for offset in 0..LARGE_PAGES {
                raw::clear(&self.machine, self.frames.buddy.frame(block) + offset);
            }
        }
    }

    /// Stores the entries.
    pub(super) fn commit_large(&self, range: PageRange, backing: Backing, mapping: Mapping) {
        let Backing { mut blocks, mut singles } = backing;
        let (machine, buddy) = (&self.machine, &self.frames.buddy);
        self.tables.commit_large(machine, buddy, range, &mut blocks, &mut singles, mapping);
    }

    /// Splits every large leaf that a range touches, in two steps: first small leaves with the same
    /// frames and rights take its place, then every CPU forgets the large one. What the caller
    /// changes after that, no CPU sees half of.
    pub(super) fn split(&self, cpu: CpuId, range: PageRange) -> Result<(), Shortage> {
        let (machine, buddy) = (&self.machine, &self.frames.buddy);
        let larges = self.tables.larges(machine, range);
        if larges == 0 {
            return Ok(());
        }
        self.with_stash(cpu, |stash| {
            if stash.count() < larges {
                return Err(larges);
            }
            self.tables.split(machine, buddy, range, stash);
            Ok(())
        })?;
        self.flush_now(&Plan::full(), FlushReason::Split);
        Ok(())
    }

    /// Puts frames back, single ones and blocks, that no translation reaches.
    pub(crate) fn release_mixed(&self, cpu: CpuId, chain: FrameChain) {
        let (singles, blocks) = chain.without_blocks(self.frames.buddy.metas());
        if M::RETIRES {
            for block in blocks.frames(self.frames.buddy.metas()) {
                for offset in 0..LARGE_PAGES {
                    self.machine.retire(self.frames.buddy.frame(block) + offset, false);
                }
            }
        }
        self.release(cpu, singles);
        self.frames.put_large(blocks);
    }
}
