//! `MULTI`, `EXEC` and `DISCARD`: requests are queued, and then served without requests of other
//! sessions in between.
//!
//! The session stores the progress of its transaction, and the connection stores the queued
//! requests. While a transaction runs, requests of other sessions are delayed, except reports and
//! commands about their own connection.

use vmalloc::Access;

use crate::service::call::{Begun, Call, Never};
use crate::service::failure::Failure;
use crate::service::session::Transaction;

/// Serves `MULTI`.
pub(in crate::service) fn multi<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.session.is_in_transaction() {
        return Err(Failure::Redis("MULTI calls can not be nested"));
    }
    call.session.transaction = Transaction::Open;
    call.reply.status("OK");
    Ok(())
}

/// Serves `DISCARD`.
pub(in crate::service) fn discard<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if !call.session.is_in_transaction() {
        return Err(Failure::Redis("DISCARD without MULTI"));
    }
    call.parts.discard_transaction(call.session);
    call.reply.status("OK");
    Ok(())
}

/// Serves `EXEC`: writes the header of the reply. The replies of the queued requests follow later.
pub(in crate::service) fn exec<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    let parts = &mut *call.parts;
    match call.session.transaction {
        Transaction::None | Transaction::Running => {
            return Err(Failure::Redis("EXEC without MULTI"));
        }
        Transaction::Failed => {
            parts.discard_transaction(call.session);
            return Err(Failure::Plain(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        Transaction::Open if parts.store.watches.is_dirty(call.session.owner.place) => {
            parts.discard_transaction(call.session);
            call.reply.null_array();
        }
        Transaction::Open => {
            // Operations on APs for other sessions change keys when they complete, so they must
            // complete before the transaction.
            let number = call.session.owner.number;
            if parts.workers.has_aps() && !parts.workers.hold(number) {
                return Ok(Begun::Wait(None));
            }
            call.reply.array(call.session.queued);
            parts.store.watches.clear(call.session.owner.place);
            parts.workers.exclusive = number;
            call.session.transaction = Transaction::Running;
        }
    }
    Ok(Begun::Answered)
}
