//! `vrealloc`: the same, shrunk, grown in place, or moved; entries move, bytes do not.

use crate::allocator::Vmalloc;
use crate::area::{Area, Fit, NoArea};
use crate::error::{AllocateError, RegionError, ResizeError};
use crate::frame::{FrameChain, LazyFrames, Shortage, Wish};
use crate::machine::{CpuId, Machine};
use crate::page::{LARGE_PAGES, PAGE_BYTES, PageCount, PageRange};
use crate::paging::{Entry, Mapping, Stash};
use crate::raw;
use crate::region::slot::{Slot, Stage, Traits};
use crate::region::{Region, RegionId, RegionInfo};
use crate::request::Request;
use crate::switches::ReallocMode;
use crate::tlb::{FlushReason, Plan};
use crate::trace::{TraceOp, TraceRecord};

/// How a region came to its new size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resized {
    /// It has as many pages as before.
    Same,
    /// Its last pages are gone.
    Shrunk,
    /// It has more pages behind those it had.
    Grown,
    /// It lies elsewhere, on the frames that it had.
    Moved,
    /// It lies elsewhere, on other frames that its bytes were copied to.
    Copied,
}

impl Resized {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Same, Self::Shrunk, Self::Grown, Self::Moved, Self::Copied];

    /// As one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Shrunk => "shrunk",
            Self::Grown => "grown",
            Self::Moved => "moved",
            Self::Copied => "copied",
        }
    }

    /// The name of the counter of such resizes.
    pub(crate) fn counter(self) -> &'static str {
        match self {
            Self::Same => "resizes_same",
            Self::Shrunk => "resizes_shrunk",
            Self::Grown => "resizes_grown",
            Self::Moved => "resizes_moved",
            Self::Copied => "resizes_copied",
        }
    }
}

/// A wish for another size: in bytes, and how it may be come to.
#[derive(Clone, Copy, Debug)]
pub struct Resize {
    bytes: u64,
    in_place: bool,
    copy: bool,
    zeroed: bool,
}

impl Resize {
    /// Asks for `bytes` bytes, rounded up to pages.
    #[must_use]
    pub fn to(bytes: u64) -> Self {
        Self { bytes, in_place: false, copy: false, zeroed: false }
    }

    /// Refuses to move: [`ResizeError::MustMove`] where the addresses behind are taken.
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// Chooses what happens where the region must move: [`ReallocMode::Copy`] copies its bytes to
    /// other frames. The switch of all resizes is
    /// [`set_realloc_mode`](Vmalloc::set_realloc_mode).
    #[must_use]
    pub fn mode(mut self, mode: ReallocMode) -> Self {
        self.copy = mode == ReallocMode::Copy;
        self
    }

    /// Wants what is added to read as zeros, whatever the region was allocated with.
    #[must_use]
    pub fn zeroed(mut self) -> Self {
        self.zeroed = true;
        self
    }
}

