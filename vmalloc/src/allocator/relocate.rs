//! Grows a region at new addresses: moves its entries, or copies its bytes.

use super::change::Change;
use super::parts::Core;
use super::{change, flush, lookup, purge, reserve, unmap};
use crate::area::{Area, Fit, NoArea};
use crate::error::AllocateError;
use crate::frame::{LazyFrames, Shortage};
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, PageRange};
use crate::paging;
use crate::paging::Stash;
use crate::raw;
use crate::region::extent::Traits;
use crate::request::Resized;
use crate::tlb::{FlushReason, Plan};

/// Returns the addresses that the grown region needs.
pub(super) fn fit_of(change: &Change<'_>) -> Fit {
    let (length, system) = (change.pages.get() + 1, change.traits.system);
    Fit { length, align: 1 << change.traits.align, phase: 0, system }
}

/// Takes addresses for the grown region. For 512 pages or more, prefers addresses with the same
/// offset in a leaf table, so that whole leaf tables can move.
fn reserve_new_place<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
) -> Result<(Area, PageRange), AllocateError> {
    let anywhere = fit_of(change);
    let start = change.old.address().as_u64() / PAGE_BYTES;
    let coarse = anywhere.align.max(512);
    let same_phase = Fit { align: coarse, phase: start & (coarse - 1), ..anywhere };
    let first = if change.old.count().get() >= 512 { same_phase } else { anywhere };
    let area = reserve::reserve_fit(core, change.cpu, &first).or_else(|none| match none {
        NoArea::Addresses if first.align != anywhere.align => {
            reserve::reserve_fit(core, change.cpu, &anywhere)
        }
        none => Err(none),
    });
    let area = area.map_err(|none| reserve::no_area(core, none, &anywhere))?;
    Ok((area, reserve::pages_at(core, area.start, change.pages)))
}

/// Moves the entries of a region to new addresses, and maps the added pages behind them.
pub(super) fn relocate<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    zeroed: bool,
) -> Result<Resized, AllocateError> {
    let Change { cpu, old, slot, .. } = *change;
    let (area, range) = reserve_new_place(core, change)?;
    let more = range.count().get() - old.count().get();
    let wanted = change::frames_for(core, change, zeroed);
    let supply = reserve::reserve_frames(core, cpu, more, &wanted).and_then(|supply| {
        // Moves whole leaf tables. This is the last step that can fail.
        match move_tables(core, change, range) {
            Ok(()) => Ok(supply),
            Err(shortage) => {
                reserve::put_back(core, cpu, supply);
                Err(shortage)
            }
        }
    });
    let supply = supply.map_err(|shortage| {
        core.areas.untake(cpu, area, change.traits.system);
        reserve::exhausted(shortage)
    })?;

    // No later step can fail.
    let mut frames = reserve::clean(core, supply, zeroed);
    let buddy = &core.frames.buddy;
    paging::relocate::move_entries(&core.tables, &core.machine, buddy, old, range, slot);
    let added = change::added(range, old.count());
    let mapping = change::mapping(change);
    core.tables.commit(&core.machine, buddy, added, None, &mut frames, mapping);
    change::rebuild(core, change, range);
    bury_old_place(core, change, area, LazyFrames::new());
    Ok(Resized::Moved)
}

/// Makes the old addresses lazy while the region is still being changed, so before it can be freed.
/// So every purge that releases its frames has also flushed its old addresses.
fn bury_old_place<M: Machine>(core: &Core<M>, change: &Change<'_>, area: Area, frames: LazyFrames) {
    let traits = Traits { align: 0, ..change.traits };
    core.slots().slot(area.slot).bury(change.record, change.old, traits);
    purge::retire(core, change.cpu, area.slot, frames);
}

/// Creates the tables over the new range, and moves whole leaf tables of the old range there.
/// Splits large leaves first that cannot be moved as a whole.
fn move_tables<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    new: PageRange,
) -> Result<(), Shortage> {
    let Change { cpu, old, slot, .. } = *change;
    let (machine, buddy) = (&core.machine, &core.frames.buddy);
    reserve::with_stash(core, cpu, |stash: &mut Stash| {
        let is_stuck = change.traits.large
            && paging::relocate::stuck_larges(&core.tables, machine, buddy, old, new) > 0;
        if is_stuck {
            let larges = paging::large::count(&core.tables, machine, buddy, old);
            let needed = larges
                + paging::relocate::missing_for_move(&core.tables, machine, buddy, old, new, slot);
            if stash.count() < needed {
                return Err(needed);
            }
            paging::large::split(&core.tables, machine, buddy, old, stash);
            flush::now(core, &Plan::full(), FlushReason::Split);
        }
        paging::relocate::relocate(&core.tables, machine, buddy, old, new, slot, stash)
    })
}

/// Copies the bytes to other frames at new addresses, as other allocators do. Used only if the
/// caller or a switch asks for it.
pub(super) fn copy<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    zeroed: bool,
) -> Result<Resized, AllocateError> {
    let Change { cpu, old, .. } = *change;
    let (area, range) = reserve_new_place(core, change)?;
    let reserved = change::reserve_more(core, change, range, zeroed);
    let mut frames =
        reserved.inspect_err(|_| core.areas.untake(cpu, area, change.traits.system))?;

    // No later step can fail.
    let mapping = change::mapping(change);
    let buddy = &core.frames.buddy;
    core.tables.commit(&core.machine, buddy, range, None, &mut frames, mapping);
    for (from, to) in old.pages().zip(range.pages()) {
        let frame = |page| lookup::frame_of(core, page).expect("pages have frames");
        raw::copy(&core.machine, frame(from), frame(to));
    }
    let frames = unmap::clear(core, old, change.traits.large);
    change::rebuild(core, change, range);
    bury_old_place(core, change, area, frames);
    Ok(Resized::Copied)
}
