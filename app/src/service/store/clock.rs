//! The clocks of the service, and deadlines.
//!
//! The store keeps deadlines in microseconds of the monotonic clock. The commands of Redis use
//! milliseconds since 1970, which are the monotonic time plus the time of day at boot.

/// The lease of a region that is not published yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Lease {
    /// A number of milliseconds after publication.
    For(u64),
    /// A time of the monotonic clock, in microseconds.
    Until(u64),
}

/// Time in microseconds after which a turn begins no further requests. The work and the packets
/// that are in progress then may take about the same time again.
const TURN_US: u64 = 1000;

/// The clocks of the service.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::service) struct TurnClock {
    /// The start of the turn, in microseconds since boot.
    pub(in crate::service) now_us: u64,
    /// A function that returns microseconds since boot.
    pub(in crate::service) read: Option<fn() -> u64>,
    /// The time of boot in seconds since 1970, if the machine has a real-time clock.
    pub(in crate::service) booted_at: Option<u64>,
}

impl TurnClock {
    /// Returns whether the turn has used up its time. Returns `false` without a clock.
    pub(in crate::service) fn is_late(&self) -> bool {
        self.read.is_some_and(|read| read().saturating_sub(self.now_us) > TURN_US)
    }

    /// Returns microseconds since boot; 0 without a clock.
    pub(in crate::service) fn read_us(&self) -> u64 {
        self.read.map_or(0, |read| read())
    }

    /// Calls `run`. Returns its result and its duration in microseconds. Without a clock, the
    /// duration is 0.
    pub(in crate::service) fn timed<T>(&self, run: impl FnOnce() -> T) -> (T, u64) {
        let start_us = self.read_us();
        let result = run();
        (result, self.read_us().saturating_sub(start_us))
    }

    /// Returns when the lease of a region that is published now expires, in microseconds since
    /// boot.
    pub(in crate::service) fn deadline_of(&self, lease: Lease) -> u64 {
        match lease {
            Lease::For(ms) => self.deadline(ms),
            Lease::Until(until_us) => until_us,
        }
    }

    /// Returns the deadline `ms` milliseconds from now, in microseconds since boot.
    pub(in crate::service) fn deadline(&self, ms: u64) -> u64 {
        self.now_us.saturating_add(ms.saturating_mul(1000))
    }

    /// Converts a time in milliseconds since 1970 to a deadline in microseconds since boot. The
    /// result is never 0, because 0 stands for no deadline.
    pub(in crate::service) fn deadline_at(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_mul(1000).saturating_sub(self.unix_us(0)).max(1)
    }

    /// Converts a time of the monotonic clock to microseconds since 1970.
    pub(in crate::service) fn unix_us(&self, us: u64) -> u64 {
        self.booted_at.unwrap_or(0).saturating_mul(1_000_000).saturating_add(us)
    }

    /// Converts a time of the monotonic clock to milliseconds since 1970.
    pub(in crate::service) fn unix_ms(&self, us: u64) -> i64 {
        i64::try_from(self.unix_us(us) / 1000).unwrap_or(i64::MAX)
    }
}
