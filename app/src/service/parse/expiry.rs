//! Expiry times in commands of Redis.

use crate::resp;
use crate::service::failure::Failure;
use crate::service::store::{Lease, TurnClock};

const NOT_AN_INTEGER: Failure = Failure::Redis("value is not an integer or out of range");

/// The unit and the origin of an expiry time in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct Expiry {
    /// Milliseconds per unit.
    unit_ms: i64,
    /// Whether the time counts from 1970, instead of from the present.
    pub(in crate::service) is_absolute: bool,
}

impl Expiry {
    /// Seconds from now.
    pub(in crate::service) const SECONDS: Self = Self { unit_ms: 1000, is_absolute: false };
    /// Milliseconds from now.
    pub(in crate::service) const MILLISECONDS: Self = Self { unit_ms: 1, is_absolute: false };
    /// Seconds since 1970.
    pub(in crate::service) const AT_SECOND: Self = Self { unit_ms: 1000, is_absolute: true };
    /// Milliseconds since 1970.
    pub(in crate::service) const AT_MILLISECOND: Self = Self { unit_ms: 1, is_absolute: true };

    /// Parses a time. Returns milliseconds from now, or from 1970 if the time is absolute. Errors
    /// name `command`.
    pub(in crate::service) fn read(
        self,
        clock: &TurnClock,
        text: &[u8],
        command: &'static str,
    ) -> Result<i64, Failure> {
        let number = resp::signed(text).ok_or(NOT_AN_INTEGER)?;
        let base = if self.is_absolute { 0 } else { clock.unix_ms(clock.now_us) };
        let ms = number.checked_mul(self.unit_ms).filter(|ms| ms.checked_add(base).is_some());
        ms.ok_or(Failure::ExpireTime(command))
    }

    /// Parses an expiry time as the lease of a key that is about to be set.
    pub(in crate::service) fn lease(
        self,
        clock: &TurnClock,
        text: &[u8],
        command: &'static str,
    ) -> Result<Lease, Failure> {
        let ms = self.read(clock, text, command)?;
        let ms = u64::try_from(ms).ok().filter(|ms| *ms > 0).ok_or(Failure::ExpireTime(command))?;
        Ok(if self.is_absolute { Lease::Until(clock.deadline_at(ms)) } else { Lease::For(ms) })
    }
}
