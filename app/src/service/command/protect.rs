//! `VPROT`: changes the protection of a region on all CPUs before the reply.

use vmalloc::{Access, RegionId};

use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::Failure;
use crate::service::parse::protection;
use crate::service::parts::Parts;
use crate::service::store::ledger::State;
use crate::service::workers::{Completion, Cost, Operation, Placement, Ticket};

/// A change of protection that runs on an AP. No client may use the region until the change is
/// complete.
#[derive(Debug)]
pub(in crate::service) struct Protecting(Ticket, RegionId);

/// Serves `VPROT <r> ro|rw|rx|none`.
pub(in crate::service) fn vprot<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Protecting>, Failure> {
    let info = call.region(call.argument(1))?;
    let protection = protection::parse(call.argument(2))?;
    if call.is_read(info.id) {
        return Ok(Begun::Wait(None));
    }
    let Parts { store, workers, .. } = &mut *call.parts;
    if workers.place(Cost::Unmap(info.range.count().get())) == Placement::Here {
        store.vm.protect(info.id, protection)?;
        call.reply.status("OK");
        return Ok(Begun::Answered);
    }
    let operation = Operation::Protect(info.id, protection);
    let Some(ticket) = workers.submit(store.vm, call.session.owner.number, operation) else {
        return Ok(Begun::Wait(None));
    };
    store.ledger.set_state(info.id, State::Changing);
    Ok(Begun::Pending(Protecting(ticket, info.id)))
}

impl Protecting {
    /// Replies when the region has its new protection on all CPUs.
    pub(in crate::service) fn step<M: Access>(
        self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        let Self(ticket, id) = self;
        match step.parts.workers.poll(ticket) {
            Err(ticket) => Ok(Stepped::Waiting(Self(ticket, id))),
            Ok(Completion::Protected(result)) => {
                step.parts.store.change_ended(id);
                result?;
                step.reply.status("OK");
                Ok(Stepped::Answered)
            }
            Ok(other) => unreachable!("a change of protection completed as {other:?}"),
        }
    }

    /// Collects the result of the change, because the connection has ended, and makes the region
    /// usable again. Returns the state while the change is in progress.
    pub(in crate::service) fn cancel<M: Access>(self, parts: &mut Parts<M>) -> Option<Self> {
        let Self(ticket, id) = self;
        match parts.workers.poll(ticket) {
            Err(ticket) => Some(Self(ticket, id)),
            Ok(_) => {
                parts.store.change_ended(id);
                None
            }
        }
    }
}
