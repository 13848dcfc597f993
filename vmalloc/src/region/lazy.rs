//! Lists of slots that wait for a purge. A free adds a slot without a lock, and a purge takes a
//! whole list.
//!
//! A list is a stack whose top is one atomic. Single slots are never removed, so the ABA problem
//! cannot occur.

use crate::region::slot::Slot;
use crate::region::slots::Slots;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The position of the number of areas in the counter; the number of pages is below it. A window
/// has fewer than 2^36 pages and fewer than 2^24 slots, so neither part overflows.
const AREAS_SHIFT: u32 = 40;

/// The lazy areas that one CPU has freed.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct LazyList {
    top: AtomicU32,
    /// The numbers of areas and pages in one word, so that one atomic addition changes both.
    waiting: AtomicU64,
    /// The number of pages above which the CPU purges, unless the machine has room for more.
    limit: AtomicU64,
}

fn word(areas: u64, pages: u64) -> u64 {
    areas << AREAS_SHIFT | pages
}

fn pages_of(word: u64) -> u64 {
    word & ((1 << AREAS_SHIFT) - 1)
}

impl LazyList {
    pub(crate) fn new(limit: u64) -> Self {
        let (top, waiting) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { top, waiting, limit: AtomicU64::new(limit) }
    }

    /// Returns the number of pages above which the CPU purges.
    #[inline]
    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn raise_limit(&self, pages: u64) {
        self.limit.fetch_add(pages, Ordering::Relaxed);
    }

    /// Sets another limit and returns the previous one.
    pub(crate) fn swap_limit(&self, pages: u64) -> u64 {
        self.limit.swap(pages, Ordering::Relaxed)
    }

    /// Adds a slot that the caller owns. Returns the number of pages that now wait on this list.
    #[inline]
    pub(crate) fn push(&self, slots: &Slots, slot: u32, pages: u64) -> u64 {
        self.push_record(slot, slots.slot(slot), pages)
    }

    /// Adds a slot as [`push`](Self::push) does, for a caller that has the record.
    #[inline]
    pub(crate) fn push_record(&self, slot: u32, record: &Slot, pages: u64) -> u64 {
        let more = word(1, pages);
        let waiting = pages_of(self.waiting.fetch_add(more, Ordering::Relaxed) + more);
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            record.set_next(top);
            // Release: pairs with the Acquire in `take`. The CPU that purges also reads the record
            // and the cleared entries.
            match self.top.compare_exchange_weak(top, slot, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return waiting,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all slots. Returns the first one, which links to the next; 0 if the list is empty.
    pub(crate) fn take(&self) -> u32 {
        if self.top.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        // Acquire: pairs with the Release in `push_record`.
        self.top.swap(0, Ordering::Acquire)
    }

    /// Takes every list, and stores the first slot of each in `firsts`. Returns `false` if a slot
    /// was added to a list after that list was taken. Such a slot may have been unmapped before a
    /// slot that another list gave, so the caller must flush everything: all pages that were
    /// unmapped before a released one must be flushed with it.
    pub(crate) fn take_all(lists: &[Self], firsts: &mut [u32]) -> bool {
        for (list, first) in lists.iter().zip(firsts) {
            *first = list.take();
        }
        // Relaxed: the Acquire in `take` makes everything visible that was added before the slots
        // that it took.
        lists.iter().all(|list| list.top.load(Ordering::Relaxed) == 0)
    }

    /// Subtracts areas and pages that were released or returned from the numbers that wait.
    pub(crate) fn settle(&self, areas: u64, pages: u64) {
        self.waiting.fetch_sub(word(areas, pages), Ordering::Relaxed);
    }

    /// Returns the number of areas that wait, including those that a purge has taken and not yet
    /// released.
    pub(crate) fn areas(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed) >> AREAS_SHIFT
    }

    /// Returns the number of pages of these areas, with guard pages.
    pub(crate) fn pages(&self) -> u64 {
        pages_of(self.waiting.load(Ordering::Relaxed))
    }
}

/// Iterates over the slots linked from `first`, with their records. The link is read before a slot
/// is returned, so the caller may change the link.
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
