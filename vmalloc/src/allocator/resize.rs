//! Resizes regions: within the last page, by shrinking, by growing in place, or by moving. A move
//! moves entries, not bytes.

use super::change::Change;
use super::limits::Need;
use super::parts::Core;
use super::{change, flush, large, lookup, purge, relocate, reserve, retry, unmap};
use crate::error::{AllocateError, ResizeError};
use crate::id::RegionId;
use crate::machine::Machine;
use crate::page::{PAGE_BYTES, PageCount, PageRange};
use crate::raw;
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::{Request, Resize, Resized};
use crate::tlb::{FlushReason, Plan};

/// Resizes a region that is in the stage `stage`.
pub(super) fn resize<M: Machine>(
    core: &Core<M>,
    id: RegionId,
    stage: Stage,
    target: &Resize,
) -> Result<Resized, ResizeError> {
    let request = Request::try_new(target.bytes).map_err(ResizeError::Request)?;
    core.slots().step(id, stage, stage.changing()).map_err(ResizeError::Region)?;
    let record = core.slots().slot(id.slot());
    let change = Change {
        cpu: core.machine.current(),
        slot: id.slot(),
        record,
        old: record.range(),
        pages: request.pages(),
        bytes: target.bytes,
        requested: record.requested(),
        traits: record.traits(),
        nodes: record.nodes(),
    };
    let result = change_size(core, id, &change, target);
    if let Ok(how) = result {
        core.counters.resized(how);
    }
    let is_back = record.step(id.generation(), stage.changing(), stage);
    assert!(is_back, "region {id} changed its stage while it was resized");
    result
}

fn change_size<M: Machine>(
    core: &Core<M>,
    id: RegionId,
    change: &Change<'_>,
    target: &Resize,
) -> Result<Resized, ResizeError> {
    if change.traits.mapped {
        return Err(ResizeError::Mapped { id });
    }
    let (old, new) = (change.old.count(), change.pages);
    if new == old {
        clear_slack(core, change, target);
        change::rebuild(core, change, change.old);
        return Ok(Resized::Same);
    }
    if new < old && !target.nowait {
        return retry::retry(core, || Need::SLOT, || shrink(core, change, target))
            .map_err(ResizeError::Allocate);
    }
    if new.bytes() > core.usable {
        let (requested, usable) = (target.bytes, core.usable);
        return Err(ResizeError::Allocate(AllocateError::TooBig { requested, usable }));
    }
    if target.nowait {
        return resize_without_waiting(core, change, target);
    }
    let is_zeroed = target.zeroed.unwrap_or(change.traits.zeroed);
    let grow = || {
        let need = || change::need(core, change, 0);
        retry::retry(core, need, || grow_in_place(core, change, is_zeroed))
    };
    let is_grown = match change::place_behind(change) {
        // The addresses behind the region may be lazy or in a pool.
        Some(place) if target.in_place => retry::retry_place(core, place, grow),
        Some(_) => grow(),
        None => Ok(false),
    };
    let result = match is_grown.map_err(ResizeError::Allocate)? {
        true => Resized::Grown,
        false if target.in_place => {
            return Err(ResizeError::MustMove { requested: change.pages });
        }
        false => move_away(core, change, target, is_zeroed).map_err(ResizeError::Allocate)?,
    };
    clear_slack(core, change, target);
    core.tally(change.cpu).grew(new.get() - old.get());
    Ok(result)
}

/// Grows a region in place. Every other change of its number of pages could wait for other CPUs.
fn resize_without_waiting<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    target: &Resize,
) -> Result<Resized, ResizeError> {
    let (old, new) = (change.old.count(), change.pages);
    let would_wait = || ResizeError::Allocate(retry::would_wait(core));
    if new < old {
        return Err(would_wait());
    }
    let is_zeroed = target.zeroed.unwrap_or(change.traits.zeroed);
    let grow = || {
        let need = || change::need(core, change, 0);
        retry::without_waiting(core, need, || grow_in_place(core, change, is_zeroed))
            .map_err(ResizeError::Allocate)
    };
    let mut is_grown = grow()?;
    if !is_grown && core.areas.held().areas > 0 && !core.injector.has_fired() {
        // The addresses behind the region may be in a pool.
        purge::drain(core);
        is_grown = grow()?;
    }
    if !is_grown {
        return Err(would_wait());
    }
    clear_slack(core, change, target);
    core.tally(change.cpu).grew(new.get() - old.get());
    Ok(Resized::Grown)
}

