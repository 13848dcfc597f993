//! Older Redis commands that are variants of `SET`.

use vmalloc::Access;

use super::old;
use super::set::make;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parse::expiry::Expiry;
use crate::service::parse::key::key;
use crate::service::store::Publication;

/// Serves `SETNX key value`: replies with 1, or with 0 if the key exists.
pub(in crate::service) fn setnx<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let publication = Publication::of(key(call.argument(1))?).condition(true, false);
    let is_made = match make(call, &publication, call.argument(2)) {
        Ok(()) => true,
        Err(Failure::Exists(_)) => false,
        Err(failure) => return Err(failure),
    };
    call.reply.integer(is_made.into());
    Ok(())
}

/// Serves `SETEX key seconds value`.
pub(in crate::service) fn setex<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    set_for(call, Expiry::SECONDS, "setex")
}

/// Serves `PSETEX key milliseconds value`.
pub(in crate::service) fn psetex<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    set_for(call, Expiry::MILLISECONDS, "psetex")
}

fn set_for<M: Access>(
    call: &mut Call<'_, '_, M>,
    expiry: Expiry,
    command: &'static str,
) -> Result<(), Failure> {
    let lease = expiry.lease(&call.parts.store.clock, call.argument(2), command)?;
    let publication = Publication::of(key(call.argument(1))?).lease(Some(lease), false);
    make(call, &publication, call.argument(3))?;
    call.reply.status("OK");
    Ok(())
}

/// Serves `GETSET key value`: replies with the old value, or a null.
pub(in crate::service) fn getset<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let publication = Publication::of(key(call.argument(1))?);
    call.parts.store.has_key(call.argument(1));
    if old::reply(call, call.argument(1))? {
        make(call, &publication, call.argument(2))?;
    }
    Ok(())
}
