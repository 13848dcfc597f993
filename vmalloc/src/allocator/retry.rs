//! Tries again what has failed, with all that was kept back.

use super::parts::Core;
use super::purge;
use crate::error::AllocateError;
use crate::machine::Machine;
use crate::tlb::FlushReason;

/// Whether something is kept back that could help a request that found nothing. An injected
/// failure is not to be helped.
pub(super) fn can_reclaim<M: Machine>(core: &Core<M>) -> bool {
    !core.injector.has_fired()
        && (core.lazies.iter().any(|list| list.pages() > 0)
            || core.deferred.areas() > 0
            || core.areas.held().areas > 0
            || core.frames.waiting() > 0
            || core.tables.made().cached > 0)
}

/// Tries again with all that could be had back, if that could help.
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
