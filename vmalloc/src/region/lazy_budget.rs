//! The limit of lazy pages of a machine, and its division among the lists of the CPUs.
//!
//! Each list has a small share of the limit. The rest is the room, from which a list that exceeds
//! its limit takes as much as it has already, until the room is used up. So a CPU that frees alone
//! may use nearly the whole limit, and a free looks at the numbers of its own list only. A purge
//! returns everything beyond the shares to the room.

use crate::region::lazy::LazyList;
use crate::sync::{AtomicU64, Ordering};

/// The limit of lazy pages of a machine with one CPU, 32 MiB. It grows with the logarithm of the
/// number of CPUs.
const LAZY_PAGES: u64 = 8192;

/// The divisor of the limit of lazy frames: at most 1/16 of all frames.
const LAZY_PART: u64 = 16;

/// The part of the limit of several CPUs that their shares have together.
const SHARES_PART: u64 = 8;

/// The number of lazy pages that a machine may have before it purges.
#[derive(Debug)]
pub(crate) struct LazyBudget {
    /// The lowest limit of each list.
    share: u64,
    /// The pages of the limit that no list has.
    room: AtomicU64,
}

impl LazyBudget {
    /// Creates the budget of a machine with `cpus` lists.
    pub(crate) fn new(cpus: u32, frames: u64) -> Self {
        let doublings = u64::from(u32::BITS - cpus.leading_zeros());
        let limit = (LAZY_PAGES * doublings).min(frames / LAZY_PART);
        let cpus = u64::from(cpus);
        let share = if cpus == 1 { limit } else { limit / (SHARES_PART * cpus) };
        Self { share, room: AtomicU64::new(limit - share * cpus) }
    }

    /// Returns the limit of a new list.
    pub(crate) fn share(&self) -> u64 {
        self.share
    }

    /// Raises the limit of a list so that its pages fit, and twice as many if there is room.
    /// Returns `false` if there is not enough room for its pages.
    pub(crate) fn extend(&self, list: &LazyList) -> bool {
        let (pages, limit) = (list.pages(), list.limit());
        if pages <= limit {
            return true;
        }
        let (missing, wanted) = (pages - limit, 2 * pages - limit);
        // Relaxed: the numbers are exact because each step changes them by one operation, and no
        // memory is accessed because of them.
        let rest = |room| (room >= missing).then(|| room - wanted.min(room));
        let taken = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        taken.inspect(|room| list.raise_limit(wanted.min(*room))).is_ok()
    }

    /// Returns everything that a list has beyond its share.
    pub(crate) fn reset(&self, list: &LazyList) {
        let limit = list.swap_limit(self.share);
        self.room.fetch_add(limit - self.share, Ordering::Relaxed);
    }

    /// Returns the pages of the limit that no list has.
    #[cfg(test)]
    pub(crate) fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::raw::Slab;
    use crate::region::slot::Slot;
    use crate::region::slots::Slots;
    use crate::sim::SimMachine;

    const MUCH: u64 = 1 << 30;

    fn with_slots(work: impl FnOnce(&Slots)) {
        let machine = SimMachine::new(16, 1);
        let first = machine.memory()[0].start;
        work(&Slots::new(Slab::carve_with(&machine, first, 1, |_| Slot::default())));
    }

    #[test]
    fn the_limit_grows_with_the_cpus_and_is_divided_among_them() {
        let limits = |cpus| {
            let budget = LazyBudget::new(cpus, MUCH);
            (budget.share(), budget.room())
        };
        assert_eq!(limits(1), (8192, 0));
        assert_eq!(limits(2), (1024, 16_384 - 2 * 1024));
        assert_eq!(limits(64), (112, 57_344 - 64 * 112));
        // With little memory, 1/16 of the frames is the limit.
        let budget = LazyBudget::new(4, 1600);
        assert_eq!((budget.share(), budget.room()), (3, 88));
    }

    #[test]
    fn one_list_takes_nearly_the_whole_limit_in_a_few_steps() {
        with_slots(|slots| {
            let budget = LazyBudget::new(64, MUCH);
            let list = LazyList::new(budget.share());
            let (mut pages, mut steps) = (0, 0);
            loop {
                if list.push(slots, 1, 1) > list.limit() {
                    if !budget.extend(&list) {
                        break;
                    }
                    steps += 1;
                }
                assert_eq!(budget.room() + list.limit() + 63 * budget.share(), 57_344);
                pages += 1;
            }
            assert_eq!((pages, steps), (57_344 - 63 * 112, 9));
            budget.reset(&list);
            assert_eq!((list.limit(), budget.room()), (112, 57_344 - 64 * 112));
        });
    }

    #[test]
    fn a_list_that_does_not_fit_changes_nothing() {
        with_slots(|slots| {
            let budget = LazyBudget::new(2, 1600);
            let list = LazyList::new(budget.share());
            list.push(slots, 1, 101);
            let before = (list.limit(), budget.room());
            assert!(!budget.extend(&list));
            assert_eq!((list.limit(), budget.room()), before);
            list.settle(0, 10);
            assert!(budget.extend(&list));
            assert_eq!((list.limit(), budget.room()), (94, 0));
        });
    }
}
