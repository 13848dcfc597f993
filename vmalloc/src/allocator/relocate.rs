//! A region that grows elsewhere: its entries move, or its bytes are copied.

use super::Vmalloc;
use super::resize::{Change, exhausted};
use crate::area::{Area, Fit, NoArea};
use crate::error::AllocateError;
use crate::frame::{LazyFrames, Shortage, Wish};
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, PageRange};
use crate::paging::Stash;
use crate::raw;
use crate::region::extent::Traits;
use crate::request::Resized;
use crate::tlb::{FlushReason, Plan};

impl<M: Machine> Vmalloc<M> {
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
    pub(super) fn relocate(
        &self,
        change: &Change<'_>,
        zeroed: bool,
    ) -> Result<Resized, AllocateError> {
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
    pub(super) fn copy(&self, change: &Change<'_>, zeroed: bool) -> Result<Resized, AllocateError> {
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
