//! `VFREE`.

use vmalloc::{Access, RegionError, RegionId};

use super::walk::{Visit, Walk, Walked};
use crate::service::background;
use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::Failure;
use crate::service::owner::Owner;
use crate::service::parts::Parts;
use crate::service::store::Store;
use crate::service::store::ledger::State;
use crate::service::workers::{Completion, Operation, Ticket};

/// A `VFREE` that takes several turns.
#[derive(Debug)]
pub(in crate::service) enum Freeing {
    /// Many regions are freed in slices.
    Walk(Walk),
    /// An AP frees a large region. The record of the region was removed when the operation was
    /// submitted: after the free, another region may get its slot at any time.
    OnAp(Ticket, RegionId),
}

/// Serves `VFREE [STRICT] <r> [<r> …]`: checks all regions before the first one is freed, and
/// replies with the number of freed regions. A region that does not exist is not counted, so a
/// client can safely repeat the request. With `STRICT`, a region that does not exist is an error.
pub(in crate::service) fn vfree<M: Access>(
    call: &mut Call<'_, '_, M>,
    resumed: Option<Freeing>,
) -> Result<Begun<Freeing>, Failure> {
    let strict = call.argument(1).eq_ignore_ascii_case(b"STRICT");
    let first = if strict { 2 } else { 1 };
    if call.arguments.count() == first {
        return Err(Failure::Malformed("STRICT needs a region"));
    }
    if call.arguments.count() == first + 1 {
        return free_one(call, call.argument(first), strict);
    }
    let walk = match resumed {
        Some(Freeing::Walk(walk)) => Some(walk),
        _ => None,
    };
    let walked = call.walk(walk, first, 2, |store, owner, pass, text| match pass {
        0 => check(store, owner, text, strict),
        _ => free(store, text),
    })?;
    Ok(match walked {
        Walked::Done(freed) => {
            call.reply.integer(freed);
            Begun::Answered
        }
        Walked::Again(walk) => Begun::Again(Freeing::Walk(walk)),
    })
}

/// Frees one region. A large region is freed by an AP.
fn free_one<M: Access>(
    call: &mut Call<'_, '_, M>,
    text: &[u8],
    strict: bool,
) -> Result<Begun<Freeing>, Failure> {
    check(&call.parts.store, call.session.owner, text, strict)?;
    if let Ok(id) = call.parts.store.id(text)
        && call.parts.store.ledger.state(id) == Some(State::Ready)
        && background::is_freed_by_ap(call.parts, id)
        && !call.parts.store.ledger.has_readers(id)
    {
        let Parts { store, workers, .. } = &mut *call.parts;
        let (session, operation) = (call.session.owner.number, Operation::Free(id));
        let Some(ticket) = workers.submit(store.vm, session, operation) else {
            return Ok(Begun::Wait(None));
        };
        store.forget(id);
        return Ok(Begun::Pending(Freeing::OnAp(ticket, id)));
    }
    let visit = free(&mut call.parts.store, text)?;
    call.reply.integer(u64::from(visit.counted));
    Ok(Begun::Answered)
}

/// Checks that a region may be freed.
fn check<M: Access>(
    store: &Store<M>,
    owner: Owner,
    text: &[u8],
    strict: bool,
) -> Result<Visit, Failure> {
    match store.region(owner, text) {
        Err(failure) if strict || !is_gone(&failure) => Err(failure),
        _ => Ok(Visit::default()),
    }
}

/// Frees a region that was checked. If the request names a region twice, the second free finds none
/// and is not counted.
fn free<M: Access>(store: &mut Store<M>, text: &[u8]) -> Result<Visit, Failure> {
    let gone = Ok(Visit::default());
    let Ok(id) = store.id(text) else { return gone };
    if store.ledger.state(id) != Some(State::Ready) {
        return gone;
    }
    if store.ledger.has_readers(id) {
        return Ok(Visit { counted: true, pages: store.give_up(id) });
    }
    match store.release(id) {
        Ok(info) => Ok(Visit { counted: true, pages: info.range.count().get() }),
        // The regions before this one are freed already; a repeated request does not count them.
        Err(error @ RegionError::Changing { .. }) => Err(error.into()),
        Err(_) => gone,
    }
}

/// Returns whether the failure means that the region does not exist.
pub(in crate::service) fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::NoRegion(_) | Failure::NotUsable(_) | Failure::NoName(_))
}

impl Freeing {
    /// Returns whether an AP frees the region.
    pub(in crate::service) fn is_on_ap(&self) -> bool {
        matches!(self, Self::OnAp(..))
    }

    /// Replies when the AP has freed the region.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        let Self::OnAp(ticket, id) = self else { return Ok(Stepped::Ready(Some(self))) };
        match step.parts.workers.poll(ticket) {
            Err(ticket) => Ok(Stepped::Waiting(Self::OnAp(ticket, id))),
            Ok(Completion::Freed(result)) => {
                step.parts.store.note_freed(id, result);
                step.reply.integer(1);
                Ok(Stepped::Answered)
            }
            Ok(other) => unreachable!("a free completed as {other:?}"),
        }
    }

    /// Collects the result of the AP, because the connection has ended. Returns the state while the
    /// operation is in flight.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        let Self::OnAp(ticket, id) = self else { return None };
        match parts.workers.poll(ticket) {
            Err(ticket) => return Some(Self::OnAp(ticket, id)),
            Ok(Completion::Freed(result)) => parts.store.note_freed(id, result),
            Ok(_) => {}
        }
        None
    }
}
