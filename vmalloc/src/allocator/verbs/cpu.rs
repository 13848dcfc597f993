//! What a CPU says of itself, and what its fault handler asks.

use crate::allocator::faults::Faults;
use crate::allocator::parts::Vmalloc;
use crate::machine::Machine;

impl<M: Machine> Vmalloc<M> {
    /// Flushes what the calling CPU has not flushed yet: what the handler of
    /// [`TlbControl::interrupt`](crate::TlbControl::interrupt) does, and what a loop may do at
    /// every turn to spare itself the interrupt.
    ///
    /// # Context
    ///
    /// Anywhere, and it may interrupt itself: takes no lock, and runs in
    /// [`Cpus::without_interrupts`](crate::Cpus::without_interrupts).
    ///
    /// # Complexity
    ///
    /// O(1): nothing, at most 33 pages, or everything.
    pub fn acknowledge(&self) {
        self.core.machine.without_interrupts(|| {
            self.core.tlb.acknowledge(&self.core.machine, self.core.machine.current());
        });
    }

    /// Says that the calling CPU is about to sleep: flushes need not wait for it, but for those that
    /// free page tables.
    ///
    /// Until [`leave_idle`](Self::leave_idle) it touches no window memory that may change meanwhile,
    /// and neither do its interrupt handlers. It must look for work once more after this and before it
    /// really sleeps.
    ///
    /// # Context
    ///
    /// With interrupts off, and off until the CPU sleeps. Takes no lock.
    pub fn enter_idle(&self) {
        self.core.tlb.halt(self.core.machine.current());
    }

    /// Says that the calling CPU is awake, and flushes what it has slept through. A CPU that
    /// starts calls it before it runs on tables that have the window in them: until then nobody waits
    /// for it.
    ///
    /// # Context
    ///
    /// Takes no lock. The CPU must not change in the midst of it.
    pub fn leave_idle(&self) {
        self.core.tlb.wake(&self.core.machine, self.core.machine.current());
    }

    /// What the handler of page faults asks and says.
    ///
    /// # Context
    ///
    /// Takes no lock and allocates nothing: for fault handlers.
    #[must_use]
    pub fn faults(&self) -> Faults<'_, M> {
        Faults::new(&self.core)
    }
}
