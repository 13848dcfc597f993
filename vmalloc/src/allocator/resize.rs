//! `vrealloc`: the same, shrunk, grown in place, or moved; entries move, bytes do not.

use crate::allocator::{Region, Vmalloc};
use crate::error::{AllocateError, RegionError, ResizeError};
use crate::frame::{FrameChain, Shortage, Wish};
use crate::id::RegionId;
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount, PageRange};
use crate::paging::{Entry, Mapping};
use crate::raw;
use crate::region::RegionInfo;
use crate::region::extent::Traits;
use crate::region::slot::Slot;
use crate::region::stage::Stage;
use crate::request::{Request, Resize, Resized};
use crate::tlb::{FlushReason, Plan};

/// A claimed region and what it is to become.
pub(super) struct Change<'s> {
    pub(super) cpu: CpuId,
    pub(super) slot: u32,
    pub(super) record: &'s Slot,
    pub(super) old: PageRange,
    /// Pages that it shall have.
    pub(super) pages: PageCount,
    /// Bytes that it shall have, and those that it had.
    pub(super) bytes: u64,
    pub(super) requested: u64,
    pub(super) traits: Traits,
    pub(super) stage: Stage,
}

impl<M: Machine> Vmalloc<M> {
    /// Resizes a region that [`Region::into_raw`] let go: its first bytes stay as they are, and so
    /// does its id. Its address may change.
    ///
    /// # Errors
    ///
    /// As [`resize`](Self::resize).
    ///
    /// # Context
    ///
    /// As [`resize`](Self::resize).
    ///
    /// # Source
    ///
    /// Linux's `vrealloc`, which copies.
    pub fn vrealloc(&self, id: RegionId, bytes: u64) -> Result<(RegionInfo, Resized), ResizeError> {
        self.resize(id, &Resize::to(bytes))
    }

    /// Resizes a region that [`Region::into_raw`] let go, in a chosen way.
    ///
    /// # Shape
    ///
    /// A region that was allocated zeroed reads as zeros in what is added, up to the page's end. A
    /// region that moves keeps its alignment; its old addresses fault, on every CPU, after the next
    /// purge at the latest. A shrink has its guard, on every CPU, when it returns.
    ///
    /// # Errors
    ///
    /// The region is as it was.
    ///
    /// - [`ResizeError::Request`]: the size cannot be asked for.
    /// - [`ResizeError::Region`]: as for [`vfree`](Self::vfree).
    /// - [`ResizeError::Allocate`]: as for [`allocate`](Self::allocate). A shrink and a move need a
    ///   region slot for what they free.
    /// - [`ResizeError::MustMove`]: the addresses behind it are taken, and it must not move.
    /// - [`ResizeError::Mapped`]: its frames are the caller's.
    ///
    /// # Panics
    ///
    /// If another CPU does not answer for 30 times the machine's patience, where a shrink has a new
    /// guard or a large leaf is split.
    ///
    /// # Context
    ///
    /// Takes locks and may wait for other CPUs, a shrink always: for threads with interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages that are added, removed or moved); of whole leaf tables only one entry moves.
    pub fn resize(
        &self,
        id: RegionId,
        wish: &Resize,
    ) -> Result<(RegionInfo, Resized), ResizeError> {
        let how = self.resize_from(id, Stage::Loose, wish)?;
        let info = self.info(id).map_err(ResizeError::Region)?;
        Ok((info, how))
    }

    /// Resizes a region in a stage that says who may.
    pub(crate) fn resize_from(
        &self,
        id: RegionId,
        stage: Stage,
        wish: &Resize,
    ) -> Result<Resized, ResizeError> {
        let request = Request::try_new(wish.bytes).map_err(ResizeError::Request)?;
        self.slots().step(id, stage, stage.changing()).map_err(ResizeError::Region)?;
        let record = self.slots().slot(id.slot());
        let change = Change {
            cpu: self.machine.current(),
            slot: id.slot(),
            record,
            old: record.range(),
            pages: request.pages(),
            bytes: wish.bytes,
            requested: record.requested(),
            traits: record.traits(),
            stage: stage.changing(),
        };
        let result = self.change_size(id, &change, wish);
        if let Ok(how) = result {
            self.counters.resized(how);
        }
        let is_back = record.step(id.generation(), stage.changing(), stage);
        assert!(is_back, "region {id} was taken from who changes it");
        result
    }

