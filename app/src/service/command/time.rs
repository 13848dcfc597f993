//! `TIME`: shows the time of day.

use vmalloc::Access;

use crate::service::call::Call;
use crate::service::failure::Failure;

/// Serves `TIME`: replies with the seconds since 1970, and the microseconds.
pub(in crate::service) fn time<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let clock = call.parts.store.clock;
    let us = clock.unix_us(clock.now_us);
    call.reply.array(2);
    call.reply.bulk_of(format_args!("{}", us / 1_000_000));
    call.reply.bulk_of(format_args!("{}", us % 1_000_000));
    Ok(())
}
