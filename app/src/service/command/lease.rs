//! `VLEASE`, and the expiry commands of Redis.
//!
//! The store keeps deadlines in microseconds of the monotonic clock. The commands of Redis use
//! milliseconds since 1970, which are the monotonic time plus the time of day at boot.

use vmalloc::Access;

use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::expiry::Expiry;
use crate::service::parse::lease;

/// Serves `VLEASE <r> ms|PERSIST`.
pub(in crate::service) fn vlease<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.region(call.argument(1))?;
    if call.argument(2).eq_ignore_ascii_case(b"PERSIST") {
        call.parts.store.persist(info.id);
    } else {
        let until_us = call.parts.store.clock.deadline(lease::parse(call.argument(2))?);
        call.parts.store.set_lease(info.id, until_us)?;
    }
    call.reply.status("OK");
    Ok(())
}

/// Serves `EXPIRE key seconds [NX|XX|GT|LT]`.
pub(in crate::service) fn expire<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::SECONDS, "expire")
}

/// Serves `PEXPIRE key milliseconds [NX|XX|GT|LT]`.
pub(in crate::service) fn pexpire<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::MILLISECONDS, "pexpire")
}

/// Serves `EXPIREAT key unix-seconds [NX|XX|GT|LT]`.
pub(in crate::service) fn expireat<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::AT_SECOND, "expireat")
}

/// Serves `PEXPIREAT key unix-milliseconds [NX|XX|GT|LT]`.
pub(in crate::service) fn pexpireat<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::AT_MILLISECOND, "pexpireat")
}

/// The conditions under which `EXPIRE` and its variants change a deadline.
#[derive(Debug, Default)]
struct ExpiryConditions {
    only_new: bool,
    only_old: bool,
    only_later: bool,
    only_earlier: bool,
}

impl ExpiryConditions {
    fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let mut found = Self::default();
        for word in words {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("NX") => found.only_new = true,
                () if is("XX") => found.only_old = true,
                () if is("GT") => found.only_later = true,
                () if is("LT") => found.only_earlier = true,
                () => return Err(Failure::Quoted("Unsupported option ", Word::new(word), "")),
            }
        }
        if found.only_new && (found.only_old || found.only_later || found.only_earlier) {
            let text = "NX and XX, GT or LT options at the same time are not compatible";
            return Err(Failure::Redis(text));
        }
        if found.only_later && found.only_earlier {
            let text = "GT and LT options at the same time are not compatible";
            return Err(Failure::Redis(text));
        }
        Ok(found)
    }

    /// Returns whether the deadline `next` may replace the deadline `now`. A key without a deadline
    /// counts as if its deadline were infinitely late.
    fn allow(&self, now: Option<i64>, next: i64) -> bool {
        !(self.only_new && now.is_some()
            || self.only_old && now.is_none()
            || self.only_later && now.is_none_or(|now| next <= now)
            || self.only_earlier && now.is_some_and(|now| next >= now))
    }
}

fn expire_by<M: Access>(
    call: &mut Call<'_, '_, M>,
    expiry: Expiry,
    command: &'static str,
) -> Result<(), Failure> {
    let conditions = ExpiryConditions::parse(call.arguments.iter().skip(3))?;
    let ms = expiry.read(&call.parts.store.clock, call.argument(2), command)?;
    let Some(info) = call.parts.store.key(call.argument(1))? else {
        call.reply.integer(0);
        return Ok(());
    };
    let store = &mut call.parts.store;
    let clock = store.clock;
    let now_ms = clock.unix_ms(clock.now_us);
    let at_ms = if expiry.is_absolute { ms } else { now_ms + ms };
    let held = store.ledger.lease(info.id).map(|until_us| clock.unix_ms(until_us));
    if !conditions.allow(held, at_ms) {
        call.reply.integer(0);
        return Ok(());
    }
    match u64::try_from(ms) {
        Ok(ms) if at_ms > now_ms => {
            let until_us = match expiry.is_absolute {
                true => clock.deadline_at(ms),
                false => clock.deadline(ms),
            };
            store.set_lease(info.id, until_us)?;
        }
        // The deadline has already passed, so the key is removed immediately.
        _ => {
            store.give_up(info.id);
        }
    }
    call.reply.integer(1);
    Ok(())
}

/// Serves `PERSIST key`.
pub(in crate::service) fn persist<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.parts.store.key(call.argument(1))?;
    let leased = info.filter(|info| call.parts.store.ledger.lease(info.id).is_some());
    if let Some(info) = &leased {
        call.parts.store.persist(info.id);
    }
    call.reply.integer(leased.is_some().into());
    Ok(())
}

/// Serves `TTL key`: replies with seconds, -1 without a lease, -2 without a key.
pub(in crate::service) fn ttl<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, now_ms| rounded((until_ms - now_ms).max(0)))
}

/// Serves `PTTL key`: replies with milliseconds, -1 without a lease, -2 without a key.
pub(in crate::service) fn pttl<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, now_ms| (until_ms - now_ms).max(0))
}

/// Serves `EXPIRETIME key`: replies with seconds since 1970, -1 without a lease, -2 without a key.
pub(in crate::service) fn expiretime<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, _| rounded(until_ms))
}

/// Serves `PEXPIRETIME key`: replies with milliseconds since 1970, -1 without a lease, -2 without a
/// key.
pub(in crate::service) fn pexpiretime<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<(), Failure> {
    tell(call, |until_ms, _| until_ms)
}

/// Converts milliseconds to seconds, rounded as in Redis.
fn rounded(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

fn tell<M: Access>(
    call: &mut Call<'_, '_, M>,
    value: impl Fn(i64, i64) -> i64,
) -> Result<(), Failure> {
    let info = call.parts.store.read_key(call.argument(1))?;
    let store = &call.parts.store;
    let clock = store.clock;
    let value = match info {
        None => -2,
        Some(info) => match store.ledger.lease(info.id) {
            None => -1,
            Some(until_us) => value(clock.unix_ms(until_us), clock.unix_ms(clock.now_us)),
        },
    };
    call.reply.signed(value);
    Ok(())
}