/// Grows a region at other addresses.
fn move_away<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    target: &Resize,
    zeroed: bool,
) -> Result<Resized, AllocateError> {
    let is_copied = target.copy || core.switches.copies();
    // A copy has all its frames besides the old ones.
    let again = if is_copied { change.old.count().get() } else { 0 };
    let need = || Need {
        fit: Some(relocate::fit_of(change)),
        kept: Some(change.old),
        ..change::need(core, change, again)
    };
    retry::retry(core, need, || match is_copied {
        true => relocate::copy(core, change, zeroed),
        false => relocate::relocate(core, change, zeroed),
    })
}

/// Clears the bytes from the old size to the end of its last page, if added bytes must be zeros.
/// The caller may have written to these bytes, because the page was mapped whole.
fn clear_slack<M: Machine>(core: &Core<M>, change: &Change<'_>, target: &Resize) {
    let from = change.requested;
    let is_zeroed = target.zeroed.unwrap_or(change.traits.zeroed);
    if !is_zeroed || from >= change.bytes || from.is_multiple_of(PAGE_BYTES) {
        return;
    }
    let now = change.record.range();
    let page = now.start() + from / PAGE_BYTES;
    if let Some(frame) = lookup::frame_of(core, page) {
        raw::clear_part(&core.machine, frame, from % PAGE_BYTES..PAGE_BYTES);
    }
}

/// Unmaps the last pages. When this returns, the first of them is a guard page on every CPU, unless
/// the target allows a later purge to flush it.
fn shrink<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    target: &Resize,
) -> Result<Resized, AllocateError> {
    let Change { cpu, record, old, traits, .. } = *change;
    let tail = reserve::reserve_slot(core, traits.system)?;
    let gone = old.count().get() - change.pages.get();
    let gone = PageCount::from_pages(gone).unwrap_or(PageCount::ZERO);
    let lost = PageRange::within(old, change.pages, gone);
    let kept = PageRange::within(old, PageCount::ZERO, change.pages);
    // Splits the large leaf that contains the new end. Large leaves behind it are unmapped as a
    // whole. The region may start at any page, so the address of the new end decides.
    let first = PageRange::within(lost, PageCount::ZERO, PageCount::ONE);
    let is_inside = u64::from(first.start().p1_index()) != 0;
    if traits.large && is_inside {
        large::split(core, cpu, first).map_err(|shortage| {
            core.slots().untake(tail, traits.system);
            reserve::exhausted(shortage)
        })?;
    }

    // No later step can fail.
    let frames = unmap::clear(core, lost, traits.large);
    change::rebuild(core, change, kept);
    let traits = Traits { tail: true, ..traits };
    core.slots().slot(tail).bury(record, lost, traits);
    core.tally(cpu).shrank(gone.get());
    // Before the flush, so that a later purge releases the pages if a CPU does not answer now.
    purge::retire(core, cpu, tail, frames);
    if !target.lazy_guard {
        let mut plan = Plan::new::<M>();
        plan.add(first);
        flush::now(core, &plan, FlushReason::Guard);
    }
    Ok(Resized::Shrunk)
}

/// Maps more pages behind the region. Returns `false` if the addresses there are not free.
fn grow_in_place<M: Machine>(
    core: &Core<M>,
    change: &Change<'_>,
    zeroed: bool,
) -> Result<bool, AllocateError> {
    let old = change.old;
    let more = change.pages.get() - old.count().get();
    // The guard page becomes the first of the added pages, and the last reserved page becomes the
    // guard page.
    let behind = old.end().as_u64() / PAGE_BYTES + 1;
    if reserve::reserve_at(core, behind, more).is_err() {
        return Ok(false);
    }
    let range = reserve::pages_at(core, old.address().as_u64() / PAGE_BYTES, change.pages);
    let added = change::added(range, old.count());
    let reserved = change::reserve_more(core, change, added, zeroed);
    let mut frames = reserved.inspect_err(|_| core.areas.put_at(behind, more))?;

    // No later step can fail.
    let mapping = change::mapping(change);
    let buddy = &core.frames.buddy;
    core.tables.commit(&core.machine, buddy, added, None, &mut frames, mapping);
    change::rebuild(core, change, range);
    Ok(true)
}