    fn change_size(
        &self,
        id: RegionId,
        change: &Change<'_>,
        wish: &Resize,
    ) -> Result<Resized, ResizeError> {
        if change.traits.mapped {
            return Err(ResizeError::Mapped { id });
        }
        let (old, new) = (change.old.count(), change.pages);
        if new == old {
            self.clear_slack(change, wish);
            self.rebuild(change, change.old);
            return Ok(Resized::Same);
        }
        if new < old {
            return self.retry(|| self.shrink(change)).map_err(ResizeError::Allocate);
        }
        if new.bytes() > self.usable {
            let (requested, usable) = (wish.bytes, self.usable);
            return Err(ResizeError::Allocate(AllocateError::TooBig { requested, usable }));
        }
        let is_zeroed = wish.zeroed.unwrap_or(change.traits.zeroed);
        let grow = || self.grow_in_place(change, is_zeroed);
        let mut is_grown = self.retry(grow).map_err(ResizeError::Allocate)?;
        if !is_grown && wish.in_place && self.can_reclaim() {
            // What lies behind it may be lazy or at rest only.
            self.reclaim_for(FlushReason::Exhausted);
            is_grown = self.retry(grow).map_err(ResizeError::Allocate)?;
        }
        let result = match is_grown {
            true => Resized::Grown,
            false if wish.in_place => {
                return Err(ResizeError::MustMove { requested: change.pages });
            }
            false if wish.copy || self.switches.copies() => {
                self.retry(|| self.copy(change, is_zeroed)).map_err(ResizeError::Allocate)?
            }
            false => {
                self.retry(|| self.relocate(change, is_zeroed)).map_err(ResizeError::Allocate)?
            }
        };
        self.clear_slack(change, wish);
        self.tally(change.cpu).grew(new.get() - old.get());
        Ok(result)
    }

    /// Tries again with all that could be had back, if that could help.
    pub(super) fn retry<R>(
        &self,
        attempt: impl Fn() -> Result<R, AllocateError>,
    ) -> Result<R, AllocateError> {
        let result = attempt();
        let may_change = !matches!(result, Ok(_) | Err(AllocateError::TooBig { .. }));
        if may_change && self.can_reclaim() {
            self.reclaim_for(FlushReason::Exhausted);
            return attempt();
        }
        result
    }

    /// The bytes behind the old size, in its last page, were never the caller's: they must not show
    /// what lay there, if what is added must read as zeros.
    fn clear_slack(&self, change: &Change<'_>, wish: &Resize) {
        let from = change.requested;
        let is_zeroed = wish.zeroed.unwrap_or(change.traits.zeroed);
        if !is_zeroed || from >= change.bytes || from.is_multiple_of(PAGE_BYTES) {
            return;
        }
        let now = change.record.range();
        let page = now.start() + from / PAGE_BYTES;
        if let Some(frame) = self.frame_of(page) {
            raw::clear_part(&self.machine, frame, from % PAGE_BYTES..PAGE_BYTES);
        }
    }

    /// Gives the last pages back. The first of them becomes the guard before this returns.
    fn shrink(&self, change: &Change<'_>) -> Result<Resized, AllocateError> {
        let Change { cpu, record, old, traits, .. } = *change;
        let tail = self.reserve_slot(traits.system)?;
        let gone = old.count().get() - change.pages.get();
        let gone = PageCount::from_pages(gone).unwrap_or(PageCount::ZERO);
        let lost = PageRange::within(old, change.pages, gone);
        let kept = PageRange::within(old, PageCount::ZERO, change.pages);
        // A large leaf that the new end lies in is split; whole ones behind it go as they are.
        let first = PageRange::within(lost, PageCount::ZERO, PageCount::ONE);
        let is_inside = !change.pages.get().is_multiple_of(LARGE_PAGES);
        if traits.large && is_inside {
            self.split(cpu, first).map_err(|shortage| {
                self.slots().untake(tail, traits.system);
                exhausted(shortage)
            })?;
        }

        // From here on nothing can fail.
        let frames = self.clear(lost, traits.large, record.leaf());
        self.rebuild(change, kept);
        let traits = Traits { tail: true, ..traits };
        self.slots().slot(tail).bury(record, lost, traits);
        self.tally(cpu).shrank(gone.get());
        let mut plan = Plan::new();
        plan.add(first);
        self.flush_now(&plan, FlushReason::Guard);
        self.retire(cpu, tail, frames);
        Ok(Resized::Shrunk)
    }

