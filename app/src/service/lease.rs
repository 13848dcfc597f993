//! `VLEASE`, and what Redis calls expiry: when a region ends by itself.
//!
//! Deadlines are microseconds of the monotonic clock. Redis' commands name them in milliseconds since
//! 1970, which are those of the monotonic clock and the time of day at which it began.

use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::call::Call;
use super::failure::{Failure, Word};
use crate::resp;

/// The longest lease of a `V*` command in milliseconds: a hundred years.
const LEASE_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

const NOT_AN_INTEGER: Failure = Failure::Redis("value is not an integer or out of range");

/// When a region ends that is still to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lease {
    /// Milliseconds after its publication.
    For(u64),
    /// At a time of the monotonic clock, in microseconds.
    Until(u64),
}

/// Reads the lease of a `V*` command, in milliseconds.
pub(super) fn lease(text: &[u8]) -> Result<u64, Failure> {
    resp::decimal(text).filter(|ms| (1..=LEASE_MS_MAX).contains(ms)).ok_or_else(|| {
        Failure::Invalid("a lease is between 1 ms and a hundred years", Word::new(text))
    })
}

/// How a command of Redis says when a key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Milliseconds of its unit.
    unit_ms: i64,
    /// Whether it is counted from 1970, not from now.
    is_absolute: bool,
}

impl Expiry {
    pub(super) const SECONDS: Self = Self { unit_ms: 1000, is_absolute: false };
    pub(super) const MILLISECONDS: Self = Self { unit_ms: 1, is_absolute: false };
    pub(super) const AT_SECOND: Self = Self { unit_ms: 1000, is_absolute: true };
    pub(super) const AT_MILLISECOND: Self = Self { unit_ms: 1, is_absolute: true };

    /// Reads what follows: milliseconds from now, or from 1970. `command` is named in errors.
    fn read<M: Machine>(
        self,
        service: &Service<M>,
        text: &[u8],
        command: &'static str,
    ) -> Result<i64, Failure> {
        let number = resp::signed(text).ok_or(NOT_AN_INTEGER)?;
        let base = if self.is_absolute { 0 } else { service.unix_ms(service.now_us) };
        let ms = number.checked_mul(self.unit_ms).filter(|ms| ms.checked_add(base).is_some());
        ms.ok_or(Failure::ExpireTime(command))
    }

    /// Reads the lease of a key that is about to be set.
    pub(super) fn lease<M: Machine>(
        self,
        service: &Service<M>,
        text: &[u8],
        command: &'static str,
    ) -> Result<Lease, Failure> {
        let ms = self.read(service, text, command)?;
        let ms = u64::try_from(ms).ok().filter(|ms| *ms > 0).ok_or(Failure::ExpireTime(command))?;
        Ok(if self.is_absolute { Lease::Until(service.deadline_at(ms)) } else { Lease::For(ms) })
    }
}

/// `VLEASE <r> ms|PERSIST`
pub(super) fn vlease<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    if call.argument(2).eq_ignore_ascii_case(b"PERSIST") {
        call.service.ledger.set_lease(info.id, 0);
        call.service.touch(info.id);
    } else {
        let until_us = call.service.deadline(lease(call.argument(2))?);
        call.service.set_lease(&info, until_us)?;
    }
    call.reply.status("OK");
    Ok(())
}

/// `EXPIRE key seconds [NX|XX|GT|LT]`
pub(super) fn expire<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::SECONDS, "expire")
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpire<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::MILLISECONDS, "pexpire")
}

/// `EXPIREAT key unix-seconds [NX|XX|GT|LT]`
pub(super) fn expireat<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::AT_SECOND, "expireat")
}

/// `PEXPIREAT key unix-milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpireat<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_by(call, Expiry::AT_MILLISECOND, "pexpireat")
}

/// When a deadline is to be changed.
#[derive(Debug, Default)]
struct Conditions {
    only_new: bool,
    only_old: bool,
    only_later: bool,
    only_earlier: bool,
}

impl Conditions {
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

    /// Whether a time may follow the one that holds. Without a deadline that is the end of time.
    fn allow(&self, now: Option<i64>, next: i64) -> bool {
        !(self.only_new && now.is_some()
            || self.only_old && now.is_none()
            || self.only_later && now.is_none_or(|now| next <= now)
            || self.only_earlier && now.is_some_and(|now| next >= now))
    }
}

