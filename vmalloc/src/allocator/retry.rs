//! Retries failed allocations: after a reclaim, or with cached memory only.

use super::parts::Core;
use super::purge;
use crate::error::AllocateError;
use crate::machine::Machine;
use crate::region::lazy::LazyList;
use crate::tlb::FlushReason;

/// Returns whether a reclaim could release memory for a failed request. Returns `false` if an
/// injected failure has fired, because such a request must fail.
pub(super) fn can_reclaim<M: Machine>(core: &Core<M>) -> bool {
    !core.injector.has_fired()
        && (core.lazies.iter().any(|list| list.pages() > 0)
            || core.deferred.areas() > 0
            || core.areas.held().areas > 0
            || core.frames.waiting() > 0
            || core.tables.made().cached > 0)
}

/// Runs `attempt`. If it fails and a reclaim could release memory, runs a reclaim and `attempt`
/// once more.
pub(super) fn retry<M: Machine, R>(
    core: &Core<M>,
    attempt: impl Fn() -> Result<R, AllocateError>,
) -> Result<R, AllocateError> {
    let result = attempt();
    let may_change = !matches!(result, Ok(_) | Err(AllocateError::TooBig { .. }));
    if may_change && can_reclaim(core) {
        purge::reclaim_for(core, FlushReason::Exhausted);
        return attempt();
    }
    result
}

/// Runs `attempt`. If it fails, empties the caches and runs it once more. Sends no interrupt and
/// waits for no CPU.
///
/// # Errors
///
/// The error of the last attempt, or [`AllocateError::WouldWait`] if a reclaim could release more.
pub(super) fn without_waiting<M: Machine, R>(
    core: &Core<M>,
    attempt: impl Fn() -> Result<R, AllocateError>,
) -> Result<R, AllocateError> {
    let result = attempt();
    let may_change = !matches!(result, Ok(_) | Err(AllocateError::TooBig { .. }));
    if may_change && can_reclaim(core) {
        purge::drain(core);
        return attempt().map_err(|error| if can_reclaim(core) { would_wait(core) } else { error });
    }
    result
}

/// Returns the error of a request that needs a flush and must not wait.
pub(super) fn would_wait<M: Machine>(core: &Core<M>) -> AllocateError {
    let pages_lazy = core.lazies.iter().chain([&core.deferred]).map(LazyList::pages).sum();
    AllocateError::WouldWait { pages_lazy }
}
