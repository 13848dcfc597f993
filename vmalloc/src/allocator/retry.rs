//! Retries failed requests: first with everything that is cached, and then, if the request may wait,
//! after a reclaim. A request that a reclaim cannot help is refused without one, because a reclaim
//! interrupts every CPU, and such requests are often repeated.

use super::limits::Need;
use super::parts::Core;
use super::{limits, lookup, purge};
use crate::error::AllocateError;
use crate::machine::Machine;
use crate::page::PageRange;
use crate::region::lazy::LazyList;
use crate::tlb::FlushReason;

/// Runs `attempt`. If it fails for want of resources that are only cached, empties the caches and
/// runs it again. If it still fails, and a reclaim could release enough, runs a reclaim and
/// `attempt` once more.
///
/// # Errors
///
/// The error of the last attempt, or, if the request can never be served, the reason for this.
pub(super) fn retry<M: Machine, R>(
    core: &Core<M>,
    need: impl Fn() -> Need,
    attempt: impl Fn() -> Result<R, AllocateError>,
) -> Result<R, AllocateError> {
    match attempt() {
        Err(error) if can_retry(core, &error) => {
            let need = need();
            let error = match retry_drained(core, &need, error, &attempt)? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if limits::can_reclaim(core, &need, &error) {
                purge::reclaim_for(core, FlushReason::Exhausted);
                return attempt();
            }
            Err(error)
        }
        result => result,
    }
}

/// Runs `attempt` as [`retry`] does, but without a reclaim. Sends no interrupt and waits for no CPU.
///
/// # Errors
///
/// As for [`retry`], or [`AllocateError::WouldWait`] if a reclaim could release enough.
pub(super) fn without_waiting<M: Machine, R>(
    core: &Core<M>,
    need: impl Fn() -> Need,
    attempt: impl Fn() -> Result<R, AllocateError>,
) -> Result<R, AllocateError> {
    match attempt() {
        Err(error) if can_retry(core, &error) => {
            let need = need();
            let error = match retry_drained(core, &need, error, &attempt)? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let could_wait = limits::can_reclaim(core, &need, &error);
            Err(if could_wait { would_wait(core) } else { error })
        }
        result => result,
    }
}

/// Returns whether a failed request may be retried. A request whose failure was injected must fail.
fn can_retry<M: Machine>(core: &Core<M>, error: &AllocateError) -> bool {
    !matches!(error, AllocateError::TooBig { .. }) && !core.injector.has_fired()
}

/// Empties the caches and runs `attempt` once more, if that could help. Returns the last result of
/// `attempt`.
///
/// # Errors
///
/// If the request can never be served, the reason for this.
#[cold]
fn retry_drained<M: Machine, R>(
    core: &Core<M>,
    need: &Need,
    error: AllocateError,
    attempt: impl Fn() -> Result<R, AllocateError>,
) -> Result<Result<R, AllocateError>, AllocateError> {
    limits::check(core, need)?;
    if limits::can_drain(core, need, &error) {
        purge::drain(core);
        return Ok(attempt());
    }
    Ok(Err(error))
}

/// Runs `attempt`, which returns `false` if the addresses `place` are not free. Empties the caches,
/// and then runs a reclaim, while these could make the addresses free.
pub(super) fn retry_place<M: Machine>(
    core: &Core<M>,
    place: PageRange,
    attempt: impl Fn() -> Result<bool, AllocateError>,
) -> Result<bool, AllocateError> {
    if attempt()? {
        return Ok(true);
    }
    // A request whose failure was injected must fail.
    if core.injector.has_fired() || is_taken(core, place) {
        return Ok(false);
    }
    if core.areas.held().areas > 0 {
        purge::drain(core);
        if attempt()? {
            return Ok(true);
        }
    }
    if limits::is_lazy(core) {
        purge::reclaim_for(core, FlushReason::Exhausted);
        return attempt();
    }
    Ok(false)
}

/// Returns whether addresses behind a region are outside the window, or belong to a busy region.
fn is_taken<M: Machine>(core: &Core<M>, place: PageRange) -> bool {
    if place.end() > core.window.end() {
        return true;
    }
    // A region whose free was deferred is found too, but a reclaim releases it.
    let busy = lookup::next_region_before(core, place.address(), place.end());
    core.deferred.areas() == 0 && busy.is_some_and(|info| info.range.address() < place.end())
}

/// Returns the error of a request that needs a flush and must not wait.
pub(super) fn would_wait<M: Machine>(core: &Core<M>) -> AllocateError {
    let pages_lazy = core.lazies.iter().chain([&core.deferred]).map(LazyList::pages).sum();
    AllocateError::WouldWait { pages_lazy }
}
