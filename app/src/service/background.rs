//! Submits operations to APs that no session waits for, and collects their results.

use vmalloc::{Access, RegionId};

use super::parts::Parts;
use super::workers::{Completion, Cost, Operation, Placement};

/// Number of frames that one operation clears.
const FILL_FRAMES: u64 = 256;
/// Maximum number of cleared frames kept in advance: 16 MiB, or the number of all frames divided by
/// [`FILLED_PART`] if that is less, or the number of free frames divided by [`FILLED_FREE_PART`],
/// which the window allows to be cleared.
const FILLED_FRAMES_MAX: u64 = 4096;
const FILLED_PART: u64 = 64;
const FILLED_FREE_PART: u64 = 16;

/// Returns whether an AP should free the region, because unmapping it takes the BSP too long.
pub(super) fn is_freed_by_ap<M: Access>(parts: &Parts<M>, id: RegionId) -> bool {
    let info = parts.store.vm.info(id);
    info.is_ok_and(|info| {
        parts.workers.place(Cost::Unmap(info.range.count().get())) == Placement::Ap
    })
}

/// Submits the free of a region that no client uses to an AP. Returns `false` if no AP is idle or
/// an earlier such free is in progress.
///
/// The record of the region is removed immediately: when the AP has freed the region, another
/// region may get its slot at any time.
pub(super) fn free<M: Access>(parts: &mut Parts<M>, id: RegionId) -> bool {
    if parts.background.freeing.is_some() {
        return false;
    }
    let operation = Operation::Free(id);
    let Some(ticket) = parts.workers.submit_in_background(parts.store.vm, operation) else {
        return false;
    };
    parts.store.forget(id);
    parts.background.freeing = Some((ticket, id));
    true
}

/// Collects the results of the operations that have completed.
pub(super) fn collect<M: Access>(parts: &mut Parts<M>) {
    if let Some(ticket) = parts.background.idle.take() {
        parts.background.idle = parts.workers.poll(ticket).err();
    }
    if let Some((ticket, id)) = parts.background.freeing.take() {
        match parts.workers.poll(ticket) {
            Err(ticket) => parts.background.freeing = Some((ticket, id)),
            Ok(Completion::Freed(result)) => parts.store.note_freed(id, result),
            Ok(other) => unreachable!("a free completed as {other:?}"),
        }
    }
}

/// Does idle work: purges lazy areas; if none are left, lets an AP clear frames in advance. Returns
/// whether work is left for the next call.
pub(super) fn run_idle<M: Access>(parts: &mut Parts<M>) -> bool {
    let workers = &mut parts.workers;
    if workers.is_checking || workers.are_held() || parts.background.idle.is_some() {
        return false;
    }
    let vm = parts.store.vm;
    if workers.place(Cost::Window) == Placement::Here {
        vm.purge();
        return false;
    }
    let stats = vm.stats();
    let filled = (stats.frames_total / FILLED_PART)
        .min(FILLED_FRAMES_MAX)
        .min(stats.frames_free / FILLED_FREE_PART);
    let operation = if stats.pages_lazy > 0 {
        Operation::Purge { everything: false }
    } else if stats.frames_zeroed + FILL_FRAMES <= filled {
        Operation::FillZeroed(FILL_FRAMES)
    } else {
        return false;
    };
    parts.background.idle = workers.submit_in_background(vm, operation);
    true
}
