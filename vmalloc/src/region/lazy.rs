//! Lists of slots that wait for a purge: pushed without a lock, taken whole.
//!
//! A list is a stack behind one atomic. There is no ABA problem, because single slots are never
//! taken out.

use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Pages are counted below this bit, areas from it on: a window has fewer than 2^36 pages, and
/// there are fewer than 2^24 slots.
const AREAS_SHIFT: u32 = 40;

/// The limit of lazy addresses on one CPU: 32 MiB in pages. It is added again for each doubling of
/// the CPUs.
const LAZY_PAGES: u64 = 8192;

/// The fraction of all frames that may be lazy.
const LAZY_PART: u64 = 16;

/// The lazy areas of one CPU.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct LazyList {
    top: AtomicU32,
    /// Areas and pages in one word, so that counting both is one step.
    waiting: AtomicU64,
}

fn word(areas: u64, pages: u64) -> u64 {
    areas << AREAS_SHIFT | pages
}

fn pages_of(word: u64) -> u64 {
    word & ((1 << AREAS_SHIFT) - 1)
}

impl LazyList {
    pub(crate) fn new() -> Self {
        Self { top: AtomicU32::new(0), waiting: AtomicU64::new(0) }
    }

    /// Adds a slot that the caller owns, and returns the number of pages on the list.
    #[inline]
    pub(crate) fn push(&self, slots: &Slots, slot: u32, pages: u64) -> u64 {
        self.push_record(slot, slots.slot(slot), pages)
    }

    /// As [`push`](Self::push), with the slot's record.
    #[inline]
    pub(crate) fn push_record(&self, slot: u32, record: &Slot, pages: u64) -> u64 {
        let more = word(1, pages);
        let waiting = pages_of(self.waiting.fetch_add(more, Ordering::Relaxed) + more);
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            record.set_next(top);
            // Release: pairs with the Acquire in `take`: the CPU that purges sees the record and
            // the cleared entries.
            match self.top.compare_exchange_weak(top, slot, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return waiting,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all slots. Returns the first, which links to the rest; 0 if the list is empty.
    pub(crate) fn take(&self) -> u32 {
        if self.top.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // Acquire: pairs with `push`.
        self.top.swap(0, Ordering::Acquire)
    }

    /// Takes every list, and leaves the first slot of each in `firsts`. False if something was put on
    /// a list that had been taken already: it may be older than what another list gave, and what was
    /// unmapped before something that is released must be flushed with it.
    pub(crate) fn take_all(lists: &[Self], firsts: &mut [u32]) -> bool {
        for (list, first) in lists.iter().zip(firsts) {
            *first = list.take();
        }
        // Relaxed: the Acquire in `take` has shown all that was pushed before what it took.
        lists.iter().all(|list| list.top.load(Ordering::Relaxed) == 0)
    }

    /// Subtracts released areas and pages from the backlog.
    pub(crate) fn settle(&self, areas: u64, pages: u64) {
        self.waiting.fetch_sub(word(areas, pages), Ordering::Relaxed);
    }

    /// Areas that wait, those that are being purged too.
    pub(crate) fn areas(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed) >> AREAS_SHIFT
    }

    /// Their pages with guards.
    pub(crate) fn pages(&self) -> u64 {
        pages_of(self.waiting.load(Ordering::Relaxed))
    }
}

/// The slots from `first` on with their records, each asked for its successor before it is handed
/// out.
#[inline]
pub(crate) fn records_from(slots: &Slots, first: u32) -> impl Iterator<Item = (u32, &Slot)> {
    let mut next = first;
    core::iter::from_fn(move || {
        let slot = next;
        if slot == 0 {
            return None;
        }
        let record = slots.slot(slot);
        next = record.next();
        Some((slot, record))
    })
}

/// The pages that may wait on one CPU's list before it purges.
pub(crate) fn lazy_limit(cpus: u32, frames: u64) -> u64 {
    let doublings = u64::from(u32::BITS - cpus.leading_zeros());
    (LAZY_PAGES * doublings).min(frames / LAZY_PART) / u64::from(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_wait_grows_with_the_cpus_and_is_shared_by_them() {
        let much = 1 << 30;
        assert_eq!(
            [1, 2, 3, 4, 8].map(|cpus| lazy_limit(cpus, much)),
            [8192, 8192, 5461, 6144, 4096]
        );
        // With little memory the frames are what limits it.
        assert_eq!([1, 2, 4].map(|cpus| lazy_limit(cpus, 1600)), [100, 50, 25]);
    }
}