/// A claimed region and what it is to become.
struct Change<'s> {
    cpu: CpuId,
    slot: u32,
    record: &'s Slot,
    old: PageRange,
    /// Pages that it shall have.
    pages: PageCount,
    /// Bytes that it shall have, and those that it had.
    bytes: u64,
    requested: u64,
    traits: Traits,
    stage: Stage,
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
        self.trace(|| TraceRecord {
            bytes: wish.bytes,
            address: record.range().address().as_u64(),
            ..TraceRecord::named(TraceOp::Resize, id, result.is_ok())
        });
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
        let is_zeroed = wish.zeroed || change.traits.zeroed;
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
        let is_zeroed = wish.zeroed || change.traits.zeroed;
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
    fn added(&self, range: PageRange, kept: PageCount) -> PageRange {
        let more = range.count().get() - kept.get();
        PageRange::within(range, kept, PageCount::from_pages(more).unwrap_or(PageCount::ZERO))
    }

    fn mapping(&self, change: &Change<'_>) -> Mapping {
        Mapping { rights: Entry::rights(change.traits.protection), slot: change.slot }
    }

    /// Shows the region with its new pages, still as one that is being changed.
    fn rebuild(&self, change: &Change<'_>, range: PageRange) {
        let leaf = self.only_leaf(range);
        change.record.rebuild(change.bytes, range, change.traits, leaf, change.stage);
    }

    /// Takes frames and tables for pages that are added to a region.
    fn reserve_more(
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

    /// Takes addresses for all pages: where whole leaf tables can move if there are such, else
    /// anywhere.
    fn reserve_new_place(&self, change: &Change<'_>) -> Result<(Area, PageRange), AllocateError> {
        let align = 1u64 << change.traits.align;
        let length = change.pages.get() + 1;
        let system = change.traits.system;
        let anywhere = Fit { length, align, phase: 0, system };
        let start = change.old.address().as_u64() / PAGE_BYTES;
        let coarse = align.max(512);
        let same_phase = Fit { align: coarse, phase: start & (coarse - 1), ..anywhere };
        let first = if change.old.count().get() >= 512 { same_phase } else { anywhere };
        let area = self.reserve_fit(change.cpu, &first).or_else(|none| match none {
            NoArea::Addresses if first.align != anywhere.align => {
                self.reserve_fit(change.cpu, &anywhere)
            }
            none => Err(none),
        });
        let area = area.map_err(|none| self.no_area(none, &anywhere))?;
        Ok((area, self.pages_at(area.start, change.pages)))
    }

    /// Moves the entries to other addresses and maps more pages behind them.
    fn relocate(&self, change: &Change<'_>, zeroed: bool) -> Result<Resized, AllocateError> {
        let Change { cpu, old, slot, .. } = *change;
        let (area, range) = self.reserve_new_place(change)?;
        let more = range.count().get() - old.count().get();
        let wish = Wish { zeroed, reserve: self.frames_reserve, ..self.wish(cpu) };
        let supply = self.reserve_frames(cpu, more, &wish).and_then(|supply| {
            // Whole leaf tables have moved when this returns: it is the last thing that can fail.
            match self.move_tables(change, range) {
                Ok(()) => Ok(supply),
                Err(shortage) => {
                    self.frames.put(cpu, supply.plain);
                    self.frames.put_zeroed(supply.zeroed);
                    Err(shortage)
                }
            }
        });
        let supply = supply.map_err(|shortage| {
            self.areas.untake(cpu, area, change.traits.system);
            exhausted(shortage)
        })?;

        // From here on nothing can fail.
        let mut frames = self.clean(supply, zeroed);
        let buddy = &self.frames.buddy;
        self.tables.move_entries(&self.machine, buddy, old, range, slot);
        let added = self.added(range, old.count());
        let mapping = self.mapping(change);
        self.tables.commit(&self.machine, buddy, added, None, &mut frames, mapping);
        self.rebuild(change, range);
        self.bury_old_place(change, area, LazyFrames::new());
        Ok(Resized::Moved)
    }

    /// The old addresses become lazy: before the region can be freed by anybody, so that no purge
    /// releases its frames without having flushed them.
    fn bury_old_place(&self, change: &Change<'_>, area: Area, frames: LazyFrames) {
        let traits = Traits { align: 0, ..change.traits };
        self.slots().slot(area.slot).bury(change.record, change.old, traits);
        self.retire(change.cpu, area.slot, frames);
    }

    /// Makes the tables over the new range, and moves whole ones of the old. Large leaves that
    /// cannot move whole are split before.
    fn move_tables(&self, change: &Change<'_>, new: PageRange) -> Result<(), Shortage> {
        let Change { cpu, old, slot, .. } = *change;
        let (machine, buddy) = (&self.machine, &self.frames.buddy);
        self.with_stash(cpu, |stash: &mut Stash| {
            let is_stuck = change.traits.large && self.tables.stuck_larges(machine, old, new) > 0;
            if is_stuck {
                let larges = self.tables.larges(machine, old);
                let needed = larges + self.tables.missing_for_move(machine, buddy, old, new, slot);
                if stash.count() < needed {
                    return Err(needed);
                }
                self.tables.split(machine, buddy, old, stash);
                self.flush_now(&Plan::full(), FlushReason::Split);
            }
            self.tables.relocate(machine, buddy, old, new, slot, stash)
        })
    }

    /// Copies the bytes to other frames at other addresses: what others do, to compare with.
    fn copy(&self, change: &Change<'_>, zeroed: bool) -> Result<Resized, AllocateError> {
        let Change { cpu, old, slot, .. } = *change;
        let (area, range) = self.reserve_new_place(change)?;
        let reserved = self.reserve_more(cpu, range, slot, zeroed);
        let mut frames =
            reserved.inspect_err(|_| self.areas.untake(cpu, area, change.traits.system))?;

        // From here on nothing can fail.
        let mapping = self.mapping(change);
        let buddy = &self.frames.buddy;
        self.tables.commit(&self.machine, buddy, range, None, &mut frames, mapping);
        for (from, to) in old.pages().zip(range.pages()) {
            let frame = |page| self.frame_of(page).expect("pages have frames");
            raw::copy(&self.machine, frame(from), frame(to));
        }
        let frames = self.clear(old, change.traits.large, change.record.leaf());
        self.rebuild(change, range);
        self.bury_old_place(change, area, frames);
        Ok(Resized::Copied)
    }
}

fn exhausted(shortage: Shortage) -> AllocateError {
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
