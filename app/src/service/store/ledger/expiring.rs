//! Totals of the leases of named regions, for `INFO`.

/// Totals of the leases of regions with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Expiring {
    /// The number of leases.
    pub(in crate::service) count: u64,
    /// The sum of the deadlines, in microseconds since boot.
    pub(super) until_us: u128,
}

impl Expiring {
    /// Returns the average time until the deadlines in microseconds, or 0 without leases.
    #[must_use]
    pub(in crate::service) fn average_us(&self, now_us: u64) -> u64 {
        let until_us = self.until_us.checked_div(self.count.into()).unwrap_or(0);
        u64::try_from(until_us).unwrap_or(u64::MAX).saturating_sub(now_us)
    }
}
