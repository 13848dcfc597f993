//! Named regions with a lease.

/// The leases of regions with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Expiring {
    /// How many there are.
    pub(in crate::service) count: u64,
    /// The sum of the times at which they end, in microseconds of the clock.
    pub(super) until_us: u128,
}

impl Expiring {
    /// How long they go on, on average; 0 where there are none.
    #[must_use]
    pub(in crate::service) fn average_us(&self, now_us: u64) -> u64 {
        let until_us = self.until_us.checked_div(self.count.into()).unwrap_or(0);
        u64::try_from(until_us).unwrap_or(u64::MAX).saturating_sub(now_us)
    }
}
