//! Makes the n-th reservation of a kind fail, so that every way back can be tried.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What can run out while a region is being allocated, in the order in which it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// A region slot.
    Region = 0,
    /// A run of addresses.
    Area,
    /// The frames behind the pages.
    Frame,
    /// A frame for a page table or its index.
    Table,
}

impl Reservation {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Region, Self::Area, Self::Frame, Self::Table];
}

/// Counts down to the failures that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Injector([AtomicU32; 4]);

impl Injector {
    /// Makes the `number`-th reservation from now fail, once; 0 takes that back.
    pub(crate) fn arm(&self, kind: Reservation, number: u32) {
        self.0[kind as usize].store(number, Relaxed);
    }

    /// Whether this reservation must fail. Not exact while several CPUs count down at once.
    pub(crate) fn fails(&self, kind: Reservation) -> bool {
        let counter = &self.0[kind as usize];
        let left = counter.load(Relaxed);
        if left == 0 {
            return false;
        }
        counter.store(left - 1, Relaxed);
        left == 1
    }
}
