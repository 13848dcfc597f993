//! Makes the n-th reservation of a kind fail, so that tests reach every error path.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The resources that an allocation reserves, in this order.
/// [`Modes::inject`](crate::Modes::inject) makes the reservation of one kind fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// A region slot.
    Region = 0,
    /// A run of addresses.
    Area,
    /// The frames of the pages.
    Frame,
    /// A frame for a page table or its index.
    Table,
}

impl Reservation {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Region, Self::Area, Self::Frame, Self::Table];
}

/// Counts reservations down to the one that must fail.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    left: [AtomicU32; 4],
    fired: AtomicBool,
    /// Whether any of `left` may be above 0.
    armed: AtomicBool,
}

impl Injector {
    /// Makes the `number`-th reservation of a kind from now fail, once. 0 cancels this.
    pub(crate) fn arm(&self, kind: Reservation, number: u32) {
        self.left[kind as usize].store(number, Relaxed);
        self.fired.store(false, Relaxed);
        let is_armed = self.left.iter().any(|left| left.load(Relaxed) > 0);
        self.armed.store(is_armed, Relaxed);
    }

    /// Returns whether any reservation may have to fail. Code that makes several reservations at
    /// once checks this first, and takes another path if so.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Relaxed)
    }

    /// Returns whether this reservation must fail. Not exact while several CPUs make reservations.
    #[inline]
    pub(crate) fn fails(&self, kind: Reservation) -> bool {
        let counter = &self.left[kind as usize];
        let left = counter.load(Relaxed);
        if left == 0 {
            return false;
        }
        counter.store(left - 1, Relaxed);
        if left == 1 {
            self.fired.store(true, Relaxed);
        }
        left == 1
    }

    /// Returns whether a reservation was made to fail since the last call. Such a request must not
    /// be retried, because a retry would hide the injected failure.
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.swap(false, Relaxed)
    }
}
