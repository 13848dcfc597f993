//! Flushes and idle states of CPUs, and page faults.

use crate::allocator::faults::Faults;
use crate::allocator::parts::Vmalloc;
use crate::machine::Machine;

impl<M: Machine> Vmalloc<M> {
    /// Makes the flushes that other CPUs have requested from the calling CPU. The handler of
    /// [`TlbControl::interrupt`](crate::TlbControl::interrupt) calls it. A loop that calls it
    /// regularly avoids the interrupt.
    ///
    /// # Context
    ///
    /// Anywhere, and it may interrupt itself: takes no lock, and runs in
    /// [`Cpus::without_interrupts`](crate::Cpus::without_interrupts).
    ///
    /// # Complexity
    ///
    /// O(1): no flush, a flush of at most 33 pages, or a full flush.
    pub fn acknowledge(&self) {
        self.core.machine.without_interrupts(|| {
            self.core.tlb.acknowledge(&self.core.machine, self.core.machine.current());
        });
    }

    /// Marks the calling CPU as about to sleep. Flushes do not wait for it then, except those that
    /// free page tables.
    ///
    /// Until [`leave_idle`](Self::leave_idle) neither the CPU nor its interrupt handlers touch
    /// window memory that may change. It must look for work once more after this and before it
    /// really sleeps.
    ///
    /// # Context
    ///
    /// With interrupts off, and off until the CPU sleeps. Takes no lock.
    pub fn enter_idle(&self) {
        self.core.tlb.halt(self.core.machine.current());
    }

    /// Marks the calling CPU as awake, and makes the flushes that it missed while it slept. A CPU
    /// that starts calls it before it loads tables that contain the window: until then no flush
    /// waits for it.
    ///
    /// # Context
    ///
    /// Takes no lock. The CPU must not change in the midst of it.
    pub fn leave_idle(&self) {
        self.core.tlb.wake(&self.core.machine, self.core.machine.current());
    }

    /// Returns the functions for page-fault handlers.
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    #[must_use]
    pub fn faults(&self) -> Faults<'_, M> {
        Faults::new(&self.core)
    }
}
