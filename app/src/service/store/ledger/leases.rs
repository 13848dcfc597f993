//! The leases of regions.

use vmalloc::RegionId;

use super::{LEASE_US, Ledger};

/// The leases of regions with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Expiring {
    /// How many there are.
    pub(in crate::service) count: u64,
    /// The sum of the times at which they end, in microseconds of the clock.
    until_us: u128,
}

impl Expiring {
    /// How long they go on, on average; 0 where there are none.
    #[must_use]
    pub(in crate::service) fn average_us(&self, now_us: u64) -> u64 {
        let until_us = self.until_us.checked_div(self.count.into()).unwrap_or(0);
        u64::try_from(until_us).unwrap_or(u64::MAX).saturating_sub(now_us)
    }
}

impl Ledger {
    /// Sets when the region ends by itself, in microseconds of the clock; 0 is never.
    pub(in crate::service) fn set_lease(&mut self, id: RegionId, until_us: u64) {
        if self.holds(id) {
            self.count_expiring(id, false);
            self.leases -= usize::from(self.lease(id).is_some());
            self.leases += usize::from(until_us != 0);
            self.records.set_u64(id.slot() as usize, LEASE_US, until_us);
            self.count_expiring(id, true);
        }
    }

    /// Counts the region's lease where it has a name and a lease, or no longer counts it.
    pub(super) fn count_expiring(&mut self, id: RegionId, is_added: bool) {
        let Some((until_us, _)) = self.lease(id).zip(self.name(id)) else { return };
        let Expiring { count, until_us: sum } = &mut self.expiring;
        if is_added {
            *count += 1;
            *sum += u128::from(until_us);
        } else {
            *count -= 1;
            *sum -= u128::from(until_us);
        }
    }

    /// The leases of regions with a name.
    #[must_use]
    pub(in crate::service) fn expiring(&self) -> Expiring {
        self.expiring
    }

    /// How many regions end by themselves.
    #[must_use]
    pub(in crate::service) fn leases(&self) -> usize {
        self.leases
    }

    /// When the region ends by itself.
    #[must_use]
    pub(in crate::service) fn lease(&self, id: RegionId) -> Option<u64> {
        let until_us = self.records.u64(id.slot() as usize, LEASE_US);
        (self.holds(id) && until_us != 0).then_some(until_us)
    }
}
