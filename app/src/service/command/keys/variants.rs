//! Redis' older ways to say a `SET`.

use vmalloc::Machine;

use super::old;
use super::set::make;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parse::expiry::Expiry;
use crate::service::parse::key::key;
use crate::service::store::Publication;

/// `SETNX key value`: 1, or 0 where the key is there already.
pub(in crate::service) fn setnx<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let publication = Publication::of(key(call.argument(1))?).condition(true, false);
    let is_made = match make(call, &publication, call.argument(2)) {
        Ok(()) => true,
        Err(Failure::Exists(_)) => false,
        Err(failure) => return Err(failure),
    };
    call.reply.integer(is_made.into());
    Ok(())
}

/// `SETEX key seconds value`
pub(in crate::service) fn setex<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    set_for(call, Expiry::SECONDS, "setex")
}

/// `PSETEX key milliseconds value`
pub(in crate::service) fn psetex<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    set_for(call, Expiry::MILLISECONDS, "psetex")
}

fn set_for<M: Machine>(
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

/// `GETSET key value`: the old value, or a null.
pub(in crate::service) fn getset<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let publication = Publication::of(key(call.argument(1))?);
    call.parts.store.has_key(call.argument(1));
    if old::reply(call, call.argument(1))? {
        make(call, &publication, call.argument(2))?;
    }
    Ok(())
}
