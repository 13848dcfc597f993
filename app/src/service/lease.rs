//! `VLEASE`, and what Redis calls expiry: when a region ends by itself.

use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::call::Call;
use super::failure::{Failure, Word};
use crate::resp;

/// The longest lease in milliseconds: a hundred years.
const LEASE_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// Reads a lease in units of so many milliseconds.
pub(super) fn lease(text: &[u8], unit_ms: u64) -> Result<u64, Failure> {
    let ms = resp::decimal(text).and_then(|count| count.checked_mul(unit_ms));
    ms.filter(|ms| (1..=LEASE_MS_MAX).contains(ms)).ok_or_else(|| {
        Failure::Invalid("a lease is between 1 ms and a hundred years", Word::new(text))
    })
}

/// `VLEASE <r> ms|PERSIST`
pub(super) fn vlease<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    if call.argument(2).eq_ignore_ascii_case(b"PERSIST") {
        call.service.ledger.set_lease(info.id, 0);
    } else {
        let ms = lease(call.argument(2), 1)?;
        call.service.set_lease(&info, ms)?;
    }
    call.reply.status("OK");
    Ok(())
}

/// `EXPIRE key seconds`
pub(super) fn expire<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_in(call, 1000)
}

/// `PEXPIRE key milliseconds`
pub(super) fn pexpire<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    expire_in(call, 1)
}

fn expire_in<M: Machine>(call: &mut Call<'_, '_, M>, unit_ms: u64) -> Result<(), Failure> {
    let Some(number) = resp::signed(call.argument(2)) else {
        return Err(Failure::Redis("value is not an integer or out of range"));
    };
    let Some(info) = call.service.key(call.argument(1))? else {
        call.reply.integer(0);
        return Ok(());
    };
    if number <= 0 {
        // A time that is over.
        call.service.give_up(info.id);
    } else {
        let ms = lease(call.argument(2), unit_ms)?;
        call.service.set_lease(&info, ms)?;
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
    }
    call.reply.integer(leased.is_some().into());
    Ok(())
}

/// `TTL key`: seconds, -1 without a lease, -2 without a key.
pub(super) fn ttl<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    left(call, 1_000_000)
}

/// `PTTL key`: the same in milliseconds.
pub(super) fn pttl<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    left(call, 1000)
}

fn left<M: Machine>(call: &mut Call<'_, '_, M>, unit_us: u64) -> Result<(), Failure> {
    let value = match call.service.read_key(call.argument(1))? {
        None => -2,
        Some(info) => match call.service.lease_left_us(&info) {
            None => -1,
            // Rounded up: what is left is not over.
            Some(us) => i64::try_from(us.div_ceil(unit_us)).unwrap_or(i64::MAX),
        },
    };
    call.reply.signed(value);
    Ok(())
}

impl<M: Machine> Service<M> {
    fn set_lease(&mut self, info: &RegionInfo, ms: u64) -> Result<(), Failure> {
        let until_us = self.deadline(ms);
        if self.leases.set(&mut self.ledger, info.id, until_us) {
            return Ok(());
        }
        Err(Failure::Quota("leases", self.leases.limit()))
    }

    /// Microseconds until the region ends by itself.
    pub(super) fn lease_left_us(&self, info: &RegionInfo) -> Option<u64> {
        self.ledger.lease(info.id).map(|until_us| until_us.saturating_sub(self.now_us))
    }
}