    /// Maps more pages behind the region, if the addresses are free: false if they are not.
    fn grow_in_place(&self, change: &Change<'_>, zeroed: bool) -> Result<bool, AllocateError> {
        let Change { cpu, old, .. } = *change;
        let more = change.pages.get() - old.count().get();
        // The guard's page is the first one of the new ones, and the guard moves to the end.
        let behind = old.end().as_u64() / PAGE_BYTES + 1;
        if self.reserve_at(behind, more).is_err() {
            return Ok(false);
        }
        let range = self.pages_at(old.address().as_u64() / PAGE_BYTES, change.pages);
        let added = self.added(range, old.count());
        let reserved = self.reserve_more(cpu, added, change.slot, zeroed);
        let mut frames = reserved.inspect_err(|_| self.areas.put_at(behind, more))?;

        // From here on nothing can fail.
        let mapping = self.mapping(change);
        let buddy = &self.frames.buddy;
        self.tables.commit(&self.machine, buddy, added, None, &mut frames, mapping);
        self.rebuild(change, range);
        Ok(true)
    }

    /// The pages of a range behind its first `kept`.
    pub(super) fn added(&self, range: PageRange, kept: PageCount) -> PageRange {
        let more = range.count().get() - kept.get();
        PageRange::within(range, kept, PageCount::from_pages(more).unwrap_or(PageCount::ZERO))
    }

    pub(super) fn mapping(&self, change: &Change<'_>) -> Mapping {
        Mapping { rights: Entry::rights(change.traits.protection), slot: change.slot }
    }

    /// Shows the region with its new pages, still as one that is being changed.
    pub(super) fn rebuild(&self, change: &Change<'_>, range: PageRange) {
        let leaf = self.only_leaf(range);
        change.record.rebuild(change.bytes, range, change.traits, leaf, change.stage);
    }

    /// Takes frames and tables for pages that are added to a region.
    pub(super) fn reserve_more(
        &self,
        cpu: CpuId,
        added: PageRange,
        slot: u32,
        zeroed: bool,
    ) -> Result<FrameChain, AllocateError> {
        let wish = Wish { zeroed, reserve: self.frames_reserve, ..self.wish(cpu) };
        let supply = self.reserve_frames(cpu, added.count().get(), &wish).map_err(exhausted)?;
        match self.reserve_tables(cpu, added, slot) {
            Ok(_) => Ok(self.clean(supply, zeroed)),
            Err(shortage) => {
                self.frames.put(cpu, supply.plain);
                self.frames.put_zeroed(supply.zeroed);
                Err(exhausted(shortage))
            }
        }
    }
}

pub(super) fn exhausted(shortage: Shortage) -> AllocateError {
    let Shortage { requested, available } = shortage;
    AllocateError::FramesExhausted { requested, available }
}

impl<M: Machine> Region<'_, M> {
    /// Resizes the region; its first bytes stay as they are, its address may change.
    ///
    /// # Errors
    ///
    /// As [`Vmalloc::resize`].
    ///
    /// # Panics
    ///
    /// As [`Vmalloc::resize`].
    ///
    /// # Context
    ///
    /// As [`Vmalloc::resize`].
    pub fn resize(&mut self, wish: &Resize) -> Result<Resized, ResizeError> {
        let how = self.vmalloc().resize_from(self.id(), Stage::Owned, wish)?;
        self.refresh();
        Ok(how)
    }
}

impl From<RegionError> for ResizeError {
    fn from(error: RegionError) -> Self {
        Self::Region(error)
    }
}