fn expire_by<M: Machine>(
    call: &mut Call<'_, '_, M>,
    expiry: Expiry,
    command: &'static str,
) -> Result<(), Failure> {
    let conditions = Conditions::parse(call.arguments.iter().skip(3))?;
    let ms = expiry.read(call.service, call.argument(2), command)?;
    let Some(info) = call.service.key(call.argument(1))? else {
        call.reply.integer(0);
        return Ok(());
    };
    let service = &mut *call.service;
    let now_ms = service.unix_ms(service.now_us);
    let at_ms = if expiry.is_absolute { ms } else { now_ms + ms };
    let held = service.ledger.lease(info.id).map(|until_us| service.unix_ms(until_us));
    if !conditions.allow(held, at_ms) {
        call.reply.integer(0);
        return Ok(());
    }
    match u64::try_from(ms) {
        Ok(ms) if at_ms > now_ms => {
            let until_us = match expiry.is_absolute {
                true => service.deadline_at(ms),
                false => service.deadline(ms),
            };
            service.set_lease(&info, until_us)?;
        }
        // A time that is over.
        _ => {
            service.give_up(info.id);
        }
    }
    call.reply.integer(1);
    Ok(())
}

/// `PERSIST key`
pub(super) fn persist<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.key(call.argument(1))?;
    let leased = info.filter(|info| call.service.ledger.lease(info.id).is_some());
    if let Some(info) = &leased {
        call.service.ledger.set_lease(info.id, 0);
        call.service.touch(info.id);
    }
    call.reply.integer(leased.is_some().into());
    Ok(())
}

/// `TTL key`: seconds, -1 without a lease, -2 without a key.
pub(super) fn ttl<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, now_ms| rounded((until_ms - now_ms).max(0)))
}

/// `PTTL key`: the same in milliseconds.
pub(super) fn pttl<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, now_ms| (until_ms - now_ms).max(0))
}

/// `EXPIRETIME key`: seconds since 1970, -1 without a lease, -2 without a key.
pub(super) fn expiretime<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, _| rounded(until_ms))
}

/// `PEXPIRETIME key`: the same in milliseconds.
pub(super) fn pexpiretime<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    tell(call, |until_ms, _| until_ms)
}

/// Seconds, as Redis rounds them.
fn rounded(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

fn tell<M: Machine>(
    call: &mut Call<'_, '_, M>,
    value: impl Fn(i64, i64) -> i64,
) -> Result<(), Failure> {
    let info = call.service.read_key(call.argument(1))?;
    let service = &*call.service;
    let value = match info {
        None => -2,
        Some(info) => match service.ledger.lease(info.id) {
            None => -1,
            Some(until_us) => value(service.unix_ms(until_us), service.unix_ms(service.now_us)),
        },
    };
    call.reply.signed(value);
    Ok(())
}

/// `TIME`: seconds since 1970, and microseconds.
pub(super) fn time<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let us = call.service.unix_us(call.service.now_us);
    call.reply.array(2);
    call.reply.bulk_of(format_args!("{}", us / 1_000_000));
    call.reply.bulk_of(format_args!("{}", us % 1_000_000));
    Ok(())
}

impl<M: Machine> Service<M> {
    fn set_lease(&mut self, info: &RegionInfo, until_us: u64) -> Result<(), Failure> {
        if self.leases.set(&mut self.ledger, info.id, until_us) {
            self.touch(info.id);
            return Ok(());
        }
        Err(Failure::Quota("leases", self.leases.limit()))
    }

    /// Microseconds until the region ends by itself.
    pub(super) fn lease_left_us(&self, info: &RegionInfo) -> Option<u64> {
        self.ledger.lease(info.id).map(|until_us| until_us.saturating_sub(self.now_us))
    }

    /// When a region ends that is published now.
    pub(super) fn deadline_of(&self, lease: Lease) -> u64 {
        match lease {
            Lease::For(ms) => self.deadline(ms),
            Lease::Until(until_us) => until_us,
        }
    }

    /// When so many milliseconds from now are over.
    pub(super) fn deadline(&self, ms: u64) -> u64 {
        self.now_us.saturating_add(ms.saturating_mul(1000))
    }

    /// When so many milliseconds since 1970 are over; never 0, which means no deadline.
    fn deadline_at(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_mul(1000).saturating_sub(self.unix_us(0)).max(1)
    }

    /// A time of the monotonic clock in microseconds since 1970.
    fn unix_us(&self, us: u64) -> u64 {
        self.booted_at.unwrap_or(0).saturating_mul(1_000_000).saturating_add(us)
    }

    /// The same in milliseconds.
    fn unix_ms(&self, us: u64) -> i64 {
        i64::try_from(self.unix_us(us) / 1000).unwrap_or(i64::MAX)
    }
}
