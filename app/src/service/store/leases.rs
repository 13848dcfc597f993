//! The leases of regions, as a heap of deadlines with a fixed capacity.
//!
//! When the lease of a region changes, its old deadline stays in the heap until it passes or the
//! heap is full. The [`Ledger`] has the valid deadline.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use vmalloc::RegionId;

use super::ledger::Ledger;

/// A heap of deadlines with the earliest first.
#[derive(Debug)]
pub(in crate::service) struct Leases {
    /// Deadlines in microseconds since boot, each with the id of its region.
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    limit: usize,
    /// Leases reserved for requests in flight.
    reserved: usize,
}

impl Leases {
    /// Allocates space for `limit` valid deadlines, and for the same number of outdated ones.
    pub(in crate::service) fn with_limit(limit: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(2 * limit), limit, reserved: 0 }
    }

    /// Returns the maximum number of leases.
    pub(in crate::service) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how many more regions can get a lease. Reserved leases are not counted as available.
    pub(in crate::service) fn room(&self, ledger: &Ledger) -> usize {
        self.limit.saturating_sub(ledger.leases() + self.reserved)
    }

    /// Reserves `count` leases for requests in flight.
    pub(in crate::service) fn reserve(&mut self, count: usize) {
        self.reserved += count;
    }

    /// Releases `count` reserved leases.
    pub(in crate::service) fn unreserve(&mut self, count: usize) {
        self.reserved -= count;
    }

    /// Sets the deadline of a region. Returns `false` and changes nothing if the maximum number of
    /// leases is reached.
    pub(in crate::service) fn set(
        &mut self,
        ledger: &mut Ledger,
        id: RegionId,
        until_us: u64,
    ) -> bool {
        if self.room(ledger) == 0 && ledger.lease(id).is_none() {
            return false;
        }
        if self.heap.len() >= 2 * self.limit {
            self.heap.retain(|Reverse((at, raw))| holds(ledger, *at, *raw).is_some());
        }
        ledger.set_lease(id, until_us);
        self.heap.push(Reverse((until_us, id.get())));
        true
    }

    /// Returns a region whose lease has expired, if there is one.
    pub(in crate::service) fn due(&mut self, ledger: &Ledger, now_us: u64) -> Option<RegionId> {
        while let Some(Reverse((at, raw))) = self.heap.peek().copied() {
            if at > now_us {
                return None;
            }
            self.heap.pop();
            if let Some(id) = holds(ledger, at, raw) {
                return Some(id);
            }
        }
        None
    }

    /// Returns when the next lease may expire, in microseconds since boot.
    pub(in crate::service) fn wake_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

/// Returns the region `raw` if `at` is its valid deadline.
fn holds(ledger: &Ledger, at: u64, raw: u64) -> Option<RegionId> {
    RegionId::from_raw(raw).filter(|id| ledger.lease(*id) == Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::HeapBuffers;

    fn id(raw: u64) -> RegionId {
        RegionId::from_raw(raw).unwrap()
    }

    #[test]
    fn deadlines_come_in_order_and_old_ones_not_at_all() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 4, 1).unwrap();
        let mut leases = Leases::with_limit(4);
        for raw in 1..=3 {
            ledger.insert(ledger.orphans(), id(raw), 1, 0);
            assert!(leases.set(&mut ledger, id(raw), 100 - raw));
        }
        assert!(leases.set(&mut ledger, id(3), 200));
        assert_eq!(leases.wake_at(), Some(97));
        ledger.set_lease(id(2), 0);
        assert_eq!(leases.due(&ledger, 98), None);
        assert_eq!(leases.due(&ledger, 99), Some(id(1)));
        assert_eq!((leases.due(&ledger, 199), leases.wake_at()), (None, Some(200)));
        assert_eq!(leases.due(&ledger, 200), Some(id(3)));
        assert_eq!(leases.wake_at(), None);
    }

    #[test]
    fn what_no_longer_holds_makes_room() {
        let mut ledger = Ledger::try_new(&HeapBuffers, 4, 1).unwrap();
        let mut leases = Leases::with_limit(2);
        for raw in 1..=3 {
            ledger.insert(ledger.orphans(), id(raw), 1, 0);
        }
        let capacity = leases.heap.capacity();
        for until_us in 1..=100 {
            assert!(leases.set(&mut ledger, id(1), until_us), "one region has one lease");
        }
        assert!(leases.set(&mut ledger, id(2), 5));
        assert!(!leases.set(&mut ledger, id(3), 5));
        assert_eq!(ledger.lease(id(3)), None);
        assert!(leases.set(&mut ledger, id(1), 101), "a new deadline needs no room");
        ledger.remove(id(2));
        assert!(leases.set(&mut ledger, id(3), 5));
        assert_eq!(leases.heap.capacity(), capacity, "it never grows");
    }
}
