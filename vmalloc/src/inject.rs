//! Makes the n-th reservation of a kind fail, so that tests can reach every error path.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The resources that an allocation reserves, in this order.
/// [`Vmalloc::inject`](crate::Vmalloc::inject) makes a reservation fail.
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
pub(crate) struct Injector {
    left: [AtomicU32; 4],
    fired: AtomicBool,
    /// Whether any number may be above 0.
    armed: AtomicBool,
}

impl Injector {
    /// Makes the `number`-th reservation from now fail, once; 0 takes that back.
    pub(crate) fn arm(&self, kind: Reservation, number: u32) {
        self.left[kind as usize].store(number, Relaxed);
        self.fired.store(false, Relaxed);
        let is_armed = self.left.iter().any(|left| left.load(Relaxed) > 0);
        self.armed.store(is_armed, Relaxed);
    }

    /// Returns whether any reservation may have to fail: one check for code that makes several
    /// reservations at once.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Relaxed)
    }

    /// Whether this reservation must fail. Not exact while several CPUs count down at once.
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
    /// be retried, or the injected failure would stay unseen.
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.swap(false, Relaxed)
    }
}
